"""Matrices of which some entries are not known, or count less than others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..types import Array
from .base import Dense, Matrix
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
    """

    weights: Array

    kind = "weighted"
    by_columns = False

    @property
    def T(self) -> Weighted:
        return Weighted(self.array.mT, self.library, self.weights.mT)

    @property
    def nbytes(self) -> int:
        return 2 * super().nbytes

    @cached_property
    def largest_weight(self) -> float:
        return float(self.library.xp.max(self.weights))

    @cached_property
    def norm2(self) -> float:
        """Σ M ∘ A², summed in float64."""
        return float(self.library.inner(self.weights * self.array, self.array))


@dataclass(frozen=True, eq=False, repr=False)
class Observed(Sparse):
    """A sparse matrix of which only the entries that it stores are known."""

    kind = "observed"
    weights = 1.0


def weigh(A: Matrix, weights: Any) -> tuple[Matrix, float]:
    """A matrix with weights of its entries, and the mean of what is known: 0 if nothing is."""
    library, xp = A.library, A.library.xp
    if isinstance(A, Sparse):
        mean = float(xp.sum(A.stored, dtype=xp.float64)) / max(A.entries, 1)
        return Observed(A.matrix, A.transposed, library, A.squares), mean
    assert isinstance(A, Dense)
    M: Any = library.asarray(weights, A.dtype)
    total = float(xp.sum(M, dtype=xp.float64))
    return Weighted(A.array, library, M), float(library.inner(M, A.array)) / (total or 1.0)
