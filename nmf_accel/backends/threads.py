"""How the NumPy backend uses the threads that BLAS may have, where BLAS makes little of them.

Its threads wait for each other at every product, and idle between the products and while one
thread multiplies with a sparse matrix. So each takes a share of the runs, which are independent
of each other, or, with few runs, of the product with a sparse matrix.
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


@dataclass(frozen=True)
class Plan:
    """How threads share runs.

    Attributes
    ----------
    own : list of slice
        The runs of each thread.
    relayed : list of slice
        Runs left over, in groups. Each is passed on from thread to thread, which all do a part
        of its iterations: a run cannot be in two places at once, but its iterations can be done
        in several (the wrap-around rule of McNaughton 1959).
    """

    own: list[slice]
    relayed: list[slice]

    def pieces(self, count: int) -> list[tuple[int, int, int]]:
        """When which stack of runs (`own`, then `relayed`) does how many of `count` iterations.

        In the order of time, which is the number of iterations of single runs done before.
        """
        threads = len(self.own)
        if not self.relayed:
            return [(0, k, count) for k in range(threads)]
        legs, found = threads // len(self.relayed), []
        for k, own in enumerate(self.own):
            group, leg = divmod(k, legs)
            passed_on = count * (leg + 1) // legs - count * leg // legs
            early = count * leg // (legs - 1)
            start = early * _size(own)
            found += [
                (0, k, early),
                (start, threads + group, passed_on),
                (start + passed_on * _size(self.relayed[group]), k, count - early),
            ]
        return sorted(found)


def plan(runs: int, rank: int, A: Array | Sparse) -> Plan | None:
    """A plan by which every thread has enough to do, and about as much; None without one."""
    threads = available()
    if not 1 < threads <= runs:
        return None
    each, rest = divmod(runs, threads)
    groups = math.gcd(rest, threads)
    even = -runs % threads <= 0.1 * runs
    rows = rank * (each if even else min(each, rest // groups))
    small = math.prod(A.shape) <= SMALL
    least = 0 if isinstance(A, Sparse) else LEAST_ROWS // (1 + small)
    if rows < least or rows * sum(A.shape) < LEAST_SHARE:
        return None
    if even:
        return Plan(_slices(0, runs, threads), [])
    # A thread must get what is relayed before it has nothing else to do.
    if rest * (threads - groups) > each * groups * threads:
        return None
    return Plan(_slices(0, runs - rest, threads), _slices(runs - rest, runs, groups))


def _slices(start: int, end: int, count: int) -> list[slice]:
    """Parts of a range, as equal as can be."""
    return [slice(a, b) for a, b in pairwise(np.linspace(start, end, count + 1).astype(int))]


def _size(part: slice) -> int:
    return int(part.stop - part.start)


def iterate(
    pool: ThreadPoolExecutor,
    plan: Plan,
    step: Step,
    state: State,
    constants: tuple[Array, ...],
    count: int,
    stride: int,
) -> tuple[State, Array]:
    """`Backend.iterate`, by a plan."""
    given_up = Event()

    def advance(before: Future[Progress], steps: int) -> Progress:
        state, done, measured = before.result()
        for k in range(done + 1, done + steps + 1):
            if given_up.is_set():
                break
            if k % stride:
                state = step.unmeasured(state, *constants)
            else:
                state, found = step(state, *constants)
                measured.append(found)
        return state, done + steps, measured

    stacks: list[Future[Progress]] = []
    for part in plan.own + plan.relayed:
        stacks.append(Future())
        stacks[-1].set_result((tuple(x[part] for x in state), 0, []))
    turns = _turns.set(Lock())
    try:
        # A piece is begun after the one that it waits for, so it does not wait for ever.
        for _, k, steps in plan.pieces(count * stride):
            # In copies of the caller's context, with its np.errstate.
            stacks[k] = pool.submit(copy_context().run, advance, stacks[k], steps)
        states, _, measured = zip(*(stack.result() for stack in stacks), strict=True)
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
