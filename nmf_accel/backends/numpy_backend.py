"""NumPy: the CPU, through the BLAS that NumPy was built with."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import threads
from .base import ROWS_AT_ONCE, Array, Backend, Probe, State, Step


class NumpyBackend(Backend):
    """The reference backend; always usable."""

    name = "numpy"
    install = "pip install numpy"
    lazy = True
    takes_sparse = True
    folds = True
    xp = np

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

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Array, ...],
        count: int,
        stride: int | None = None,
    ) -> tuple[State, Array]:
        A, (runs, rank) = constants[0], state[0].shape[:2]
        parts = threads.stacks(runs, rank, A)
        if not parts and not threads.worth_sharing(runs, rank, A):
            return super().iterate(step, state, constants, count, stride)
        several = threads.available()
        with threads.pool(several) as pool:
            if pool and parts:
                shared = (pool, several, parts)
                return threads.iterate(*shared, step, state, constants, count, stride or 1)
            if pool:
                constants = (threads.share(A, pool, several), *constants[1:])
            return super().iterate(step, state, constants, count, stride)

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        return x if condition.all() else np.where(condition, x, otherwise())

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
        # Columns with the same passive set are one system, and of its size only.
        with threads.turn():
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
