"""A sparse matrix, which is never made dense but in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Library
from .base import Matrix
from .frame import Frame


def is_sparse(A: Any) -> bool:
    """Whether `A` is a sparse matrix or array, of scipy, cupyx or pydata."""
    return hasattr(A, "tocsr")


@dataclass(frozen=True, eq=False, repr=False)
class Sparse(Matrix):
    """A sparse matrix on a backend's device.

    Attributes
    ----------
    matrix, transposed : sparse matrices of the library
        It and its transpose, each in the format in which that library multiplies it with a
        dense matrix the fastest; they may share their memory.
    library : Library
    squares : float
        ‖A‖_F².
    """

    matrix: Any
    transposed: Any
    library: Library
    squares: float

    kind = "sparse"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.matrix.shape
        return m, n

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(str(self.matrix.dtype))

    @property
    def norm2(self) -> float:
        return self.squares

    @property
    def T(self) -> Sparse:
        return Sparse(self.transposed, self.matrix, self.library, self.squares)

    @property
    def entries(self) -> int:
        return int(self.matrix.nnz)

    @property
    def nbytes(self) -> int:
        """Memory that it takes: at most twice, with an index of 4 bytes beside every entry."""
        return 2 * (self.dtype.itemsize + 4) * self.entries

    @property
    def read(self) -> int:
        return (self.dtype.itemsize + 4) * self.entries

    @property
    def lies_by_columns(self) -> bool:
        return bool(self.matrix.format == "csc")

    def least_block(self, m: int) -> int:
        return 1  # blocks are made dense

    def times(self, Y: Array) -> Array:
        return self.library.ascontiguous((self.transposed @ Y.mT).T)

    def rows(self, block: slice) -> Array:
        dense: Array = self.matrix[block].toarray()
        return dense

    def whole(self, frame: Frame) -> Any:
        """As a scipy matrix, with what the frame left out put back."""
        from scipy.sparse import coo_array

        A = self.matrix.get() if hasattr(self.matrix, "get") else self.matrix
        A = coo_array(A)
        rows, columns = frame.rows.index, frame.columns.index
        row = A.row if rows is None else rows[A.row]
        column = A.col if columns is None else columns[A.col]
        return coo_array((A.data, (row, column)), shape=frame.shape).tocsr()
