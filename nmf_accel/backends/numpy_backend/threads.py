"""The threads that BLAS may have, taken over where BLAS makes little of them.

Its threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. So each takes a share of the runs (`schedule`), of the
columns (`columns`) or, with few runs, of the product with a sparse matrix (`shared`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from threading import Lock, RLock
from typing import Any

from threadpoolctl import ThreadpoolController

LEAST_PRODUCT = 2**24
"""Operations of a product worth BLAS's threads: with fewer, they take longer to meet than to work.

On 2 cores with OpenBLAS, two threads took 0.69 of the time of one for products of 2·10⁷ operations,
and 0.94 for iterations with products of 3·10⁶, but go on spinning between them.
"""

_alone = RLock()
_allowed: list[int] = []  # what BLAS was allowed when it was held to one thread, if it is
_turns: ContextVar[Lock | None] = ContextVar("turns", default=None)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def available() -> int:
    """Threads that BLAS may use, or might if it were not held to one; 1 if it does not say."""
    held = next(iter(_allowed), None)
    if held is not None:
        return held
    return max((x.num_threads for x in _blas().lib_controllers), default=1)


@contextmanager
def hold() -> Iterator[bool]:
    """BLAS held to one thread; False, and all as it is, where another thread of ours holds it.

    BLAS's own would look out for work for a while after each call, on the cores that ours need.
    """
    if not _alone.acquire(blocking=False):
        yield False
        return
    with ExitStack() as undo:
        undo.callback(_alone.release)
        _allowed.append(available())
        undo.callback(_allowed.pop)
        undo.enter_context(_blas().limit(limits=1))
        yield True


def _alone_too() -> None:
    """Where BLAS counts its threads for each of ours, ours have to be told as well."""
    _blas().limit(limits=1)


@contextmanager
def pool(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Threads while BLAS is held to one; None where another thread of the process holds it."""
    with hold() as held:
        if not held:
            yield None
            return
        with ThreadPoolExecutor(threads, initializer=_alone_too) as executor:
            yield executor


@cache
def helpers(count: int) -> ThreadPoolExecutor:
    """Threads that stay, for work that is shared out often; used only while `hold` holds.

    They start one by one as they are needed, and that tells BLAS to have one thread.
    """
    return ThreadPoolExecutor(count, "nmf_accel", initializer=_alone_too)


def _begin_anew() -> None:
    """In a child process: it has no threads but one, whatever others of its parent were at."""
    global _alone
    helpers.cache_clear()
    _alone = RLock()
    if _allowed:
        _blas().limit(limits=_allowed[0])
        _allowed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def in_turns() -> Iterator[None]:
    """While threads started from here iterate side by side, `turn` lets in one at a time."""
    token = _turns.set(Lock())
    try:
        yield
    finally:
        _turns.reset(token)


def turn() -> AbstractContextManager[Any]:
    """Context for work in so many small steps that threads would mostly wait for Python's lock.

    Threads that iterate side by side do it one after another.
    """
    return _turns.get() or nullcontext()
