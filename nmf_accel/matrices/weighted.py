"""Matrices of which some entries are not known, or count less than others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..types import Array, once
from .base import Dense, Matrix
from .seen import folds_of
from .sparse import Sparse


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Dense):
    """A dense matrix with a weight of each entry.

    Attributes
    ----------
    array : (m, n) array
        Zero where the weight is.
    library : Library
    weights : (m, n) array
        Non-negative.
    folds : (m, n) array, optional
        See `Seen`.
    """

    weights: Array
    folds: Any = None

    kind = "weighted"
    by_columns = False

    @property
    def T(self) -> Weighted:
        folds = None if self.folds is None else self.folds.mT
        turned = self.array.mT, self.library, self.weights.mT, folds
        return Weighted(*turned, grid=self.grid and self.grid.T)

    @property
    def nbytes(self) -> int:
        of_folds = 0 if self.folds is None else math.prod(self.share(self.shape))
        return 2 * super().nbytes + of_folds

    @once
    def largest_weight(self) -> float:
        return float(self.library.xp.max(self.weights))

    @once
    def norm2(self) -> float:
        """Σ M ∘ A², summed in float64."""
        return float(self.library.inner(self.weights * self.array, self.array))


@dataclass(frozen=True, eq=False, repr=False)
class Observed(Sparse):
    """A sparse matrix of which only the entries that it stores are known.

    Attributes
    ----------
    folds, folds_of_T : (stored,) arrays, optional
        See `Seen`, in the order of what it stores and of what its transpose does.
    """

    folds: Any = None
    folds_of_T: Any = None

    kind = "observed"
    weights = 1.0

    @once
    def T(self) -> Observed:
        there = self.transposed, self.matrix, self.library, self.squares
        return Observed(*there, self.folds_of_T, self.folds)


def weigh(A: Matrix, weights: Any, folds: int | None = None) -> tuple[Matrix, float]:
    """A matrix with weights of its entries, and the mean of what is known: 0 if nothing is.

    What is known is in so many `folds` if runs leave one of these out.

    Raises
    ------
    ValueError
        If the weights are no numbers of the dtype of A any more.
    """
    library, xp = A.library, A.library.xp
    if isinstance(A, Sparse):
        mean = float(xp.sum(A.stored, dtype=xp.float64)) / max(A.entries, 1)
        found = Observed(A.matrix, A.transposed, library, A.squares)
        if folds is not None:
            (rows, columns), (columns_of_T, rows_of_T) = (
                [library.to_numpy(x) for x in X.places] for X in (A, A.T)
            )
            here = xp.asarray(folds_of(rows, columns, folds))
            there = xp.asarray(folds_of(rows_of_T, columns_of_T, folds))
            found = replace(found, folds=here, folds_of_T=there)
        return found, mean
    assert isinstance(A, Dense)
    M: Any = A.beside(weights, rows=0, columns=1)
    _check_size(weights, M, A)
    total = float(xp.sum(M, dtype=xp.float64))
    drawn: Any = None
    if folds is not None:
        rows, columns = np.ogrid[: A.shape[0], : A.shape[1]]
        of_each = folds_of(rows, columns, folds)
        drawn = A.beside(of_each, rows=0, columns=1, dtype=of_each.dtype)
    mean = float(library.inner(M, A.array)) / (total or 1.0)
    return Weighted(A.array, library, M, drawn, grid=A.grid), mean


def _check_size(weights: Any, M: Any, A: Matrix) -> None:
    """Raise if the largest of the weights, M in the dtype of A, is no number to reckon with."""
    library, limits, double = A.library, np.finfo(A.dtype), np.finfo(np.float64)
    # Gradients are squared in float64.
    least = max(float(limits.smallest_normal), float(double.smallest_normal) ** 0.4)
    if least <= float(library.xp.max(M)) <= min(float(limits.max), float(double.max) ** 0.4):
        return
    largest = float(library.xp.max(library.asarray(weights, np.dtype("float64"))))
    if largest:
        size = "small" if largest < 1 else "large"
        raise ValueError(
            f"the largest weight is {largest:g}, too {size} for {limits.dtype}; divide the weights "
            "by their largest"
        )
