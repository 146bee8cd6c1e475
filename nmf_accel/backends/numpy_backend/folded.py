"""A dense matrix with equal rows or columns, which are multiplied once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Dense, Frame, Matrix, RawDense, Side
from ...types import Array, Index, Library

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

GLANCE = 16
"""Entries of each row that mostly tell already that there are too few copies."""


@dataclass(frozen=True, eq=False, repr=False)
class Folded(Dense):
    """A matrix of NumPy's in layers of rows, and of columns.

    Colour images, for one, make such a matrix: where all of them are grey, three rows are equal.

    Attributes
    ----------
    array : (m, n) array
    library : Library
        NumPy's backend.
    row_layers, column_layers : tuple of int
        The layers; one alone where there are no copies.
    """

    array: NDArray[Any]
    library: Library
    row_layers: Layers
    column_layers: Layers

    kind = "folded"
    by_columns = False

    @property
    def T(self) -> Folded:
        """The transpose, not copied."""
        return Folded(self.array.T, self.library, self.column_layers, self.row_layers)

    @property
    def entries(self) -> int:
        """How many entries a product goes through: the distinct ones."""
        return self.row_layers[0] * self.column_layers[0]

    def times(self, Y: Array) -> Array:
        """Y A for Y (k, m): (k, n)."""
        u, v = self.row_layers[0], self.column_layers[0]
        N = np.empty((Y.shape[0], self.shape[1]), Y.dtype)
        np.matmul(_fold(np.asarray(Y), self.row_layers), self.array[:u, :v], out=N[:, :v])
        _unfold(N, self.column_layers)
        return N


def fold(library: Library, A: RawDense, frame: Frame) -> tuple[Matrix, Frame]:
    """What a frame keeps of A, equal rows and columns side by side where that is worth it."""
    whole = np.asarray(A.array)
    rows, down = layers(whole, frame.rows.index)
    columns, across = layers(whole.T, frame.columns.index)
    frame = Frame(Side(frame.rows.size, rows), Side(frame.columns.size, columns))
    kept = library.asarray(A.cut(frame).array, A.dtype)
    if len(down) + len(across) == 2:
        return Dense(kept, library), frame
    return Folded(np.asarray(kept), library, down, across), frame


def _fold(Y: NDArray[Any], layers: Layers) -> NDArray[Any]:
    """The columns of Y that meet equal rows, added up."""
    end, *copies = layers
    if not copies:
        return Y
    total = Y[:, :end].copy()
    for size in copies:
        total[:, -size:] += Y[:, end : end + size]
        end += size
    return total


def _unfold(N: NDArray[Any], layers: Layers) -> None:
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
    least = count * max(LEAST_PART, LEAST_SAVED / A.shape[1])
    if A.size < LEAST_SIZE or _most_copies(A, rows) < least:
        return kept, (count,)
    first = _first_equal(A, rows)
    order = np.argsort(first, kind="stable")  # equal rows side by side
    starts = np.diff(first[order], prepend=-1) > 0
    copy = (place - np.maximum.accumulate(np.where(starts, place, 0))) % MOST_LAYERS
    group = np.cumsum(copy == 0) - 1
    sizes = tuple(np.bincount(copy).tolist())
    if count - sizes[0] < least:
        return kept, (count,)
    return rows[order[np.lexsort((group, np.bincount(group)[group], copy))]], sizes


def _most_copies(A: NDArray[Any], rows: Index) -> int:
    """How many of the rows of A may be copies of others: those that are in some of their entries.

    Rows that differ there differ; so a glance at them spares most matrices a look at all.
    """
    some = A[:, :: -(-A.shape[1] // GLANCE)].astype(np.float64)
    # Added up by rows one by one: the order is the same for all, which BLAS would not promise.
    sums = np.einsum("ij,j->i", some, np.random.default_rng(0).random(some.shape[1]))[rows]
    sums.sort()
    return int(np.count_nonzero(sums[1:] == sums[:-1]))


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
