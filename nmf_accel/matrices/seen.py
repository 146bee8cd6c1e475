"""What each run sees of a matrix, where runs leave out folds of it, drawn entry by entry.

S. Wold, "Cross-validatory estimation of the number of components in factor and principal components
models", Technometrics 20, 1978.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Array
from .around import Around
from .base import Matrix


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
    mixed = _mixed(_mixed(np.asarray(rows)) ^ np.asarray(columns).astype(np.uint32))
    return (mixed % np.uint32(folds)).astype(np.uint8)


def _mixed(numbers: NDArray[Any]) -> NDArray[np.uint32]:
    x: NDArray[np.uint32] = numbers.astype(np.uint32)
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
    alone : bool
        Whether they see that fold alone.
    """

    matrix: Matrix
    left_out: Array
    alone: bool = False

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
        return Seen(self.matrix.T, self.left_out, self.alone)

    @property
    def stored(self) -> Array:
        return self.matrix.stored

    def sampled(self, Y: Array, X: Array) -> Array:
        return self.matrix.sampled(Y, X)

    def left_with(self, stored: Array, Y: Array) -> Array:
        return self.matrix.left_with(stored, Y)

    def weights_in(self, block: Any) -> Array:
        """Those of a block of rows, of each run: (R, h, n)."""
        return self._seen(self.matrix.weights_in(block), self.matrix.folds[block, :])

    @property
    def weights_stored(self) -> Array:
        """Those of what is stored, of each run: (R, stored)."""
        stored = self.stored
        return self._seen(self.library.xp.ones_like(stored), self.matrix.folds)

    @property
    def total_weight(self) -> Array:
        """The sum of those that are seen, of each run: (R,)."""
        xp, runs = self.library.xp, self.left_out.shape[0]
        if self.by_entries:
            stored: Array = xp.sum(self.weights_stored, axis=-1, dtype=xp.float64)
            return stored
        m, n = self.shape
        height = max(self.library.block_entries // (runs * n), self.least_block(m), 1)

        def of_rows(block: Any) -> Array:
            total: Array = xp.sum(self.weights_in(block), axis=(-2, -1), dtype=xp.float64)
            return total

        return self.library.sum_over_blocks(of_rows, m, height)

    def weights_of(self, run: int) -> Lazy:
        """Those of one run, made as they are needed."""
        return Lazy(self.matrix.weights, self.matrix.folds, self.left_out[run], self.alone)

    def _seen(self, weights: Array, folds: Array) -> Array:
        xp = self.library.xp
        runs = xp.reshape(self.left_out, (-1, *[1] * folds.ndim))
        seen = (folds == runs) if self.alone else (folds != runs)
        found: Array = xp.where(seen, weights, xp.zeros_like(weights))
        return found


class Lazy(NamedTuple):
    """The weights (m, n) of a run, of which a block is made when it is asked for."""

    weights: Any
    folds: Any
    left_out: Any
    alone: bool

    @property
    def T(self) -> Lazy:
        """Those of the transpose."""
        return self._replace(weights=self.weights.T, folds=self.folds.T)

    def __getitem__(self, block: Any) -> Any:
        return self.weights[block] * ((self.folds[block] == self.left_out) == self.alone)
