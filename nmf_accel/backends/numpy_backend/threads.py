"""Threads of ours, at work while BLAS is held to one.

BLAS's threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. What ours do instead, `ways` tells.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import pairwise
from threading import Lock, RLock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

T = TypeVar("T")

_alone = RLock()
_held: list[tuple[int, int]] = []  # how many BLAS would have, and has, for each time it is held
_most: ContextVar[float] = ContextVar("most", default=math.inf)
_turns: ContextVar[Lock | None] = ContextVar("turns", default=None)
_kept: ContextVar[dict[int, ThreadPoolExecutor] | None] = ContextVar("kept", default=None)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


walking: ContextVar[Crew | None] = ContextVar("walking", default=None)
"""The threads that share a walk through A, see `thin`; None where nobody walks."""


def tells() -> bool:
    """Whether BLAS says how many threads it has, and can be held to one."""
    return bool(_blas().lib_controllers)


def available() -> int:
    """Threads that we may use: BLAS's, or those it might if it were not held; see `at_most`."""
    return int(min(_free(), _most.get()))


def _free() -> int:
    """Threads that BLAS may use, or might if it were not held; the cores if it does not say."""
    for free, _ in _held:
        return free
    told = [x.num_threads for x in _blas().lib_controllers]
    return max(told, default=cores())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def hold(several: int = 1) -> Iterator[bool]:
    """BLAS held to so many threads; False, all as it is, where another thread of ours holds it."""
    free = _free()
    if not _held and several >= free:
        yield True
        return
    if not _alone.acquire(blocking=False):
        yield False
        return
    now = _held[-1][1] if _held else free
    # Before BLAS is held and until it is free again, or others would take it to be smaller.
    _held.append((free, several))
    try:
        with nullcontext() if several == now else _blas().limit(limits=several):
            yield True
    finally:
        _held.pop()
        _alone.release()


@contextmanager
def at_most(several: int) -> Iterator[None]:
    """Within, we use at most so many threads, and so does BLAS.

    Beside another thread of the process that holds BLAS, it is so in iterations, once that is done.
    """
    with within(_most, several), hold(several):
        yield


def _alone_too() -> None:
    """Where BLAS counts its threads for each of ours, as MKL does, ours have to be told as well."""
    _blas().limit(limits=1)


class Crew(NamedTuple):
    """Threads of ours, the caller's among them: so many, with the others in a pool."""

    several: int = 1
    pool: Any = None

    def each(self, function: Callable[[Any], T], parts: Iterable[Any]) -> list[T]:
        """What a function makes of each part; of the first one in this thread."""
        first, *others = parts
        # In copies of the caller's context, with its np.errstate.
        going = [self.pool.submit(copy_context().run, function, part) for part in others]
        return [function(first), *(future.result() for future in going)]


@contextmanager
def crew(several: int) -> Iterator[Crew | None]:
    """A crew while BLAS is held to one thread; None where another thread of the process holds it.

    When it ends, all of its threads have ended, but for a second Ctrl-C while they are waited for;
    those that are kept (`keeping`) are idle then.
    """
    with hold() as held:
        if not held:
            yield None
            return
        if several == 1:
            yield Crew()
            return
        kept = _kept.get()
        # Taken from there while at work: a crew within a crew has its own.
        pool = kept.pop(several, None) if kept is not None else None
        pool = pool or ThreadPoolExecutor(several - 1, initializer=_alone_too)
        with ExitStack() as stack:
            stack.enter_context(pool)
            yield Crew(several, pool)
            if kept is not None and several not in kept:
                kept[several] = pool
                stack.pop_all()


@contextmanager
def keeping() -> Iterator[None]:
    """Within, the threads of a crew stay for the next one: to start them takes 0.3 ms each time."""
    if _kept.get() is not None:
        yield
        return
    kept: dict[int, ThreadPoolExecutor] = {}
    try:
        with within(_kept, kept):
            yield
    finally:
        for pool in kept.values():
            pool.shutdown()


def parts(start: int, stop: int, count: int) -> list[slice]:
    """So many about equal parts."""
    ends = np.linspace(start, stop, count + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


def _begin_anew() -> None:
    """In a child process: it has no threads but one, whatever others of its parent were at."""
    global _alone
    _alone = RLock()
    if kept := _kept.get():
        kept.clear()  # it was forked within a call, and the threads of that are not here
    if _held:
        _blas().limit(limits=_free())
        _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def within(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Within, and in threads started there, a variable has this value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def in_turns() -> AbstractContextManager[None]:
    """While threads started from here iterate side by side, `turn` lets in one at a time."""
    return within(_turns, Lock())


def turn() -> AbstractContextManager[Any]:
    """Context for work in so many small steps that threads would mostly wait for Python's lock.

    Threads that iterate side by side do it one after another.
    """
    return _turns.get() or nullcontext()
