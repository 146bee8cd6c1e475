"""CuPy's own forms of the solvers' kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...types import Array
from ..base import Backend

DESCEND = """
extern "C" __global__ void descend(number* X, const number* N, const number* G, int d, int n) {
    const long long column = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (column >= n) return;
    const long long start = (long long)blockIdx.y * d * n + column;
    X += start; N += start; G += (long long)blockIdx.y * d * d;
    for (int k = 0; k < d; ++k) {
        const number g = G[k * d + k];
        if (g <= 0) continue;
        number step = N[(long long)k * n];
        for (int j = 0; j < d; ++j) step -= G[k * d + j] * X[(long long)j * n];
        const number x = X[(long long)k * n] + step / g;
        X[(long long)k * n] = x > 0 ? x : 0;
    }
}
"""


def multiply_divide(backend: Backend, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
    """``x * (n / (d + delta))``, in the memory of `d`."""
    updated: Array = multiply_divide_kernel()(x, n, d, delta, d)
    return updated


@cache
def multiply_divide_kernel() -> Any:
    """One kernel for the whole update; its output may be one of its inputs."""
    import cupy

    return cupy.ElementwiseKernel(
        "T x, T n, T d, T delta", "T y", "y = x * (n / (d + delta))", "nmf_multiply_divide"
    )


def descend(backend: Backend, X: Array, N: Array, G: Array) -> Array:
    """One pass of coordinate descent over the rows of X (R, d, n)."""
    import cupy

    runs, d, n = X.shape
    X, N, G = cupy.array(X, order="C"), backend.ascontiguous(N), backend.ascontiguous(G)
    threads = 128
    # One thread a column: given G, the columns are independent.
    arguments = (X, N, G, np.int32(d), np.int32(n))
    descend_kernel(str(X.dtype))((-(-n // threads), runs), (threads,), arguments)
    return X


@cache
def descend_kernel(dtype: str) -> Any:
    """The kernel for float32 or float64."""
    import cupy

    number = {"float32": "float", "float64": "double"}[dtype]
    return cupy.RawKernel(DESCEND.replace("number", number), "descend")


KERNELS: dict[str, Callable[..., Any]] = {"multiply_divide": multiply_divide, "descend": descend}
