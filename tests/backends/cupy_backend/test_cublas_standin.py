"""The stand-in's cuBLAS, called through C as the real one is: it checks what cuBLAS would not."""

import ctypes

import numpy as np
import pytest

from nmf_accel import backends

pytestmark = pytest.mark.standin

FLOAT, DOUBLE = 0, 1  # CUDA_R_32F, CUDA_R_64F
IN_FLOAT, IN_TF32, IN_DOUBLE = 68, 77, 70  # CUBLAS_COMPUTE_32F, 32F_FAST_TF32, 64F


class Blas:
    """A handle, and products of rows-first arrays: C = x y is Cᵀ = yᵀ xᵀ by columns."""

    def __init__(self, cupy):
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self.cupy = cupy
        self.lib = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        self.handle = ctypes.c_void_p()
        assert self.lib.cublasCreate_v2(ctypes.byref(self.handle)) == 0

    def on(self, stream):
        return self.lib.cublasSetStream_v2(self.handle, ctypes.c_void_p(stream.ptr))

    def workspace(self, memory):
        pointer, size = ctypes.c_void_p(memory.data.ptr), ctypes.c_size_t(memory.nbytes)
        return self.lib.cublasSetWorkspace_v2(self.handle, pointer, size)

    def batched(self, x, y, out, less=0, compute=None):
        double = x.dtype == np.float64
        kind, number = (DOUBLE, ctypes.c_double) if double else (FLOAT, ctypes.c_float)
        compute = compute or (IN_DOUBLE if double else IN_FLOAT)
        (runs, m, k), n, q, p = x.shape, y.shape[2], ctypes.c_longlong, ctypes.c_void_p
        one, zero = number(1), number(0)
        return self.lib.cublasGemmStridedBatchedEx(
            *(self.handle, 0, 0, n, m, k, ctypes.byref(one)),
            *(p(y.data.ptr), kind, n - less, q(k * n)),
            *(p(x.data.ptr), kind, k, q(m * k), ctypes.byref(zero)),
            *(p(out.data.ptr), kind, n, q(m * n), runs, compute, -1),
        )


@pytest.fixture
def blas():
    import cupy

    return Blas(cupy)


@pytest.fixture
def ledger():
    """Here errors are expected."""
    import ledger

    yield ledger
    ledger._errors.clear()


def operands(blas, dtype):
    rng, asarray = np.random.default_rng(0), blas.cupy.asarray
    x, y = (asarray(rng.random(shape).astype(dtype)) for shape in ((2, 3, 5), (2, 5, 4)))
    return x, y, blas.cupy.empty((2, 3, 4), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products(blas, ledger, dtype):
    x, y, out = operands(blas, dtype)
    with ledger.counted() as count:
        assert blas.batched(x, y, out) == 0
    assert count.names() == ["cublas gemm"]
    np.testing.assert_allclose(out.get(), x.get() @ y.get(), rtol=1e-6)


@pytest.mark.parametrize("letter", "SD")
@pytest.mark.parametrize("strided", [False, True])
def test_the_plain_functions(blas, letter, strided):
    number, dtype = {"S": (ctypes.c_float, "f"), "D": (ctypes.c_double, "d")}[letter]
    a = blas.cupy.asarray(np.random.default_rng(0).random((4, 3)).astype(dtype))
    out = blas.cupy.ones((3, 3), dtype=dtype)
    p, q, two, half = ctypes.c_void_p, ctypes.c_longlong, number(2), number(0.5)
    stride = [q(12)] if strided else []
    name = f"cublas{letter}gemm" + ("StridedBatched" if strided else "_v2")
    status = getattr(blas.lib, name)(
        *(blas.handle, 0, 1, 3, 3, 4, ctypes.byref(two), p(a.data.ptr), 3, *stride),
        *(p(a.data.ptr), 3, *stride, ctypes.byref(half), p(out.data.ptr), 3),
        *([q(9), 1] if strided else []),
    )
    assert status == 0
    np.testing.assert_allclose(out.get(), 2 * a.get().T @ a.get() + 0.5, rtol=1e-5)


def test_what_is_refused(blas, ledger):
    x, y, out = operands(blas, "float32")
    with ledger.counted() as count:
        assert blas.batched(x, y, out, less=1) == 7
        assert blas.batched(x, y, out, compute=IN_TF32) == 7
        assert blas.batched(x, y, out[1:]) == 13
        assert blas.lib.cublasSetMathMode(blas.handle, 3) == 0
        assert blas.batched(x, y, out) == 7
        assert blas.lib.cublasSetMathMode(blas.handle, 0) == 0
        assert blas.on(blas.cupy.cuda.Stream(non_blocking=True)) == 0
        assert blas.batched(x, y, out) == 7
        assert blas.lib.cublasDestroy_v2(blas.handle) == 0
        assert blas.batched(x, y, out) == 1
    reasons = ["leading dimension", "precision", "memory that is in use", "TF32", "another stream"]
    found = count.names("error")
    assert len(found) == 6
    assert all(reason in name for reason, name in zip(reasons, found, strict=False))
    with pytest.raises(AssertionError, match="TF32"):
        ledger.assert_no_errors()


def test_in_a_capture_it_needs_a_workspace(blas, ledger):
    cupy = blas.cupy
    x, y, out = operands(blas, "float64")
    stream, work = cupy.cuda.Stream(non_blocking=True), cupy.empty(2**20, dtype=cupy.uint8)
    cupy.cuda.get_current_stream().synchronize()
    with stream:
        assert blas.workspace(work) == 0
        assert blas.on(stream) == 0  # forgets the workspace
        stream.begin_capture()
        assert blas.batched(x, y, out) == 7
        assert blas.workspace(work) == 0
        assert blas.batched(x, y, out) == 0
        graph = stream.end_capture()
    assert cupy.isnan(out).all()
    graph.launch(stream)
    stream.synchronize()
    np.testing.assert_allclose(out.get(), x.get() @ y.get())
    del work
    with pytest.raises(RuntimeError, match="freed since"):
        graph.launch(stream)


def test_what_lies_in_no_usual_order_is_read_as_it_lies(cupy):
    """Of several runs turned, and made by a function: the bytes are neither by rows nor columns."""
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 4, 4)), rng.random((3, 4, 80))
    turned = cupy.ascontiguousarray(cupy.asarray(b).mT).mT
    made = cupy.where(turned > 0, turned, 0.0)
    assert not made.flags.c_contiguous
    blas = backends.get("cupy").workspaces.here.blas
    np.testing.assert_allclose(blas.matmul(cupy.asarray(a), made).get(), a @ b, rtol=1e-13)
