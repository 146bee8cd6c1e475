"""Processes of our own as workers, which end when their caller does, however that is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

CALLERS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that a terminal or a scheduler sends to all processes alike, and the caller heeds."""


class ProcessPool(ProcessPoolExecutor):
    """A pool whose processes leave signals to the caller."""

    def submit(self, *task: Any, **arguments: Any) -> Future[Any]:
        """Submit a task; the processes that this starts are born with the signals blocked."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(*task, **arguments)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, CALLERS)
        try:
            return super().submit(*task, **arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many new processes, for `sweep(executor=)`.

    They are begun anew (multiprocessing's 'spawn'), since JAX and CUDA do not live through a fork.
    What they are still at is given up where the context ends, and where the caller is killed.
    """
    heard, held = Pipe(duplex=False)  # of which only this process has the end to write to
    pool = ProcessPool(count, get_context("spawn"), initializer=_end_with, initargs=(heard,))
    with heard, held:
        try:
            yield pool
        finally:
            held.close()  # first: a pool of which a process was killed would wait for the others
            pool.shutdown(cancel_futures=True)


def _end_with(caller: Connection) -> None:
    """In a worker: end when the other end of a pipe is closed."""

    def watch() -> None:
        try:
            caller.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)

    Thread(target=watch, name="caller", daemon=True).start()
