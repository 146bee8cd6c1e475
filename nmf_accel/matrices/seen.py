"""What each run sees of a matrix, where runs leave out folds of it, drawn entry by entry.

S. Wold, "Cross-validatory estimation of the number of components in factor and principal components
models", Technometrics 20, 1978.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Array, Library
from .around import Around
from .base import Matrix

DRAWN_AT_ONCE = 2**20
"""Entries whose folds are drawn at once."""


def folds_of(rows: Any, columns: Any, folds: int) -> NDArray[np.uint8]:
    """To which of so many folds entries belong: by a hash, so that it is the same everywhere.

    Parameters
    ----------
    rows, columns : arrays of whole numbers
        The places of the entries, which are broadcast.
    folds : int
        At most 255.

    Notes
    -----
    'lowbias32' of C. Wellons, "Prospecting for hash functions", nullprogram.com, 2018.
    """
    rows, columns = np.broadcast_arrays(rows, columns)
    drawn = np.empty(rows.shape, dtype=np.uint8)
    # All at once would take four times the memory of a float32 matrix.
    height = max(DRAWN_AT_ONCE * len(drawn) // max(drawn.size, 1), 1)
    for k in range(0, len(drawn), height):
        i, j = (x[k : k + height].astype(np.uint32) for x in (rows, columns))
        drawn[k : k + height] = _mixed(_mixed(i) ^ j) % np.uint32(folds)
    return drawn


def _mixed(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    x = x.copy()
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    return x


@dataclass(frozen=True, eq=False, repr=False)
class Seen(Around):
    """A matrix with weights and folds, as runs see it that leave one of these out each.

    Attributes
    ----------
    matrix : Matrix
    left_out : (R,) array
        The fold that each run leaves out.
    lines : pair of (R, m) and (R, n) arrays, optional
        If they see that fold alone: whether each row, and each column, is one of which they knew
        something. Of the others nothing can be predicted.
    """

    matrix: Matrix
    left_out: Array
    lines: tuple[Array, Array] | None = None

    kind = "partly seen"
    by_run = True

    @property
    def weights(self) -> Any:
        """Those that they would have if nothing were left out."""
        return self.matrix.weights

    @property
    def by_entries(self) -> bool:  # type: ignore[override]  # a constant elsewhere
        """As the matrix itself."""
        return self.matrix.by_entries

    @property
    def largest_weight(self) -> float:
        """Of all."""
        return self.matrix.largest_weight

    @property
    def T(self) -> Seen:
        turned = None if self.lines is None else (self.lines[1], self.lines[0])
        return Seen(self.matrix.T, self.left_out, turned)

    def alone(self) -> Seen:
        """The fold that is left out, alone."""
        xp, (m, n) = self.library.xp, self.shape
        if not self.by_entries:
            known = self.weights_in(slice(None)) > 0
            lines = xp.any(known, axis=-1), xp.any(known, axis=-2)
        else:
            known, places = (self.library.to_numpy(self.weights_stored) > 0, self.matrix.places)
            found = [np.zeros((len(known), size), dtype=bool) for size in (m, n)]
            for mask, place in zip(found, map(self.library.to_numpy, places), strict=True):
                for run, of_run in enumerate(known):
                    mask[run, place[of_run]] = True
            lines = xp.asarray(found[0]), xp.asarray(found[1])
        return Seen(self.matrix, self.left_out, lines)

    @property
    def stored(self) -> Array:
        return self.matrix.stored

    def sampled(self, Y: Array, X: Array) -> Array:
        return self.matrix.sampled(Y, X)

    def left_with(self, stored: Array, Y: Array) -> Array:
        return self.matrix.left_with(stored, Y)

    def weights_in(self, block: Any) -> Array:
        """Those of a block of rows, of each run: (R, h, n)."""
        lines = None
        if self.lines is not None:
            lines = self.lines[0][:, block, None] & self.lines[1][:, None, :]
        return self._seen(self.matrix.weights_in(block), self.matrix.folds[block, :], lines)

    @property
    def weights_stored(self) -> Array:
        """Those of what is stored, of each run: (R, stored)."""
        xp, stored, lines = self.library.xp, self.stored, None
        if self.lines is not None:
            pairs = zip(self.lines, self.matrix.places, strict=True)
            of_rows, of_columns = (xp.take(known, place, axis=1) for known, place in pairs)
            lines = of_rows & of_columns
        return self._seen(xp.ones_like(stored), self.matrix.folds, lines)

    def stored_seen(self, run: int) -> Array:
        """Which of the entries stored a run sees: (stored,)."""
        alone = slice(run, run + 1)
        lines = None if self.lines is None else (self.lines[0][alone, :], self.lines[1][alone, :])
        seen: Array = replace(self, left_out=self.left_out[alone], lines=lines).weights_stored[0, :]
        return seen > 0

    @property
    def total_weight(self) -> Array:
        """The sum of those that are seen, of each run: (R,)."""
        xp = self.library.xp
        if self.by_entries:
            stored: Array = xp.sum(self.weights_stored, axis=-1, dtype=xp.float64)
            return stored
        return self.library.kernel("total_weight", total_weight)(self.library, self)

    def weights_of(self, run: int) -> Lazy:
        """Those of one run, made as they are needed."""
        lines = None if self.lines is None else (self.lines[0][run, :], self.lines[1][run, :])
        return Lazy(self.matrix.weights, self.matrix.folds, self.left_out[run], lines)

    def _seen(self, weights: Array, folds: Array, lines: Array | None) -> Array:
        xp = self.library.xp
        runs = xp.reshape(self.left_out, (-1, *[1] * folds.ndim))
        seen = folds != runs if lines is None else (folds == runs) & lines
        found: Array = xp.where(seen, weights, xp.zeros_like(weights))
        return found


def total_weight(library: Library, A: Seen) -> Array:
    """The sum of the weights that each run sees, of a dense matrix: (R,)."""
    xp, (m, n) = library.xp, A.shape
    height = max(library.block_entries // (A.left_out.shape[0] * n), A.least_block(m), 1)

    def of_rows(block: Any) -> Array:
        total: Array = xp.sum(A.weights_in(block), axis=(-2, -1), dtype=xp.float64)
        return total

    return library.sum_over_blocks(of_rows, m, height)


class Lazy(NamedTuple):
    """The weights (m, n) of a run, of which a block is made when it is asked for."""

    weights: Any
    folds: Any
    left_out: Any
    lines: Any

    @property
    def T(self) -> Lazy:
        """Those of the transpose."""
        lines = None if self.lines is None else self.lines[::-1]
        return self._replace(weights=self.weights.T, folds=self.folds.T, lines=lines)

    def __getitem__(self, block: Any) -> Any:
        weights, out = self.weights[block], self.folds[block] == self.left_out
        if self.lines is None:
            return weights * ~out
        rows, columns = self.lines
        return weights * (out & rows[block[0], None] & columns[block[1]])
