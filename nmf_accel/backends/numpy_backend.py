"""NumPy: the CPU, through the BLAS that NumPy was built with."""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from ..sparse import Sparse
from .base import ROWS_AT_ONCE, Array, Backend, Probe, State, Step

LEAST_SHARE = 2**15
"""Entries of factors worth a thread of their own; with fewer, threads fight over Python's lock."""

LEAST_WORK = 2**20
"""Multiplications worth threads in a product with a sparse matrix."""


@dataclass(frozen=True)
class Split(Sparse):
    """A sparse matrix that threads share: `blocks` of rows of it or, `sideways`, of columns."""

    blocks: tuple[tuple[slice, Any], ...]
    sideways: bool
    pool: ThreadPoolExecutor

    @property
    def T(self) -> Split:
        return Split(self.transposed, self.matrix, self.blocks, not self.sideways, self.pool)

    def rmatmul(self, Y: Array) -> Array:
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


def split(A: Sparse, pool: ThreadPoolExecutor, threads: int) -> Split:
    """A sparse matrix in blocks of the rows or columns that it stores together, about equal."""
    sideways = A.matrix.format == "csc"
    M = A.transposed if sideways else A.matrix
    # Each block of a product from the other side is as large as its result.
    count = min(threads, 8)
    ends = np.searchsorted(M.indptr, np.linspace(0, M.nnz, count + 1)[1:-1])
    bounds = pairwise([0, *ends.tolist(), M.shape[0]])
    blocks = tuple((slice(a, b), _rows(M, a, b)) for a, b in bounds if a < b)
    return Split(A.matrix, A.transposed, blocks, sideways, pool)


def _rows(M: Any, a: int, b: int) -> Any:
    """Rows of a CSR matrix, which M[a:b] would copy."""
    start, end = M.indptr[a], M.indptr[b]
    parts = M.data[start:end], M.indices[start:end], M.indptr[a : b + 1] - start
    return type(M)(parts, shape=(b - a, M.shape[1]))


