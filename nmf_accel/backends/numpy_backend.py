"""NumPy: the CPU, through the BLAS that NumPy was built with."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Array, Backend, Probe


class NumpyBackend(Backend):
    """The reference backend; always usable."""

    name = "numpy"
    install = "pip install numpy"
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

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return np.asarray(x)

    def multiply_divide(self, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
        # In place: the only memory that an update takes is the two products it starts from.
        d += delta
        np.divide(n, d, out=d)
        return np.multiply(x, d, out=d)
