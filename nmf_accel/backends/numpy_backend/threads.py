"""The threads that BLAS may have, taken over where BLAS makes little of them.

Its threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. So each takes a share of the runs (`schedule`) or, with
few runs, of the product with a sparse matrix (`shared`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_alone = Lock()
_turns: ContextVar[Lock | None] = ContextVar("turns", default=None)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def available() -> int:
    """Threads that BLAS may use now; 1 if it does not say."""
    return max((x.num_threads for x in _blas().lib_controllers), default=1)


@contextmanager
def pool(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Threads while BLAS is held to one; None if it is already, by another thread of the process.

    BLAS's own would look out for work for a while after each call, on the cores that ours need.
    """
    if not _alone.acquire(blocking=False):
        yield None
        return
    # Where BLAS counts its threads for each of ours, ours have to be told as well.
    limit = partial(_blas().limit, limits=1)
    try:
        with limit(), ThreadPoolExecutor(threads, initializer=limit) as executor:
            yield executor
    finally:
        _alone.release()


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
