"""A sparse matrix whose products threads share, where these are most of the work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...matrices import Matrix, Sparse
from ...types import Array
from . import threads

LEAST_WORK = 2**24
"""Multiplications worth threads in a product with a sparse matrix."""


def worth_sharing(runs: int, rank: int, A: Matrix) -> bool:
    """Whether threads are better used for the products with A than for those without."""
    if threads.available() == 1 or not isinstance(A, Sparse):
        return False
    return A.entries * runs * rank >= LEAST_WORK and rank * sum(A.shape) <= 8 * A.entries


@dataclass(frozen=True, eq=False, repr=False)
class Shared(Sparse):
    """A sparse matrix whose products threads share.

    Attributes
    ----------
    blocks : tuple of (slice, CSR matrix)
        Blocks of rows, or, `sideways`, the transposes of blocks of columns.
    """

    blocks: tuple[tuple[slice, Any], ...]
    sideways: bool
    pool: ThreadPoolExecutor

    @property
    def T(self) -> Shared:
        """The transpose, not copied."""
        whole = (self.transposed, self.matrix, self.library, self.squares)
        return Shared(*whole, self.blocks, not self.sideways, self.pool)

    def times(self, Y: Array) -> Array:
        """Y A, dense, for a dense Y (k, m): (k, n)."""
        if not self.sideways:
            products = self.pool.map(lambda part: part[1].T @ Y[:, part[0]].mT, self.blocks)
            return np.ascontiguousarray(sum(products).T)
        N = np.empty((Y.shape[0], self.shape[1]), Y.dtype)
        Yt = np.ascontiguousarray(Y.mT)

        def fill(part: tuple[slice, Any]) -> None:
            columns, block = part
            N[:, columns] = (block @ Yt).T

        list(self.pool.map(fill, self.blocks))
        return N


def share(A: Sparse, pool: ThreadPoolExecutor, several: int) -> Shared:
    """A sparse matrix in blocks with about as many entries stored each."""
    sideways = A.matrix.format == "csc"
    M = A.transposed if sideways else A.matrix
    # From one side, each block's product is as large as the result: not too many.
    blocks = tuple(even_rows(M, min(several, 8)))
    return Shared(A.matrix, A.transposed, A.library, A.squares, blocks, sideways, pool)


def even_rows(M: Any, count: int) -> list[tuple[slice, Any]]:
    """A CSR matrix in so many blocks of rows with about as many entries stored each."""
    ends = np.searchsorted(M.indptr, np.linspace(0, M.nnz, count + 1)[1:-1])
    bounds = pairwise([0, *ends.tolist(), M.shape[0]])
    return [(slice(a, b), _rows(M, a, b)) for a, b in bounds if a < b]


def _rows(M: Any, a: int, b: int) -> Any:
    """Rows of a CSR matrix, not copied."""
    start, end = M.indptr[a], M.indptr[b]
    part = type(M)((b - a, M.shape[1]), dtype=M.dtype)
    part.data, part.indices = M.data[start:end], M.indices[start:end]
    part.indptr = M.indptr[a : b + 1] - start
    return part
