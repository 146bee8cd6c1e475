"""CuPy: an NVIDIA GPU, one cuBLAS call a product and one kernel an update."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache, cached_property
from typing import Any

import numpy as np
from array_api_compat import is_cupy_array
from numpy.typing import NDArray

from .base import Array, Backend, Probe

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


def _is_sparse(x: object) -> bool:
    return type(x).__module__.startswith("cupyx.scipy.sparse")


class CupyBackend(Backend):
    """CuPy on the current CUDA device, or on the one where the data lies."""

    name = "cupy"
    takes_sparse = True
    install = "pip install 'nmf-accel[cuda12]' or 'nmf-accel[cuda13]', whichever the driver has"

    def _probe(self) -> Probe:
        import cupy

        cupy.cuda.runtime.getDeviceCount()  # raises without a driver or a device
        one = cupy.ones((1, 1))
        # Importable is not usable: try the compiler and cuBLAS, as the loop will.
        self.multiply_divide(one, self.matmul(one, one), one + one, 0.0)
        self.synchronize()
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
        return Probe(True, "", name, cupy.__version__, accelerated=True)

    def versions(self) -> dict[str, str]:
        import cupy

        return {**super().versions(), "cuda": str(cupy.cuda.runtime.runtimeGetVersion())}

    @cached_property
    def xp(self) -> Any:
        import array_api_compat.cupy

        return array_api_compat.cupy

    def owns(self, x: object) -> bool:
        return bool(is_cupy_array(x)) or _is_sparse(x)

    def scope(self, x: Array | None = None) -> AbstractContextManager[Any]:
        import cupy

        x = getattr(x, "matrix", x)  # of a Sparse
        entries: Any = x.data if x is not None and _is_sparse(x) else x
        here: AbstractContextManager[Any] = (
            entries.device if is_cupy_array(entries) else cupy.cuda.Device()
        )
        return here

    def ascontiguous(self, x: Array) -> Array:
        import cupy

        return cupy.ascontiguousarray(x)

    def sparse(self, A: Any) -> tuple[Any, Any]:
        from cupyx.scipy.sparse import csr_matrix

        # Both by rows: cuSPARSE is slow where it multiplies by a transpose, and adds atomically,
        # so that roundings may differ from run to run.
        A = csr_matrix(A)
        return A, A.T.tocsr()

    def to_numpy(self, x: Array) -> NDArray[Any]:
        import cupy

        return np.asarray(cupy.asnumpy(x))

    def multiply_divide(self, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
        return self._multiply_divide(x, n, d, delta, d)

    @cached_property
    def _multiply_divide(self) -> Any:
        import cupy

        # One kernel for the whole update; its output may be one of its inputs.
        return cupy.ElementwiseKernel(
            "T x, T n, T d, T delta", "T y", "y = x * (n / (d + delta))", "nmf_multiply_divide"
        )

    def descend(self, X: Array, N: Array, G: Array) -> Array:
        runs, d, n = X.shape
        X, N, G = X.copy(), self.ascontiguous(N), self.ascontiguous(G)
        threads = 128
        kernel = self._descend(str(X.dtype))
        # One thread a column: given G, the columns are independent.
        arguments = (X, N, G, np.int32(d), np.int32(n))
        kernel((-(-n // threads), runs), (threads,), arguments)
        return X

    @cache  # noqa: B019  there is one backend of a kind, for the life of the process
    def _descend(self, dtype: str) -> Any:
        import cupy

        number = {"float32": "float", "float64": "double"}[dtype]
        return cupy.RawKernel(DESCEND.replace("number", number), "descend")

    def free_memory(self) -> int:
        import cupy

        free, _ = cupy.cuda.Device().mem_info
        # What the pool holds and does not use can be had too.
        return int(free + cupy.get_default_memory_pool().free_bytes())

    def synchronize(self, results: Any = None) -> None:
        import cupy

        cupy.cuda.get_current_stream().synchronize()
