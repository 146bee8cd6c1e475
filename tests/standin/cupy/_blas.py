"""cuBLAS as ctypes finds it: its C calls come here, are checked, and NumPy multiplies."""

from __future__ import annotations

import ctypes
from functools import cache

import ledger
import numpy as np

from . import _compile, _memory, _stream

KINDS = {0: np.dtype("float32"), 1: np.dtype("float64")}  # CUDA_R_32F, CUDA_R_64F
# CUBLAS_COMPUTE_32F, 64F and their pedantic forms; those of fewer bits are refused.
COMPUTE = {0: (-1, 68, 69), 1: (-1, 70, 71)}
TF32_MODE = 3
SUCCESS, NOT_INITIALIZED, INVALID_VALUE, EXECUTION_FAILED = 0, 1, 7, 13
CALLS = (
    *("create", "destroy", "set_stream", "set_workspace", "set_mode", "get_mode"),
    *("gemm", "factorize", "substitute"),
)


class Handle:
    """What a handle remembers."""

    def __init__(self, device):
        self.device, self.stream, self.workspace, self.mode = device, 0, None, 0


class Refused(Exception):
    """cuBLAS would return this status, or go wrong without one."""

    def __init__(self, why, status=INVALID_VALUE):
        super().__init__(why)
        self.status = status


_handles: dict[int, Handle] = {}
_of_device: dict[int, int] = {}


def _new(device):
    number = 0x1000 + 16 * len(_handles)
    while number in _handles:
        number += 16
    _handles[number] = Handle(device)
    return number


def handle_of(device):
    """CuPy's own handle of a device."""
    _library()
    if device not in _of_device:
        _of_device[device] = _new(device)
    return _of_device[device]


def _handle(number):
    if number not in _handles:
        raise Refused("no such handle", NOT_INITIALIZED)
    return _handles[number]


def create(to):
    ctypes.c_void_p.from_address(to).value = _new(_stream.current_device())


def destroy(number):
    del _handles[number]


def set_stream(number, stream):
    """Also forgets the workspace, as cuBLAS says it does."""
    handle = _handle(number)
    handle.stream, handle.workspace = stream, None


def set_workspace(number, pointer, size):
    if _memory.block_at(pointer, size) is None:
        raise Refused("the workspace is no memory of ours")
    _handle(number).workspace = (pointer, size)


def set_mode(number, mode):
    _handle(number).mode = mode


def get_mode(number, to):
    ctypes.c_int.from_address(to).value = _handle(number).mode


def _operand(name, pointer, shape, ld, stride, batch, kind):
    """A batch of column-major matrices as NumPy sees them, and their block."""
    rows, columns = shape
    size = KINDS[kind].itemsize
    if ld < max(rows, 1):
        raise Refused(f"leading dimension {ld} of {name} is less than its {rows} rows")
    extent = (batch - 1) * stride + (columns - 1) * ld + rows
    block = _memory.block_at(pointer, extent * size)
    if block is None:
        raise Refused(f"{name} is not wholly in memory that is in use", EXECUTION_FAILED)
    strides = (stride * size, size, ld * size)
    start = pointer - block.ptr
    view = np.ndarray((batch, rows, columns), KINDS[kind], block.bytes, start, strides)
    return view, block


def gemm(
    number, ta, tb, m, n, k, alpha, a, ka, lda, sa, b, kb, ldb, sb, beta, c, kc, ldc, sc, *more
):
    """C = α op(A) op(B) + β C of column-major matrices."""
    batch, compute, _algorithm = more
    handle, stream = _handle(number), _stream.current()
    if handle.stream != stream.ptr:
        raise Refused("the handle is set to another stream than the current one")
    if handle.device != _stream.current_device():
        raise Refused("the handle belongs to another device")
    if not ka == kb == kc or compute not in COMPUTE.get(ka, ()):
        raise Refused(f"computes {compute} of types {ka}, {kb}, {kc}: not in full precision")
    if handle.mode == TF32_MODE and ka == 0:
        raise Refused("the math mode rounds to TF32")
    if min(m, n, k, batch) < 1 or ta not in (0, 1, 2) or tb not in (0, 1, 2):
        raise Refused(f"m, n, k, batch = {m}, {n}, {k}, {batch}; transposed {ta}, {tb}")
    if batch > 1 and sc < ldc * n:
        raise Refused("the results of a batch overlap")
    A, block_a = _operand("A", a, (k, m) if ta else (m, k), lda, sa, batch, ka)
    B, block_b = _operand("B", b, (n, k) if tb else (k, n), ldb, sb, batch, ka)
    C, block_c = _operand("C", c, (m, n), ldc, sc, batch, ka)
    writes = [block_c]
    if stream._capture is not None:
        if handle.workspace is None:
            raise Refused("no workspace: cuBLAS would allocate during the capture")
        writes.append(_memory.block_at(*handle.workspace))
        if writes[-1] is None:
            raise Refused("the workspace has been freed", EXECUTION_FAILED)
    number_of = ctypes.c_float if ka == 0 else ctypes.c_double
    one, rest = (number_of.from_address(x).value for x in (alpha, beta))
    if rest and np.shares_memory(A, C):
        raise Refused("C is read while it is written")

    def run():
        with np.errstate(all="ignore"):
            product = np.matmul(A.mT if ta else A, B.mT if tb else B)
            if one != 1:
                product = KINDS[ka].type(one) * product
            C[...] = product + KINDS[ka].type(rest) * C if rest else product

    nbytes = A.nbytes + B.nbytes + C.nbytes
    _stream.submit("cublas gemm", run, [block_a, block_b], writes, nbytes)


