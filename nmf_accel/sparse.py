"""A sparse matrix, of which the loop needs no more than of a dense one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .backends.base import Array


@dataclass(frozen=True)
class Sparse:
    """A sparse matrix on a backend's device.

    Attributes
    ----------
    matrix, transposed : sparse matrices of the backend's library
        It and its transpose, each in the format in which that library multiplies it with a
        dense matrix the fastest; they may share their memory.
    """

    matrix: Any
    transposed: Any

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        m, n = self.matrix.shape
        return m, n

    @property
    def dtype(self) -> Any:
        """float32 or float64."""
        return self.matrix.dtype

    @property
    def T(self) -> Sparse:
        """The transpose, not copied."""
        return Sparse(self.transposed, self.matrix)

    @property
    def stored(self) -> int:
        """Number of entries that are stored."""
        return int(self.matrix.nnz)

    def rmatmul(self, Y: Array) -> Array:
        """Y A, dense, for a dense Y (k, m): (k, n)."""
        return (self.transposed @ Y.T).T

    def whole(self, rows: Any, columns: Any, shape: tuple[int, int]) -> Any:
        """As a scipy matrix of that shape, its rows and columns where the indices say."""
        from scipy.sparse import coo_array

        A = self.matrix.get() if hasattr(self.matrix, "get") else self.matrix
        A = coo_array(A)
        row = A.row if rows is None else rows[A.row]
        column = A.col if columns is None else columns[A.col]
        return coo_array((A.data, (row, column)), shape=shape).tocsr()

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        """A block of rows, made dense."""
        rows, _ = key
        return self.matrix[rows].toarray()
