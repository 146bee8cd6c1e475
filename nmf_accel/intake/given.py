"""What the caller passed: asked once what it is, so that results go back alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backends import Backend, get, owner
from ..backends.exchange import back, is_foreign, shared
from ..matrices import Dense, Matrix, Sparse, is_sparse
from ..types import Array


@dataclass(frozen=True, repr=False)
class Given:
    """A matrix as the caller passed it.

    Attributes
    ----------
    passed : object
        Itself.
    array : array or CSR matrix
        The same, 2-D, in a library that a backend stands for. It shares memory where it can.
    home : Backend
        That of `array`.
    kind : type of Matrix
        Dense or Sparse.
    name : str
        What it is called in messages.
    """

    passed: Any
    array: Any
    home: Backend
    kind: type[Matrix]
    name: str

    @classmethod
    def of(cls, passed: Any, name: str = "A") -> Given:
        """What the caller passed for a matrix.

        Lists, frames and what else `numpy.asarray` takes become NumPy arrays. Arrays of other
        libraries are shared through DLPack, with NumPy or, on a GPU, with CuPy or JAX.

        Raises
        ------
        TypeError, ValueError
            If it is no matrix, or is empty.
        """
        library = owner(passed)
        home = get(library or "numpy")
        if is_sparse(passed):
            array: Any = _canonical(passed, home)
        elif isinstance(passed, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array; fill it first, e.g. {name}.filled(0)")
        elif is_foreign(passed):
            array = shared(passed, name)
            home = get(owner(array) or "numpy")
        else:
            array = np.asarray(passed) if library is None else passed
        if array.ndim != 2:
            raise ValueError(f"{name} must be a matrix (2-D), but its shape is {array.shape}")
        if 0 in array.shape:
            raise ValueError(f"{name} is empty: its shape is {array.shape}")
        return cls(passed, array, home, Sparse if is_sparse(passed) else Dense, name)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        m, n = self.array.shape
        return m, n

    @property
    def as_it_is(self) -> Matrix:
        """It where it lies; inside the scope of its home."""
        if self.kind is Sparse:
            return Sparse.by_rows(self.array, self.home)
        return Dense(self.array, self.home)

    def matrix(self, dtype: np.dtype[Any]) -> Matrix:
        """It where it lies, in a dtype; inside the scope of its home."""
        if self.kind is Sparse:
            return Sparse.by_rows(self.array.astype(dtype), self.home)
        return Dense(self.home.asarray(self.array, dtype), self.home)

    def give_back(self, x: Array, backend: Backend) -> Any:
        """`x`, an array of `backend`, as one of the library of what was passed, on its device."""
        if backend.owns(self.passed):
            return x
        return back(x, self.passed, backend) if is_foreign(self.passed) else backend.to_numpy(x)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
        to_numpy, array = self.home.to_numpy, self.array
        if self.kind is Sparse:
            places = [to_numpy(x).astype(np.int64) for x in (array.indices, array.indptr)]
            arrays = [to_numpy(array.data), *places]
        else:
            arrays = [to_numpy(array)]
        digest = hashlib.sha256(f"{self.shape} {arrays[0].dtype.str}".encode())
        for x in arrays:
            digest.update(np.ascontiguousarray(x).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        m, n = self.shape
        return f"<{self.name}: {self.kind.kind} matrix {m} × {n} of {self.home.name}>"


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
    return Given.of(A).fingerprint
