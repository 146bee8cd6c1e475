"""CuPy's functions by NumPy's: how many launches each is, and what it refuses."""

from __future__ import annotations

import ledger
import numpy as np

from . import _stream
from ._array import SCALARS, compute, compute_into, copyto, ndarray, raw


def _words(text):
    return text.split()


UFUNCS = _words("""
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or
bitwise_xor ceil conjugate copysign cos cosh divide equal exp expm1 floor floor_divide fmax fmin
greater greater_equal hypot invert isfinite isinf isnan left_shift less less_equal log log10 log1p
log2 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative
nextafter not_equal positive power reciprocal remainder right_shift sign signbit sin sinh sqrt
square subtract tan tanh true_divide trunc
""")
VIEWS = _words("broadcast_to diagonal expand_dims moveaxis squeeze swapaxes transpose")
REDUCTIONS = _words("all any argmax argmin max mean min prod sum std var cumsum cumprod")
ONCE = _words("""
all any argmax argmin max mean min prod sum amax amin nansum clip count_nonzero flip outer roll
round take take_along_axis tile trace where
""")
TWICE = _words("argsort sort cumsum cumprod repeat tril triu")
# Launches of one call.
OTHERS = {**dict.fromkeys(ONCE, 1), **dict.fromkeys(TWICE, 2), "std": 3, "var": 3}
JOINS = {"concatenate": 1, "stack": 1}


def _first_is_ours(name, args):
    for x in args[:1]:
        if not isinstance(x, ndarray):
            raise TypeError(f"cupy.{name}: Unsupported type {type(x)}")


def _ufunc(name):
    function = getattr(np, name)

    def call(*args, out=None, dtype=None, **options):
        for x in args:
            if not isinstance(x, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(x)}")
        if len(args) > function.nin:
            *args, out = args
        if out is not None:
            return compute_into(name, function, args, out)
        options |= {} if dtype is None else {"dtype": dtype}
        return compute(name, function, args, options)

    call.__name__ = name
    return call


def _view(name):
    function = getattr(np, name)

    def call(a, *args, **options):
        _first_is_ours(name, (a,))
        return ndarray._on(function(a._values, *args, **options), a._block)

    call.__name__ = name
    return call


def _other(name, count):
    function = getattr(np, name)

    def call(*args, out=None, **options):
        if name == "where":
            if len(args) != 3:
                raise NotImplementedError("the stand-in has where of three arguments")
            for x in args:
                if not isinstance(x, (ndarray, *SCALARS)):
                    raise TypeError(f"Unsupported type {type(x)}")
        else:
            _first_is_ours(name, args)
        found = compute(name, function, args, options, count)
        if out is None:
            return found
        copyto(out, found)
        return out

    call.__name__ = name
    return call


def _join(name, count):
    function = getattr(np, name)

    def call(arrays, *args, **options):
        for x in arrays:
            if not isinstance(x, ndarray):
                raise TypeError("Only cupy arrays can be concatenated")
        return compute(name, lambda *xs: function(xs, *args, **options), arrays, count=count)

    call.__name__ = name
    return call


FUNCTIONS = {
    **{name: _ufunc(name) for name in UFUNCS},
    **{name: _view(name) for name in VIEWS},
    **{name: _other(name, count) for name, count in OTHERS.items()},
    **{name: _join(name, count) for name, count in JOINS.items()},
}
FUNCTIONS |= {"conj": FUNCTIONS["conjugate"], "mod": FUNCTIONS["remainder"]}


def method(name):
    """A function as a method."""
    function = FUNCTIONS[name]

    def call(self, *args, **options):
        return function(self, *args, **options)

    call.__name__ = name
    return call


for _name in (*REDUCTIONS, "argsort", "clip", "take", "trace", "diagonal", "repeat"):
    setattr(ndarray, _name, method(_name))


def broadcast_arrays(*arrays):
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return [FUNCTIONS["broadcast_to"](x, shape) for x in arrays]


def matmul(a, b, /, out=None, **options):
    """By cuBLAS: nothing is copied of two matrices in order, all of a batch that is not."""
    for x in (a, b):
        if not isinstance(x, ndarray):
            raise TypeError(f"Unsupported type {type(x)}")
    _stream.refuse_library()
    batched = max(a.ndim, b.ndim) > 2
    for x in (a, b):
        if not (x.flags.c_contiguous if batched else x.flags.forc):
            _stream.submit("copy for gemm", lambda: None, [x._block], nbytes=2 * x.nbytes)
    batches = a.shape[:-2], b.shape[:-2]
    if batched and batches[0] != batches[1] and np.prod(sum(batches, ())) > 1:
        _stream.submit("pointers for gemm", lambda: None, count=3)
    found = compute("gemm", np.matmul, (a, b))
    if out is None:
        return found
    copyto(out, found)
    return out


def dot(a, b, out=None):
    return matmul(a, b, out)


def vdot(a, b):
    _stream.refuse_library()
    return compute("dot", np.vdot, (a, b))


def tensordot(a, b, axes=2):
    _stream.refuse_library()
    return compute("gemm", lambda x, y: np.tensordot(x, y, axes), (a, b))


def einsum(subscripts, *operands):
    _stream.refuse_library()
    return compute("einsum", lambda *xs: np.einsum(subscripts, *xs), operands, count=2)


def nonzero(a):
    _stream.refuse_capture()
    ledger.note("sync", "nonzero")
    return compute("nonzero", np.nonzero, (a,), count=3)


def flatnonzero(a):
    return nonzero(a.ravel())[0]


def unique(ar):
    _stream.refuse_capture()
    ledger.note("sync", "unique")
    return compute("unique", np.unique, (ar,), count=4)


def isscalar(element):
    return np.isscalar(element)


def result_type(*arrays_and_dtypes):
    return np.result_type(*map(raw, arrays_and_dtypes))


def can_cast(from_, to, casting="safe"):
    return np.can_cast(getattr(from_, "dtype", from_), to, casting)


def get_array_module(*args):
    import cupy

    return cupy if any(isinstance(x, ndarray) for x in args) else np


def from_dlpack(x, /, *, device=None, copy=None):
    """Of the stand-in's own arrays alone: other libraries have no such device."""
    if not isinstance(x, ndarray):
        raise TypeError("the stand-in shares no memory with other libraries")
    return x
