"""A matrix of any library as one of a library that a backend stands for."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from ..backends import Backend, get, owner
from ..backends.exchange import is_foreign, shared
from ..matrices import Raw, RawDense, RawSparse, check_indices, is_canonical, is_sparse


def as_raw(
    name: str, matrix: Any, shares: tuple[int, ...] = (0, 1), *, keep_zeros: bool = False
) -> Raw:
    """A matrix where it lies, sharing memory where it can.

    Parameters
    ----------
    name : str
        What it is called in messages.
    matrix : array or sparse matrix of any library, or what `numpy.asarray` takes
    shares : tuple of int
        Which axes of A it has, for messages: see `Given`.
    keep_zeros : bool
        Whether zeros that a sparse matrix stores are to stay.

    Raises
    ------
    TypeError, ValueError
        If it is no matrix, or is empty.
    """
    library, sparse = owner(matrix), is_sparse(matrix)
    home = get(library or "numpy")
    if home.is_traced(matrix):
        raise TypeError(
            f"{name} is traced by {home.name}, and has no values yet; nmf_accel cannot be traced, "
            "so call it outside of jit, grad and vmap"
        )
    matrix = home.adopt(matrix, name)
    if sparse and matrix.ndim == 2:
        check_indices(matrix, name)
        array: Any = _canonical(matrix, home, keep_zeros=keep_zeros)
    elif sparse:
        array = matrix
    elif isinstance(matrix, np.ma.MaskedArray):
        array = matrix.filled(0)
    elif is_foreign(matrix):
        array = shared(matrix, name)
        home = get(owner(array) or "numpy")
    else:
        array = _as_array(name, matrix) if library is None else matrix
    if array.ndim != 2:
        code = name if hasattr(matrix, "reshape") else f"np.asarray({name})"
        raise ValueError(
            f"{name} must be a matrix (2-D), but its shape is {array.shape}"
            + _how_to_reshape(code, array.shape, shares)
        )
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    if sparse:
        # Where nothing was taken out, it is also what some products will go through.
        same = (array.nnz, array.dtype) == (matrix.nnz, matrix.dtype)
        whole = same and getattr(matrix, "format", "") == "csc"
        return RawSparse(array, home, matrix if whole else None)
    return RawDense(array, home)


def _as_array(name: str, passed: Any) -> Any:
    """What `numpy.asarray` makes of anything, in which there are numbers to find.

    Raises
    ------
    TypeError
        If it makes no array, or one that holds the very thing that was passed.
    """
    of = f"{name} is {'None' if passed is None else f'of type {type(passed).__name__}'}"
    try:
        array = np.asarray(passed)
    except Exception as error:  # classes of others may raise anything
        reason = " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
        raise TypeError(f"{of}, of which NumPy makes no matrix: {reason}") from error
    if array.ndim == 0 and array.dtype.kind in "OSU" and not isinstance(passed, np.ndarray):
        raise TypeError(f"{of}, which is no matrix; pass an array, such as numpy.asarray([[1, 2]])")
    return array


VECTORS = {
    (0, 1): "[:, None] for one sample",
    (0,): "[:, None] for one component",
    (1,): "[None, :] for one component",
}
"""What makes a matrix of a vector, by the axes of A that it is to have."""


def _how_to_reshape(code: str, shape: tuple[int, ...], shares: tuple[int, ...]) -> str:
    """What to type for a matrix of an array of another shape."""
    if len(shape) == 1:
        return f"; pass {code}{VECTORS[shares]}"
    if len(shape) < 3 or 0 in shape:
        return ""
    return f"; if its first axis is samples, pass {code}.reshape({shape[0]}, -1).T"


def _canonical(A: Any, home: Backend, *, keep_zeros: bool = False) -> Any:
    """`A` by rows, without duplicate entries or explicit zeros; `A` itself is left alone."""
    with home.scope(A):
        csr = A.tocsr()
        if csr.dtype.kind == "b":
            csr = csr.astype("float32")  # cupyx cannot eliminate zeros from booleans
        stored = int(csr.indptr[-1])
        if stored < csr.data.shape[0]:  # there may be more than belongs to it
            csr = copy(csr)
            csr.data, csr.indices = csr.data[:stored], csr.indices[:stored]
        zeros = not keep_zeros and bool((csr.data == 0).any())
        canonical = is_canonical(csr)
        if not canonical or zeros:
            csr = csr.copy()
            if not canonical:
                csr.has_sorted_indices = csr.has_canonical_format = False  # whatever it remembers
                csr.sum_duplicates()
            if zeros:
                csr.eliminate_zeros()
        return csr