class NumpyBackend(Backend):
    """The reference backend; always usable."""

    name = "numpy"
    install = "pip install numpy"
    takes_sparse = True
    xp = np

    def __init__(self) -> None:
        self._solving = Lock()

    def _probe(self) -> Probe:
        cores = os.cpu_count() or 1
        device = f"CPU ({platform.machine()}, {cores} core{'s' * (cores > 1)})"
        return Probe(True, device=device, version=np.__version__)

    def owns(self, x: object) -> bool:
        return isinstance(x, np.ndarray)

    def asarray(self, x: Array, dtype: Any) -> NDArray[Any]:
        x = np.asarray(x, dtype=dtype)
        # BLAS takes rows or columns that are contiguous; anything else it would copy every time.
        return x if x.flags.forc else np.ascontiguousarray(x)

    def ascontiguous(self, x: Array) -> NDArray[Any]:
        return np.ascontiguousarray(x)

    def sparse(self, A: Any) -> tuple[Any, Any]:
        # By rows if it is tall: a product then goes through the long dense factor in order, and
        # jumps about in the short one, which may stay in cache.
        A = A if A.shape[0] >= A.shape[1] else A.tocsc()
        return A, A.T

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return np.asarray(x)

    @cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController().select(user_api="blas")

    @property
    def _threads(self) -> int:
        """Threads that BLAS may use; 1 if it does not say."""
        return max((x.num_threads for x in self._blas.lib_controllers), default=1)

    def _side_by_side(self, runs: int, size: int) -> bool:
        """Whether every thread has enough to do with runs of its own, and about as much."""
        threads = self._threads
        worth = 1 < threads <= runs and runs // threads * size >= LEAST_SHARE
        return worth and -runs % threads <= 0.1 * runs

    def together(self, runs: int, size: int) -> int:
        even = runs - runs % self._threads
        split = self._side_by_side(even, size) and not self._side_by_side(runs, size)
        return even if split and size >= LEAST_SHARE else runs

    def iterate(
        self, step: Step, state: State, constants: tuple[Array, ...], count: int
    ) -> tuple[State, Array]:
        # Threads with runs of their own do not wait for each other at every product, as BLAS's
        # do, and share the work between the products too.
        advance = super().iterate
        threads, runs, A = self._threads, state[0].shape[0], constants[0]
        if not self._side_by_side(runs, sum(x.size for x in state) // runs):
            rows = runs * state[0].shape[1]
            if threads == 1 or not isinstance(A, Sparse) or A.stored * rows < LEAST_WORK:
                return advance(step, state, constants, count)
            # BLAS's threads look out for work on the cores that this product needs.
            with self._blas.limit(limits=1), ThreadPoolExecutor(threads) as pool:
                return advance(step, state, (split(A, pool, threads), *constants[1:]), count)
        ends = np.linspace(0, runs, threads + 1).astype(int)
        shares = [tuple(x[a:b] for x in state) for a, b in pairwise(ends)]
        with self._blas.limit(limits=1), ThreadPoolExecutor(threads) as pool:
            going = [
                # In a copy of the caller's context, with its np.errstate.
                pool.submit(copy_context().run, advance, step, share, constants, count)
                for share in shares
            ]
            states, measured = zip(*(share.result() for share in going), strict=True)
        new = tuple(np.concatenate(x) for x in zip(*states, strict=True))
        return new, np.concatenate(measured, axis=-1)

    def multiply_divide(self, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
        # In place: the only memory that an update takes is the two products it starts from.
        d += delta
        np.divide(n, d, out=d)
        return np.multiply(x, d, out=d)

    def descend(self, X: Array, N: Array, G: Array) -> Array:
        # Base.descend, in place: its temporaries would take longer than its arithmetic.
        X = X.copy()
        runs, d, n = X.shape
        width = max(1, min(max(1024, 2**18 // d), n))
        work = np.empty((ROWS_AT_ONCE, width), X.dtype)
        for r, c in np.ndindex(runs, -(-n // width)):
            columns = slice(c * width, (c + 1) * width)
            x, g = X[r, :, columns], G[r]
            steps = work[:, : x.shape[1]]
            for a in range(0, d, ROWS_AT_ONCE):
                b = min(a + ROWS_AT_ONCE, d)
                rest = g[a:b] @ x
                np.subtract(N[r, a:b, columns], rest, out=rest)
                for k in range(a, b):
                    step, row = rest[k - a], steps[k - a]
                    if g[k, k] <= 0:
                        row[:] = 0
                        continue
                    if k > a:
                        step -= g[k, a:k] @ steps[: k - a]
                    step /= g[k, k]
                    np.negative(x[k], out=row)
                    np.maximum(row, step, out=row)
                    x[k] += row
        return X

    def solve_passive(self, G: Array, N: Array, F: Array, going: Array) -> Array:
        # Columns with the same passive set are one system, and of its size only. They are so
        # small that threads at it together would mostly hand Python's lock to and fro.
        with self._solving:
            return self._solve_passive(G, N, F, going)

    def _solve_passive(self, G: Array, N: Array, F: Array, going: Array) -> Array:
        X = np.zeros_like(N)
        for r in range(N.shape[0]):
            todo = np.flatnonzero(going[r])
            sets = np.packbits(F[r][:, todo], axis=0)
            which = np.unique(sets, axis=1, return_inverse=True)[1]
            order = np.argsort(which, kind="stable")
            for columns in np.split(todo[order], np.cumsum(np.bincount(which))[:-1]):
                f = np.flatnonzero(F[r, :, columns[0]]) if columns.size else columns
                if f.size:
                    X[r, f[:, None], columns] = np.linalg.solve(
                        G[r][np.ix_(f, f)], N[r, f[:, None], columns]
                    )
        return X
