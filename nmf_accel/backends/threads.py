"""How the NumPy backend uses the threads that BLAS may have, where BLAS makes little of them.

Its threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. So each takes a share of the runs, which are independent
of each other, and may change hands after any iteration; or, with few runs, of the product with a
sparse matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
"""Rows of factors with which a thread makes good use of reading a dense A.

Half as many do where A is so small that it stays in cache.
"""

SMALL = 2**20
"""Entries of a small A."""

LEAST_SHARE = 2**15
"""Entries of factors worth a thread of their own; with fewer, threads fight over Python's lock."""

LEAST_WORK = 2**24
"""Multiplications worth threads in a product with a sparse matrix."""

Progress = tuple[State, int, list[Array]]
"""The state of a stack of runs, how many iterations it has done, and what was measured."""

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


def stacks(runs: int, rank: int, A: Array | Sparse) -> list[slice]:
    """Runs in stacks for threads to iterate; none where BLAS's own threads do better.

    As large as they may be if no stack is to keep the other threads waiting, and about equal.
    """
    threads = available()
    if not 1 < threads <= runs:
        return []
    count = -(-runs // (runs // threads))
    rows = runs // count * rank
    least = LEAST_ROWS if math.prod(A.shape) > SMALL else LEAST_ROWS // 2
    if isinstance(A, Sparse):
        least = 0
    if rows < least or rows * sum(A.shape) < LEAST_SHARE:
        return []
    ends = np.linspace(0, runs, count + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


def pieces(sizes: list[int], threads: int, count: int) -> list[tuple[int, int, int]]:
    """When which stack of runs goes on, by how many of `count` iterations, in the order of time.

    By the wrap-around rule (McNaughton 1959): the stacks' work on one line is cut into a part
    for each thread. Of a stack that is cut, the next thread does the first iterations, at once,
    and this one the others, in the end; as no stack is longer than a part, the first are then
    done. All threads have as much to do, but for a part of an iteration.
    """
    part, start, found = sum(sizes) * count, 0, []  # lengths are times `threads`
    for k, size in enumerate(sizes):
        one = size * threads
        end = start + one * count
        thread = start // part
        beyond = max(0, round((end - (thread + 1) * part) / one))
        found += [(0, k, beyond), (start - thread * part, k, count - beyond)]
        start = end
    return sorted(piece for piece in found if piece[2])


def iterate(
    pool: ThreadPoolExecutor,
    threads: int,
    parts: list[slice],
    step: Step,
    state: State,
    constants: tuple[Array, ...],
    count: int,
    stride: int,
) -> tuple[State, Array]:
    """`Backend.iterate`, in stacks of runs."""
    given_up = Event()

    def advance(before: Future[Progress], steps: int) -> Progress:
        state, done, measured = before.result()
        try:
            for k in range(done + 1, done + steps + 1):
                if given_up.is_set():
                    break
                if k % stride:
                    state = step.unmeasured(state, *constants)
                else:
                    state, found = step(state, *constants)
                    measured.append(found)
        except BaseException:
            given_up.set()
            raise
        return state, done + steps, measured

    futures: list[Future[Progress]] = []
    for part in parts:
        futures.append(Future())
        futures[-1].set_result((tuple(x[part] for x in state), 0, []))
    turns = _turns.set(Lock())
    try:
        sizes = [part.stop - part.start for part in parts]
        # A piece is begun after the one that it waits for, so it does not wait for ever.
        for _, k, steps in pieces(sizes, threads, count * stride):
            # In copies of the caller's context, with its np.errstate.
            futures[k] = pool.submit(copy_context().run, advance, futures[k], steps)
        states, _, measured = zip(*(future.result() for future in futures), strict=True)
    except BaseException:
        given_up.set()  # Ctrl-C is to be heard before the others are done
        raise
    finally:
        _turns.reset(turns)
    new = tuple(np.concatenate(x) for x in zip(*states, strict=True))
    return new, np.concatenate([np.stack(x) for x in measured], axis=-1)


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
