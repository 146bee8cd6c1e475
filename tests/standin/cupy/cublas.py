"""CuPy's own calls of cuBLAS that linalg.solve makes."""

import numpy as np

from . import _stream
from ._array import compute, ndarray

__all__ = ["batched_gesv", "get_batched_gesv_limit", "set_batched_gesv_limit"]

_limit = 256


def get_batched_gesv_limit():
    """The order up to which linalg.solve takes a batch to cuBLAS."""
    return _limit


def set_batched_gesv_limit(limit):
    global _limit
    _limit = limit


def batched_gesv(a, b):
    """Two transposing copies, two arrays of pointers, getrf, getrs."""
    for x in (a, b):
        if not isinstance(x, ndarray):
            raise TypeError("input must be a cupy.ndarray")
    if a.shape[:-1] != b.shape[: a.ndim - 1] or a.ndim not in (b.ndim, b.ndim + 1):
        raise ValueError("a must have (..., M, M) shape and b must have (..., M) or (..., M, K)")
    _stream.refuse_library()
    vectors = a.ndim == b.ndim + 1

    def solved(a, b):
        x = _solve_each(a, b[..., None] if vectors else b)
        return x[..., 0] if vectors else x

    return compute("batched_gesv", solved, (a, b), count=6)


def _solve_each(a, b):
    """The solution; NaN where a matrix is singular, as nobody checks on a GPU."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        n, k = b.shape[-2:]
        x = np.full(b.shape, np.nan, b.dtype)
        for one, left, right in zip(
            x.reshape(-1, n, k), a.reshape(-1, n, n), b.reshape(-1, n, k), strict=True
        ):
            if np.linalg.det(left) != 0:
                one[...] = np.linalg.solve(left, right)
        return x
