"""A dense matrix with equal rows or columns, which are multiplied once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends.base import Array

Index = NDArray[np.intp]
Layers = tuple[int, ...]
"""Sizes of a matrix's layers of rows: layer 0, of size u, and copies of its rows.

Layer k of size c repeats, in their order, the last c rows of layer 0.
"""

MOST_LAYERS = 4
"""Rows with more copies count as different ones, so that folding takes few steps."""

LEAST_PART = 0.1
"""Part of the rows that must be copies for folding to be worth its steps."""

LEAST_SAVED = 16
"""Multiplications that must be saved for each number that folding moves."""

LEAST_SIZE = 2**16
"""Entries of the least matrix that is folded."""

ENTRIES_AT_ONCE = 2**22
"""Most entries that are compared at once, to spare memory."""


@dataclass(frozen=True)
class Folded:
    """A matrix of NumPy's in layers of rows, and of columns.

    Colour images, for one, make such a matrix: where all of them are grey, three rows are equal.

    Attributes
    ----------
    matrix : (m, n) array
    rows, columns : tuple of int
        The layers; one alone where there are no copies.
    """

    matrix: NDArray[Any]
    rows: Layers
    columns: Layers

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        m, n = self.matrix.shape
        return m, n

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.matrix.dtype

    @property
    def T(self) -> Folded:
        """The transpose, not copied."""
        return Folded(self.matrix.T, self.columns, self.rows)

    @property
    def distinct(self) -> int:
        """How many entries a product goes through."""
        return self.rows[0] * self.columns[0]

    def rmatmul(self, Y: Array) -> Array:
        """Y A for Y (k, m): (k, n)."""
        u, v = self.rows[0], self.columns[0]
        N = np.empty((Y.shape[0], self.shape[1]), Y.dtype)
        np.matmul(_fold(Y, self.rows), self.matrix[:u, :v], out=N[:, :v])
        _unfold(N, self.columns)
        return N

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        """A block."""
        return self.matrix[key]


def _fold(Y: Array, layers: Layers) -> Array:
    """The columns of Y that meet equal rows, added up."""
    end, *copies = layers
    if not copies:
        return Y
    total = Y[:, :end].copy()
    for size in copies:
        total[:, -size:] += Y[:, end : end + size]
        end += size
    return total


def _unfold(N: Array, layers: Layers) -> None:
    """Fill in the columns of N that are equal to others."""
    end, *copies = layers
    u = end
    for size in copies:
        N[:, end : end + size] = N[:, u - size : u]
        end += size


def layers(A: NDArray[Any], kept: Index | None) -> tuple[Index | None, Layers]:
    """The rows that are kept of A (None for all) in the order of layers, and these.

    Where folding is not worth it, the order stays and there is one layer.
    """
    rows = np.arange(A.shape[0]) if kept is None else kept
    count, place = rows.size, np.arange(rows.size)
    if A.size < LEAST_SIZE:
        return kept, (count,)
    first = _first_equal(A, rows)
    order = np.argsort(first, kind="stable")  # equal rows side by side
    starts = np.diff(first[order], prepend=-1) > 0
    copy = (place - np.maximum.accumulate(np.where(starts, place, 0))) % MOST_LAYERS
    group = np.cumsum(copy == 0) - 1
    sizes = tuple(np.bincount(copy).tolist())
    if count - sizes[0] < count * max(LEAST_PART, LEAST_SAVED / A.shape[1]):
        return kept, (count,)
    return rows[order[np.lexsort((group, np.bincount(group)[group], copy))]], sizes


def _first_equal(A: NDArray[Any], rows: Index) -> Index:
    """Which of the rows of A is the first that equals each; itself for some whose sums collide."""
    weights = np.asarray(np.random.default_rng(0).random(A.shape[1]), A.dtype)
    # A BLAS would add up equal rows in orders that differ.
    sums = np.einsum("ij,j->i", A, weights)[rows]
    _, index, inverse = np.unique(sums, return_index=True, return_inverse=True)
    first = index[inverse]
    again = np.flatnonzero(first != np.arange(first.size))
    for part in np.array_split(again, 1 + again.size * A.shape[1] // ENTRIES_AT_ONCE):
        different = part[(A[rows[part]] != A[rows[first[part]]]).any(axis=1)]
        first[different] = different
    return first
