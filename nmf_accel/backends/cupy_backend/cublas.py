"""cuBLAS, called directly: transposes are flags, and a stream may capture the calls.

CuPy copies an operand of a batched product that is not in the order of rows, and refuses to call
cuBLAS while a stream captures.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from typing import Any

import numpy as np

POINTER, INT, STRIDE = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
OUT_OF_MEMORY = 3
"""CUBLAS_STATUS_ALLOC_FAILED."""


@cache
def library() -> Any:
    """The library that CuPy itself loads, with the types of the functions that are called."""
    from cuda.pathfinder import load_nvidia_dynamic_lib

    found = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    matrix, batched = [POINTER, INT], [POINTER, INT, STRIDE]
    for letter in "SD":
        shape = [POINTER, INT, INT, INT, INT, INT, POINTER]
        one = getattr(found, f"cublas{letter}gemm_v2")
        one.argtypes = [*shape, *matrix, *matrix, POINTER, *matrix]
        many = getattr(found, f"cublas{letter}gemmStridedBatched")
        many.argtypes = [*shape, *batched, *batched, POINTER, *batched, INT]
        getattr(found, f"cublas{letter}getrfBatched").argtypes = [
            *(POINTER, INT, POINTER, INT),
            *(POINTER, POINTER, INT),
        ]
        getattr(found, f"cublas{letter}getrsBatched").argtypes = [
            *(POINTER, INT, INT, INT),
            *(POINTER, INT, POINTER, POINTER, INT, POINTER, INT),
        ]
    found.cublasCreate_v2.argtypes = [POINTER]
    found.cublasDestroy_v2.argtypes = [POINTER]
    found.cublasSetStream_v2.argtypes = [POINTER, POINTER]
    found.cublasSetWorkspace_v2.argtypes = [POINTER, POINTER, ctypes.c_size_t]
    return found


def check(status: int) -> None:
    """Raise what a status of cuBLAS means."""
    if status == OUT_OF_MEMORY:
        raise MemoryError("cuBLAS found no memory on the device")
    if status:
        raise RuntimeError(f"cuBLAS failed with status {status}")


class Blas:
    """cuBLAS on one stream of the current device, with a handle of its own.

    In the full precision of the operands: nothing asks this handle for TF32, whatever CUPY_TF32
    says.

    Parameters
    ----------
    stream : cupy.cuda.Stream
    workspace : cupy.ndarray, optional
        Memory for its own use, as long as the handle and what it captured live; without it, it
        takes what it needs, which no capture allows.
    """

    def __init__(self, stream: Any, workspace: Any = None) -> None:
        while _retired:
            _destroy(_retired.pop())
        handle = POINTER()
        check(library().cublasCreate_v2(ctypes.byref(handle)))
        self.handle, self.workspace = handle, workspace
        # Not at once, since that waits for the device, which breaks a capture under way; and not
        # at the end of the process, when the driver may be gone.
        weakref.finalize(self, _retired.append, handle).atexit = False
        check(library().cublasSetStream_v2(handle, stream.ptr))
        if workspace is not None:  # after the stream, which would take it away again
            size = workspace.nbytes
            check(library().cublasSetWorkspace_v2(handle, workspace.data.ptr, size))

    def matmul(self, a: Any, b: Any, onto: Any = None) -> Any:
        """The product of (m, k) and (k, n), or of (R, m, k) and (R, k, n), where R may be 1.

        Added to `onto`, in its memory, if that is given.
        """
        import cupy

        runs = max((x.shape[0] for x in (a, b) if x.ndim == 3), default=None)
        (m, k), n = a.shape[-2:], b.shape[-1]
        shape = (m, n) if runs is None else (runs, m, n)
        out = cupy.empty(shape, dtype=a.dtype) if onto is None else onto
        a, turned_a, rows_a, apart_a = operand(a)
        b, turned_b, rows_b, apart_b = operand(b)
        letter, number = LETTERS[a.dtype.char]
        # By rows, C = A B is what cuBLAS, by columns, calls Cᵀ = Bᵀ Aᵀ.
        call = self.handle, turned_b, turned_a, n, m, k
        one, keep = (ctypes.byref(number(x)) for x in (1, onto is not None))
        A, B, C = a.data.ptr, b.data.ptr, out.data.ptr
        if runs is None or runs == 1:
            product = getattr(library(), f"cublas{letter}gemm_v2")
            check(product(*call, one, B, rows_b, A, rows_a, keep, C, n))
        else:
            product = getattr(library(), f"cublas{letter}gemmStridedBatched")
            matrices = (B, rows_b, apart_b, A, rows_a, apart_a, keep, C, n, m * n)
            check(product(*call, one, *matrices, runs))
        return out

    def solve(self, systems: Any, b: Any) -> None:
        """Solve symmetric systems (count, d, d) for b (count, d), in the memory of both."""
        import cupy

        count, d = b.shape
        (letter, _), size = LETTERS[b.dtype.char], b.itemsize
        each, of_b = (
            x.data.ptr + step * size * cupy.arange(count, dtype="uint64")
            for x, step in ((systems, d * d), (b, d))
        )
        pivots, failed = cupy.empty((count, d), dtype="int32"), cupy.empty(count, dtype="int32")
        factorize = getattr(library(), f"cublas{letter}getrfBatched")
        lu = (each.data.ptr, d, pivots.data.ptr)
        check(factorize(self.handle, d, *lu, failed.data.ptr, count))
        substitute, wrong = getattr(library(), f"cublas{letter}getrsBatched"), INT()
        right = (of_b.data.ptr, d, ctypes.byref(wrong), count)
        check(substitute(self.handle, 0, d, 1, *lu, *right))


_retired: list[Any] = []
"""Handles that nobody uses any more; destroyed before the next one is made."""


def _destroy(handle: Any) -> None:
    """Free a handle, whose stream may be gone."""
    check(library().cublasSetStream_v2(handle, None))
    check(library().cublasDestroy_v2(handle))


LETTERS = {"f": ("S", ctypes.c_float), "d": ("D", ctypes.c_double)}


def operand(x: Any) -> tuple[Any, int, int, int]:
    """An array (…, a, b) as cuBLAS takes it, itself or a copy, and how it lies.

    Whether by columns; the distance of its rows, or columns, and of its matrices, in entries.
    """
    import cupy

    *batch, down, right = (step // x.itemsize for step in x.strides)
    a, b = x.shape[-2:]
    apart = batch[0] if batch and x.shape[0] > 1 else 0
    if right == 1 and down >= b:
        return x, 0, down, apart
    if down == 1 and right >= a:
        return x, 1, right, apart
    if np.prod(x.shape) == 0 or x.flags.c_contiguous:  # a side of 1 may have any step
        return x, 0, max(b, 1), apart
    return operand(cupy.ascontiguousarray(x))