def _batch(name, pointers, entries, batch, kind):
    """The blocks of an array of pointers, and what it points to, one flat array each."""
    block = _memory.block_at(pointers, 8 * batch)
    if block is None:
        raise Refused(f"the pointers to {name} are not wholly in memory that is in use")
    places = np.ndarray(batch, np.uint64, block.bytes, pointers - block.ptr)
    blocks, size = [block], KINDS[kind].itemsize

    def parts():
        found = []
        there, bytes_ = None, None
        for place in places.tolist():
            end = place + entries * size
            if there is None or not there.ptr <= place <= end <= there.ptr + there.size:
                there = _memory.block_at(place, entries * size)
                if there is None:
                    raise Refused(f"{name} is not wholly in memory in use", EXECUTION_FAILED)
                bytes_ = there.bytes
            found.append(np.ndarray(entries, KINDS[kind], bytes_, place - there.ptr))
        return found

    return parts, blocks


def factorize(number, n, a, lda, pivots, failed, batch, kind):
    """LU of a batch; the stand-in keeps the matrices as they are and solves in `substitute`."""
    handle, stream = _handle(number), _stream.current()
    if handle.stream != stream.ptr or lda < n:
        raise Refused("the handle is set to another stream, or lda is too short")
    parts, blocks = _batch("A", a, (n - 1) * lda + n, batch, kind)
    for name, pointer, size in (("pivots", pivots, 4 * n * batch), ("info", failed, 4 * batch)):
        if _memory.block_at(pointer, size) is None:
            raise Refused(f"{name} are not wholly in memory that is in use")
    _stream.submit("cublas getrfBatched", parts, blocks, [], 0)


def substitute(number, ta, n, nrhs, a, lda, pivots, b, ldb, wrong, batch, kind):
    """Solve op(A) X = B of a batch that has been factorized."""
    handle, stream = _handle(number), _stream.current()
    if handle.stream != stream.ptr or min(lda, ldb) < n:
        raise Refused("the handle is set to another stream, or lda or ldb is too short")
    parts_a, blocks_a = _batch("A", a, (n - 1) * lda + n, batch, kind)
    parts_b, blocks_b = _batch("B", b, (nrhs - 1) * ldb + n, batch, kind)
    ctypes.c_int.from_address(wrong).value = 0

    def run():
        size, parts = KINDS[kind].itemsize, parts_b()
        systems, right = np.stack(parts_a()), np.stack(parts)
        by_columns = np.lib.stride_tricks.as_strided
        A = by_columns(systems, (batch, n, n), (systems.strides[0], size, lda * size))
        X = by_columns(right, (batch, n, nrhs), (right.strides[0], size, ldb * size))
        X[...] = np.linalg.solve(A.mT if ta else A, X)
        for place, solved in zip(parts, right, strict=True):
            place[...] = solved

    _stream.submit("cublas getrsBatched", run, [*blocks_a, *blocks_b], [], 0)


def _called(which, numbers):
    name = CALLS[which]
    function = globals()[name]
    counts = {"create": 1, "destroy": 1, "set_workspace": 3, "gemm": 23}
    counts |= {"factorize": 8, "substitute": 12}
    try:
        function(*(numbers[k] for k in range(counts.get(name, 2))))
    except Refused as refused:
        ledger.note("error", f"{name}: {refused}")
        return refused.status
    except Exception as error:  # noqa: BLE001  none can pass through C
        ledger.note("error", f"{name}: {type(error).__name__}: {error}")
        return EXECUTION_FAILED
    return SUCCESS


_callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_longlong))(_called)


@cache
def _library():
    found = _compile.library(_compile.header("cublas.cpp"))
    found.standin_register(_callback)
    return found


def path():
    """Where the library lies."""
    return _library()._name
