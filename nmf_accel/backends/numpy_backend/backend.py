"""What NumPy does otherwise than the base: on threads, with equal rows and columns folded."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Frame, Matrix, Raw, RawDense, RawSparse, Sparse
from ...types import Array, State, Step
from ..base import Backend, Probe
from . import folded, schedule, shared, threads
from .kernels import KERNELS


class NumpyBackend(Backend):
    """The reference backend; always usable."""

    name = "numpy"
    install = "pip install numpy"
    skips_unneeded = True
    kinds = (RawDense, RawSparse)
    kernels = KERNELS
    xp = np

    def _probe(self) -> Probe:
        cores = os.cpu_count() or 1
        device = f"CPU ({platform.machine()}, {cores} core{'s' * (cores > 1)})"
        return Probe(True, device=device, version=np.__version__)

    def can_accelerate(self) -> bool:
        return False

    def owns(self, x: object) -> bool:
        return isinstance(x, np.ndarray)

    def asarray(self, x: Array, dtype: Any) -> NDArray[Any]:
        x = np.asarray(x, dtype=dtype)
        # BLAS takes rows or columns that are contiguous; anything else it would copy every time.
        return x if x.flags.forc else np.ascontiguousarray(x)

    def ascontiguous(self, x: Array) -> NDArray[Any]:
        return np.ascontiguousarray(x)

    def matmul(self, a: Array, b: Array) -> NDArray[Any]:
        return shared.matmul(np.asarray(a), np.asarray(b))

    def inner(self, x: Array, y: Array) -> Array:
        total: Array = shared.inner(np.asarray(x), np.asarray(y))
        return total

    def matrix(self, A: Raw) -> Matrix:
        if not isinstance(A, RawSparse):
            return super().matrix(A)
        # By rows if it is tall: a product then goes through the long dense factor in order, and
        # jumps about in the short one, which may stay in cache.
        m, n = A.shape
        M = A.csr if m >= n else A.by_columns()
        return Sparse(M, M.T, self, A.squares)

    def arrange(self, A: Raw, frame: Frame) -> tuple[Matrix, Frame]:
        if isinstance(A, RawDense):
            return folded.fold(self, A, frame)
        return super().arrange(A, frame)

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return np.asarray(x)

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Any, ...],
        count: int,
        record_every: int | None = None,
    ) -> tuple[State, Array]:
        A, (runs, rank) = constants[0], state[0].shape[:2]
        if not isinstance(A, Matrix):
            return super().iterate(step, state, constants, count, record_every)
        parts = schedule.stacks(runs, rank, A)
        if not parts and not shared.worth_sharing(runs, rank, A):
            return super().iterate(step, state, constants, count, record_every)
        several = threads.available()
        with threads.pool(several) as pool:
            if pool and parts:
                crew = (pool, several, parts)
                return schedule.iterate(*crew, step, state, constants, count, record_every or 1)
            if pool and isinstance(A, Sparse):
                with shared.sharing(pool, several) as sharers:
                    constants = (shared.share(A, sharers), *constants[1:])
                    return super().iterate(step, state, constants, count, record_every)
            return super().iterate(step, state, constants, count, record_every)

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        met = np.asarray(condition)
        return x if met.all() else np.where(met, np.asarray(x), np.asarray(otherwise()))
