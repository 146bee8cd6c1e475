"""Linear systems and norms, with the launches of cuBLAS and cuSOLVER."""

import math

import numpy as np
from numpy.linalg import LinAlgError

from .. import _stream
from .._array import compute, ndarray


def solve(a, b):
    """A batch goes to cuBLAS at once; above its limit each system is solved by itself."""
    from .. import cublas  # late, as in CuPy: `cupy.cublas` has to be imported

    for x in (a, b):
        if not isinstance(x, ndarray):
            raise TypeError("input must be a cupy.ndarray")
    if b.ndim > 1 and a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            "a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b"
        )
    if a.ndim > 2 and a.shape[-1] <= cublas.get_batched_gesv_limit():
        return cublas.batched_gesv(a, b)
    _stream.refuse_library("cuSOLVER")
    # A copy, getrf and getrs of each system; and its place among the solutions.
    systems = math.prod(a.shape[:-2])
    return compute("gesv", np.linalg.solve, (a, b), count=4 * systems)


def norm(x, ord=None, axis=None, keepdims=False):
    return compute("norm", np.linalg.norm, (x, ord, axis, keepdims), count=2)


def lstsq(a, b, rcond="warn"):
    raise NotImplementedError("the stand-in has no lstsq")


__all__ = ["LinAlgError", "lstsq", "norm", "solve"]
