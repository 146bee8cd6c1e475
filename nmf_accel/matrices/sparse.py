"""A sparse matrix, which is never made dense but in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Library, once
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
    by_entries = True

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

    @once
    def T(self) -> Sparse:
        return type(self)(self.transposed, self.matrix, self.library, self.squares)

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

    @property
    def stored(self) -> Array:
        # In the order of `transposed`, which `left_with` multiplies with.
        values: Array = self.transposed.data
        return values

    @once
    def places(self) -> tuple[Array, Array]:
        """The rows and the columns of the entries stored."""
        xp, T = self.library.xp, self.transposed
        counts = T.indptr[1:] - T.indptr[:-1]
        # In 32 bits, whatever the indices have: this is as long as A.
        lines = xp.repeat(xp.arange(counts.shape[0], dtype=xp.int32), counts)
        return (lines, T.indices) if T.format == "csc" else (T.indices, lines)

    def sampled(self, Y: Array, X: Array) -> Array:
        xp, (rows, columns) = self.library.xp, self.places
        Yt, Xt = (self.library.ascontiguous(F.mT) for F in (Y, X))
        step = max(self.library.block_entries // (Y.shape[0] * Y.shape[1]), 1)
        # Filled in block by block: to put the blocks together would take as much memory again.
        sampled: Array = xp.empty((Y.shape[0], rows.shape[0]), dtype=Y.dtype)
        for k in range(0, rows.shape[0], step):
            block = slice(k, k + step)
            y, x = xp.take(Yt, rows[block], axis=1), xp.take(Xt, columns[block], axis=1)
            sampled[:, block] = xp.vecdot(y, x)
        return sampled

    def left_with(self, stored: Array, Y: Array) -> Array:
        T, products = self.transposed, []
        for r in range(Y.shape[0]):
            Q = type(T)((stored[r, :], T.indices, T.indptr), shape=T.shape)
            products.append((Q @ Y[r, :, :].mT).T)
        product: Array = self.library.xp.stack(products)
        return product

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
