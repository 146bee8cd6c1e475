"""How a command ends when it is told to.

By Ctrl-C (SIGINT), by SIGTERM, as a scheduler does, or by SIGHUP, when its terminal, or the
connection to it, is closed.

The first signal raises `KeyboardInterrupt`, so that what there is can be saved. A second one ends
the process at once, whatever it is at: files are written whole or not at all.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):  # not on Windows
    WORDS[signal.SIGHUP] = "hung up"

SAME = 0.2
"""Seconds within which a second signal is the first one: `timeout` sends it to a process and to its
group, and what hands signals on, such as `uv run`, does so beside the terminal."""

SWALLOWED = b"\0"
"""What is sent instead of a signal's number where an interruption could not be raised."""
SHORTLY = 0.05
"""Seconds until it is raised again."""

TOLD = f"{__name__}.told"
"""Where a click context has the `Told` of its command."""


class Told:
    """Whether a command was told to end, and by what.

    Attributes
    ----------
    by : signal.Signals
        The first signal; SIGINT until there is one.
    at_all : bool
        Whether there was one.
    """

    def __init__(self) -> None:
        self.by, self.at_all = signal.SIGINT, False
        self._since: float | None = None

    @property
    def status(self) -> int:
        """What a shell expects of a process that ends by the signal: 130, 143 or 129."""
        return 128 + self.by

    @property
    def word(self) -> str:
        """What became of the command, in a word."""
        return WORDS[self.by]

    def heed(self, number: int, frame: Any) -> None:
        """Handle a signal, in the main thread, once what it is at has returned to Python."""
        if not self.at_all:
            self.by, self.at_all = signal.Signals(number), True
            forget_terminal()
            raise KeyboardInterrupt

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within, every signal is known at once, also while the main thread is not in Python."""
        heard, sent = socket.socketpair()
        sent.setblocking(False)

        def again(unraisable: Any) -> None:
            """Ask for the interruption anew where it came in a place that can raise nothing.

            An object that it left half made may miss attributes when it is dropped: no such error
            is shown.
            """
            if self.at_all and issubclass(unraisable.exc_type, KeyboardInterrupt):
                sent.send(SWALLOWED)
            elif not (self.at_all and issubclass(unraisable.exc_type, AttributeError)):
                hook(unraisable)

        hook, wakeup = sys.unraisablehook, signal.set_wakeup_fd(sent.fileno())
        watcher = threading.Thread(target=self._watch, args=(heard,), name="signals", daemon=True)
        watcher.start()
        try:
            sys.unraisablehook = again
            yield
        finally:
            sys.unraisablehook = hook
            signal.set_wakeup_fd(wakeup)
            sent.close()
            watcher.join()
            heard.close()

    def _watch(self, heard: socket.socket) -> None:
        """End the process with the second signal."""
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        while number := heard.recv(1):
            if number == SWALLOWED:
                time.sleep(SHORTLY)  # until the main thread is where it can be raised
                self.at_all, self._since = False, None
                signal.pthread_kill(main_thread, self.by)
            elif number[0] in WORDS:
                now = time.monotonic()
                self._since = self._since or now
                if now - self._since > SAME:
                    os._exit(128 + number[0])


def forget_terminal() -> None:
    """Write to nowhere what would go to a terminal that is gone: what is to be saved still is."""
    for stream in (1, 2):
        with suppress(OSError):  # it was closed before
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)


def drop_locals(error: BaseException) -> None:
    """Drop the local variables of the functions that an error has ended, and those before it."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop()
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        others = (one.__context__, one.__cause__)
        todo += [x for x in others if x is not None and id(x) not in seen]


@contextmanager
def heeded(told: Told) -> Iterator[None]:
    """Within, signals are heeded but those that are ignored, as SIGINT is in a job begun by ``&``.

    Only the main thread may say so to Python: in another one, all is left as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {x: signal.getsignal(x) for x in WORDS}
    ours = [x for x, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in ours:
            signal.signal(number, told.heed)
        with told.watching():  # which may send one again, also as it ends
            try:
                yield
            except BaseException as error:
                if told.at_all:
                    drop_locals(error)  # while a signal that comes twice is still known to be one
                raise
    finally:
        for number in ours:
            signal.signal(number, before[number])


def status() -> int:
    """The exit status of the command under way, if it ends by the signal that it was sent."""
    told: Told = click.get_current_context().meta[TOLD]
    return told.status
