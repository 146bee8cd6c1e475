"""What the caller passed: asked once what it is, so that results go back alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backends import Backend, get, owner
from ..backends.exchange import back, is_foreign, shared
from ..matrices import Raw, RawDense, RawSparse, is_sparse
from ..types import Array


@dataclass(frozen=True, eq=False, repr=False)
class Given:
    """A matrix as the caller passed it.

    Attributes
    ----------
    passed : object
        Itself.
    name : str
        What it is called in messages.
    """

    passed: Any
    name: str = "A"

    @cached_property
    def library(self) -> str | None:
        """The backend that stands for its library, if there is one."""
        return owner(self.passed)

    @cached_property
    def foreign(self) -> bool:
        """Whether it is an array of another library that speaks DLPack."""
        return self.library is None and is_foreign(self.passed)

    @cached_property
    def kind(self) -> type[RawDense] | type[RawSparse]:
        """Its kind as a matrix."""
        return RawSparse if is_sparse(self.passed) else RawDense

    def raw(self) -> Raw:
        """It as a matrix of a library that a backend stands for, sharing memory where it can.

        Lists, frames and what else `numpy.asarray` takes become NumPy arrays. Arrays of other
        libraries are shared through DLPack, with NumPy or, on a GPU, with CuPy or JAX. Made anew
        at each call, since it may be a copy that nobody needs for long.

        Raises
        ------
        TypeError, ValueError
            If it is no matrix, or is empty.
        """
        name, passed = self.name, self.passed
        home = get(self.library or "numpy")
        if self.kind is RawSparse:
            array: Any = _canonical(passed, home)
        elif isinstance(passed, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array; fill it first, e.g. {name}.filled(0)")
        elif self.foreign:
            array = shared(passed, name)
            home = get(owner(array) or "numpy")
        else:
            array = np.asarray(passed) if self.library is None else passed
        if array.ndim != 2:
            raise ValueError(f"{name} must be a matrix (2-D), but its shape is {array.shape}")
        if 0 in array.shape:
            raise ValueError(f"{name} is empty: its shape is {array.shape}")
        if self.kind is RawSparse:
            # Where nothing was taken out, it is also what some products will go through.
            same = (array.nnz, array.dtype) == (passed.nnz, passed.dtype)
            whole = same and getattr(passed, "format", "") == "csc"
            return RawSparse(array, home, passed if whole else None)
        return RawDense(array, home)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
        raw = self.raw()
        arrays = [raw.library.to_numpy(x) for x in raw.parts()]
        digest = hashlib.sha256(f"{raw.shape} {arrays[0].dtype.str}".encode())
        for x in arrays:
            digest.update(np.ascontiguousarray(x).data)
        return digest.hexdigest()

    def give_back(self, x: Array, backend: Backend) -> Any:
        """`x`, an array of `backend`, as one of the library of what was passed, on its device."""
        if backend.owns(self.passed):
            return x
        return back(x, self.passed, backend) if self.foreign else backend.to_numpy(x)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.kind.kind}, of {self.library or type(self.passed).__name__}>"


def _canonical(A: Any, home: Backend) -> Any:
    """`A` by rows, without duplicate entries or explicit zeros; `A` itself is left alone."""
    with home.scope(A):
        csr = A.tocsr()
        if csr.dtype.kind == "b":
            csr = csr.astype("float32")  # cupyx cannot eliminate zeros from booleans
        if not csr.has_canonical_format or (csr.data == 0).any():
            csr = csr.copy()
            csr.sum_duplicates()
            csr.eliminate_zeros()
        return csr


def fingerprint(A: Any) -> str:
    """SHA-256 of shape, dtype and entries of a matrix, to tell one from another."""
    return Given(A).fingerprint
