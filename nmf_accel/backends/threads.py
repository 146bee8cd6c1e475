"""How the NumPy backend uses the threads that BLAS may have, where BLAS makes little of them.

Its threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. So each takes a share of the runs, which are independent
of each other, or, with few runs, of the product with a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from threading import Event, Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from ..sparse import Sparse
from .base import Array, State, Step

LEAST_ROWS = 128
"""Rows of factors with which a thread makes good use of reading a dense A."""

LEAST_SHARE = 2**15
"""Entries of factors worth a thread of their own; with fewer, threads fight over Python's lock."""

LEAST_WORK = 2**24
"""Multiplications worth threads in a product with a sparse matrix."""

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


def turn() -> AbstractContextManager[Any]:
    """Context for work in so many small steps that threads would mostly wait for Python's lock.

    Threads that iterate side by side do it one after another.
    """
    return _turns.get() or nullcontext()


def side_by_side(runs: int, rank: int, A: Array | Sparse) -> bool:
    """Whether every thread has enough to do with runs of its own, and about as much."""
    threads = available()
    if not 1 < threads <= runs or -runs % threads > 0.1 * runs:
        return False
    rows = runs // threads * rank
    enough = rows >= LEAST_ROWS or isinstance(A, Sparse)
    return enough and rows * sum(A.shape) >= LEAST_SHARE


def runs_at_once(runs: int, rank: int, A: Array | Sparse) -> int:
    """All, or as many as divide evenly where the rest, worth it, would keep threads waiting."""
    even = runs - runs % available()
    split = side_by_side(even, rank, A) and not side_by_side(runs, rank, A)
    return even if split and rank * sum(A.shape) >= LEAST_SHARE else runs


def iterate(
    pool: ThreadPoolExecutor,
    threads: int,
    step: Step,
    state: State,
    constants: tuple[Array, ...],
    count: int,
) -> tuple[State, Array]:
    """`Backend.iterate`, each thread with a share of the runs."""
    given_up = Event()

    def advance(state: State) -> tuple[State, Array]:
        measured: list[Array] = []
        while len(measured) < count and not given_up.is_set():
            state, found = step(state, *constants)
            measured.append(found)
        return state, np.stack(measured)

    ends = np.linspace(0, state[0].shape[0], threads + 1).astype(int)
    shares = [tuple(x[a:b] for x in state) for a, b in pairwise(ends)]
    turns = _turns.set(Lock())
    try:
        # In copies of the caller's context, with its np.errstate.
        going = [pool.submit(copy_context().run, advance, share) for share in shares]
        states, measured = zip(*(share.result() for share in going), strict=True)
    except BaseException:
        given_up.set()  # Ctrl-C is to be heard before the others are done
        raise
    finally:
        _turns.reset(turns)
    new = tuple(np.concatenate(x) for x in zip(*states, strict=True))
    return new, np.concatenate(measured, axis=-1)


def worth_sharing(runs: int, rank: int, A: Array | Sparse) -> bool:
    """Whether threads are better used for the products with A than for those without."""
    if available() == 1 or not isinstance(A, Sparse):
        return False
    return A.stored * runs * rank >= LEAST_WORK and rank * sum(A.shape) <= 8 * A.stored


@dataclass(frozen=True)
class Shared(Sparse):
    """A sparse matrix whose products threads share.

    Attributes
    ----------
    blocks : tuple of (slice, CSR matrix)
        Blocks of rows, or, `sideways`, the transposes of blocks of columns.
    """

    blocks: tuple[tuple[slice, Any], ...]
    sideways: bool
    pool: ThreadPoolExecutor

    @property
    def T(self) -> Shared:
        """The transpose, not copied."""
        return Shared(self.transposed, self.matrix, self.blocks, not self.sideways, self.pool)

    def rmatmul(self, Y: Array) -> Array:
        """Y A, dense, for a dense Y (k, m): (k, n)."""
        if not self.sideways:
            products = self.pool.map(lambda part: part[1].T @ Y[:, part[0]].T, self.blocks)
            return sum(products).T
        N = np.empty((Y.shape[0], self.shape[1]), Y.dtype)
        Yt = np.ascontiguousarray(Y.T)

        def fill(part: tuple[slice, Any]) -> None:
            columns, block = part
            N[:, columns] = (block @ Yt).T

        list(self.pool.map(fill, self.blocks))
        return N


def share(A: Sparse, pool: ThreadPoolExecutor, threads: int) -> Shared:
    """A sparse matrix in blocks with about as many entries stored each."""
    sideways = A.matrix.format == "csc"
    M = A.transposed if sideways else A.matrix
    # From one side, each block's product is as large as the result: not too many.
    count = min(threads, 8)
    ends = np.searchsorted(M.indptr, np.linspace(0, M.nnz, count + 1)[1:-1])
    bounds = pairwise([0, *ends.tolist(), M.shape[0]])
    blocks = tuple((slice(a, b), _rows(M, a, b)) for a, b in bounds if a < b)
    return Shared(A.matrix, A.transposed, blocks, sideways, pool)


def _rows(M: Any, a: int, b: int) -> Any:
    """Rows of a CSR matrix, not copied."""
    start, end = M.indptr[a], M.indptr[b]
    part = type(M)((b - a, M.shape[1]), dtype=M.dtype)
    part.data, part.indices = M.data[start:end], M.indices[start:end]
    part.indptr = M.indptr[a : b + 1] - start
    return part
