"""What CuPy does otherwise than the base."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from array_api_compat import is_cupy_array
from numpy.typing import NDArray

from ...matrices import Dense, Matrix, Raw, RawDense, RawSparse, Sparse
from ...types import Array, State, Step, once
from ..base import Backend, Program
from ..probes import Probe
from ..replaying import NotCapturableError, Replaying
from .graphs import Captured
from .kernels import KERNELS, elementwise
from .sums import inner
from .workspace import Workspaces

CUDA = "cuda:"
"""What goes before the number of a device in its name, as in PyTorch and JAX."""
UNASKED = 20
"""Most cheap repeats without asking the device whether they are still needed."""


@cache
def block_entries(device: int) -> int:
    """So many that the device is kept busy, in a part of its memory.

    Not of what is free just now, on which no result is to depend.
    """
    import cupy

    return int(min(2**24, cupy.cuda.Device(device).mem_info[1] // 512))


def _is_sparse(x: object) -> bool:
    return type(x).__module__.startswith("cupyx.scipy.sparse")


def _entries(x: Any) -> Any:
    """The array that holds the entries of `x`, a matrix or an array."""
    if isinstance(x, Dense):
        return x.array
    x = x.matrix if isinstance(x, Sparse) else x
    return x.data if _is_sparse(x) else x


def _name_of_device() -> str:
    """Of the current one."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    return str(properties["name"].decode())


class CupyBackend(Backend):
    """CuPy on the current CUDA device, or on the one where the data lies."""

    name = "cupy"
    kinds = (RawDense, RawSparse)
    kernels = KERNELS
    lives_through_fork = False
    # Graphs have a state and products of their own, beside what the loop holds.
    states_at_once = 12
    install = "pip install 'nmf-accel[cuda12]' or 'nmf-accel[cuda13]', whichever the driver has"

    def __init__(self) -> None:
        self.workspaces = Workspaces()

    def _probe(self) -> Probe:
        import cupy
        from cupyx.scipy.sparse import csr_matrix

        cupy.cuda.runtime.getDeviceCount()  # raises without a driver or a device
        # Importable is not usable: try what the loop will. A product and a solution by cuBLAS, a
        # raw kernel and one that CuPy makes, cuSPARSE.
        with self.scope():
            one = cupy.ones((1, 1, 1))
            elementwise("multiply_divide")(one, self.matmul(one, one), one, 0.0, 0.0)
            self.inner(one, one)
            self.workspaces.here.blas.solve(one.copy(), one[0].copy())
            self.synchronize(csr_matrix(one[0]) @ one[0])
            return Probe(True, "", _name_of_device(), cupy.__version__, accelerated=True)

    def probe(self) -> Probe:
        found = super().probe()
        if not found.usable:
            return found
        try:  # in a scope, that of the device where the data lies
            with self.scope() if self.device else nullcontext():
                return replace(found, device=_name_of_device())
        except RuntimeError:  # it was there when it was probed
            return found

    def versions(self) -> dict[str, str]:
        import cupy

        return {**super().versions(), "cuda": str(cupy.cuda.runtime.runtimeGetVersion())}

    @once
    def xp(self) -> Any:
        import array_api_compat.cupy

        return array_api_compat.cupy

    def owns(self, x: object) -> bool:
        return bool(is_cupy_array(x)) or _is_sparse(x)

    def scope(self, x: Any = None) -> AbstractContextManager[Any]:
        import cupy

        entries = _entries(x)
        if is_cupy_array(entries):
            there: AbstractContextManager[Any] = entries.device
            return there
        asked = None if self.device is None else int(self.device.removeprefix(CUDA))
        here: AbstractContextManager[Any] = cupy.cuda.Device(asked)
        return here

    def devices(self) -> list[str]:
        import cupy

        return [f"{CUDA}{k}" for k in range(cupy.cuda.runtime.getDeviceCount())]

    def device_of(self, x: Any) -> str:
        return f"{CUDA}{_entries(x).device.id}"

    def ascontiguous(self, x: Array) -> Array:
        import cupy

        contiguous: Array = cupy.ascontiguousarray(x)
        return contiguous

    def matrix(self, A: Raw) -> Matrix:
        if not isinstance(A, RawSparse):
            return super().matrix(A)
        from cupyx.scipy.sparse import csr_matrix

        # Both by rows: cuSPARSE is slow where it multiplies by a transpose, and adds atomically,
        # so that roundings may differ from run to run.
        M = csr_matrix(A.csr)
        return Sparse(M, M.T.tocsr(), self, A.squares)

    def matmul(self, a: Array, b: Array) -> Array:
        product: Array = self.workspaces.here.blas.matmul(a, b)
        return product

    def inner(self, x: Array, y: Array) -> Array:
        total: Array = inner(self, x, y)
        return total

    def repeat_while(
        self,
        function: Callable[[State], State],
        state: State,
        limit: int,
        *,
        cheap: bool = False,
    ) -> State:
        if cheap and limit <= UNASKED:
            for _ in range(limit):
                state = function(state)
            return state
        if self.workspaces.captured:
            raise NotCapturableError
        return super().repeat_while(function, state, limit)

    def program(self, step: Step, constants: tuple[Any, ...]) -> Program:
        plain = super().program(step, constants)
        if not isinstance(constants[0], Dense):
            return plain  # cuSPARSE takes memory as it goes
        return Replaying(plain, partial(Captured, self.workspaces, step, constants))

    def to_numpy(self, x: Array) -> NDArray[Any]:
        import cupy

        return np.asarray(cupy.asnumpy(x))

    def free_memory(self) -> int:
        import cupy

        free, _ = cupy.cuda.Device().mem_info
        # What the pool holds and does not use can be had too.
        return int(free + cupy.get_default_memory_pool().free_bytes())

    @property
    def block_entries(self) -> int:
        import cupy

        return block_entries(cupy.cuda.runtime.getDevice())

    def release_memory(self) -> None:
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()

    def synchronize(self, results: Any = None) -> None:
        import cupy

        cupy.cuda.get_current_stream().synchronize()
