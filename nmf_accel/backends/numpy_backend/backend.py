"""What NumPy does otherwise than the base: on threads, with equal rows and columns folded."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...callers import warn_caller
from ...matrices import Dense, Frame, Matrix, Raw, RawDense, RawSparse, Sparse
from ...types import Array, Kernel, State, Step, no_kernel
from ..base import Backend, Moving
from ..probes import Probe
from . import columns, folded, runs, shared, threads, walk, ways
from .kernels import KERNELS

COMPILED = frozenset(
    {
        "descend",
        "telling_descend",
        "exchange_by_column",
        "rows_times",
        "stored_parts",
        "known_rest",
        "divergence_terms",
        "descend_through",
    }
)
"""The kernels that numba may compile; it is imported, which takes a while, when one is needed."""

WALKED = frozenset({"descend_along", "multiply_along", "walked_residual2"})
"""Those of them that are needed in walks through A alone."""

LEAST = {"descend_along": 2**20, "multiply_along": 2**22}
"""Fewest multiplications of a product with A that are worth a walk; of the second one, also that
numba is imported, and compiles, which multiplicative updates need for nothing else."""


@cache
def compiled_kernels() -> Mapping[str, Callable[..., Any]]:
    """Those that numba compiles; none where it is not installed, or told to compile nothing."""
    if find_spec("numba") is None:
        return {}
    try:
        from numba import config

        if config.DISABLE_JIT:
            return {}
        from . import compiled
    except Exception as error:  # noqa: BLE001  it refuses a NumPy that is newer than it knows
        warn_caller(f"numba is installed, but unusable: {error}")
        return {}
    return compiled.KERNELS


class NumpyBackend(Backend):
    """The reference backend; always usable."""

    name = "numpy"
    install = "pip install numpy"
    idle_part = 1 / 8
    skips_unneeded = True
    kinds = (RawDense, RawSparse)
    kernels = KERNELS
    xp = np

    @property
    def least_space(self) -> int:
        return walk.SPACE * threads.available()

    def _probe(self) -> Probe:
        cores = os.cpu_count() or 1
        device = f"CPU ({platform.machine()}, {cores} core{'s' * (cores > 1)})"
        return Probe(True, device=device, version=np.__version__)

    def can_accelerate(self) -> bool:
        return False

    def devices(self) -> list[str]:
        return ["cpu"]

    def device_of(self, x: Any) -> str:
        return "cpu"

    def owns(self, x: object) -> bool:
        return isinstance(x, np.ndarray)

    def at_most(self, several: int) -> AbstractContextManager[Any]:
        return threads.at_most(several)

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
        A, *others = constants
        if not isinstance(A, Matrix):
            return super().iterate(step, state, constants, count, record_every)
        if isinstance(A, Dense):  # rows of factors are gone through again and again, not so columns
            state = tuple(map(np.ascontiguousarray, state))
        every, whole = record_every or 1, self.kernel(step.walks.whole, no_kernel)
        with threads.keeping():
            if found := whole(self, state, constants, count, every):
                return found[0], found[1][:, : step.measures]
            walks = ways.is_worth_a_walk(A, state[0], LEAST.get(step.walks.half))
            way = ways.way_for(A, state[0], ways.here(), walks=walks and bool(compiled_kernels()))
            with way.at_work(A) as A:
                constants = (A, *others)
                if crew := runs.current.get():
                    return runs.iterate(crew, step, state, constants, count, every)
                return super().iterate(step, state, constants, count, every)

    def kernel(self, name: str, default: Kernel) -> Kernel:
        found = super().kernel(name, default)
        needed = name in COMPILED or (name in WALKED and threads.walking.get() is not None)
        return cast(Kernel, compiled_kernels().get(name, found)) if needed else found

    def versions(self) -> dict[str, str]:
        versions = super().versions()
        if f"{__package__}.compiled" in sys.modules and compiled_kernels():
            versions["numba"] = sys.modules["numba"].__version__
        return versions

    @contextmanager
    def sized_for(self, flops: float) -> Iterator[None]:
        with threads.hold(ways.here().of_blas(flops)), threads.keeping():
            yield

    def over_columns(self, function: Moving, X: Array, along: Any) -> tuple[Array, Any]:
        return columns.over_columns(function, X, along)

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        met = np.asarray(condition)
        return x if met.all() else np.where(met, np.asarray(x), np.asarray(otherwise()))
