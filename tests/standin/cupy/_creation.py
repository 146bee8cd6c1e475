"""Making arrays, on the device and from the host, and changing their shape."""

from __future__ import annotations

import ledger
import numpy as np

from . import _stream
from ._array import adopt, compute, copyto, ndarray
from ._functions import FUNCTIONS


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """A copy on the device, from there or from the host."""
    if isinstance(obj, ndarray):
        wanted = obj.dtype if dtype is None else np.dtype(dtype)
        f, c = obj.flags.f_contiguous, obj.flags.c_contiguous
        there = order in ("K", "A", None) or (c if order == "C" else f)
        if wanted == obj.dtype and there and not copy and obj.ndim >= ndmin:
            return obj
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return compute("copy", lambda x: np.array(x, wanted, order=order, ndmin=ndmin), (obj,))
    if isinstance(obj, (list, tuple)) and any(isinstance(x, ndarray) for x in obj):
        return FUNCTIONS["stack"](obj)
    _stream.refuse_capture()
    values = np.array(obj, dtype=dtype, order=order, ndmin=ndmin)
    if values.dtype.char not in "?bBhHiIlLqQefdFD":
        raise ValueError(f"Unsupported dtype {values.dtype}")
    ledger.note("h2d", "array", values.nbytes)
    found = adopt(values)
    _stream._order(_stream.current(), [], [found._block])
    return found


def asarray(a, dtype=None, order=None, *, blocking=False, copy=None):
    return array(a, dtype, copy, order or "K")


def ascontiguousarray(a, dtype=None):
    return array(a, dtype, None, "C", ndmin=1)


def asfortranarray(a, dtype=None):
    return array(a, dtype, None, "F", ndmin=1)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a)


def copy(a, order="K"):
    return a.copy(order)


def empty(shape, dtype=float, order="C"):
    return ndarray(shape, dtype, order=order)


def full(shape, fill_value, dtype=None, order="C"):
    if dtype is None:
        dtype = fill_value.dtype if hasattr(fill_value, "dtype") else np.array(fill_value).dtype
    made = empty(shape, dtype, order)
    copyto(made, fill_value)
    return made


def zeros(shape, dtype=float, order="C"):
    return full(shape, 0, dtype, order)


def ones(shape, dtype=float, order="C"):
    return full(shape, 1, dtype, order)


def empty_like(a, dtype=None, order="K", subok=None, shape=None):
    shaped = np.empty_like(a._values, dtype=dtype, order=order, shape=shape)
    made = empty(shaped.shape, shaped.dtype)
    made._values = np.ndarray(shaped.shape, shaped.dtype, made._block.array, 0, shaped.strides)
    return made


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    made = empty_like(a, dtype, order, shape=shape)
    copyto(made, fill_value)
    return made


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return full_like(a, 0, dtype, order, shape=shape)


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return full_like(a, 1, dtype, order, shape=shape)


def eye(N, M=None, k=0, dtype=float, order="C"):
    return compute("eye", lambda: np.eye(N, M, k, dtype, order), (), count=2)


def arange(start, stop=None, step=1, dtype=None):
    return compute("arange", lambda: np.arange(*_range(start, stop), step, dtype=dtype), ())


def _range(start, stop):
    return (0, start) if stop is None else (start, stop)


def reshape(a, shape, order="C", *, copy=None):
    values = a._values.reshape(shape, order=order)
    if np.shares_memory(values, a._values) or not a.size:
        return ndarray._on(values, a._block)
    return compute("reshape", lambda x: x.reshape(shape, order=order), (a,))


def ravel(a, order="C"):
    return reshape(a, -1, order)
