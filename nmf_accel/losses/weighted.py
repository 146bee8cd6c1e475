"""Least squares of a matrix whose entries count by weights, or are not known at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import Matrix
from ..types import Array, Library
from .base import Loss
from .models import Quadratic


@dataclass(frozen=True, repr=False)
class WeightedSquares(Loss):
    """½ Σ M ∘ (A − W H)² for weights M >= 0; what is recorded is twice that.

    Its model at X₀ is the least squares of what the weights leave of A, filled up with P₀ = YᵀX₀:
    with L the largest weight, ½ Σ M (a − p)² <= ½ L Σ (p₀ + (M/L) (a − p₀) − p)² + a constant, and
    both are equal, with equal gradients, at X₀. So every solver takes it, and the loss never rises;
    where M is 0 or 1, this is expectation maximization (Zhang, Wang, Ford & Makedon 2006).
    """

    symbol = "√(Σ M (A − WH)²)"
    model_type = Quadratic
    degree = 2.0
    repeatable = True
    blocks_at_once = 4

    def model(
        self,
        A: Matrix,
        facts: tuple[Any, ...],
        Y: Array,
        X: Array,
        carried: tuple[Array, ...] = (),
    ) -> Quadratic:
        """``Quadratic(Y (M ∘ (A − P)) + L Y Yᵀ X, L Y Yᵀ)``, with P = YᵀX."""
        library, (largest,) = A.library, facts
        (rest,) = carried or self._parts(A, Y, X, record=False)[:1]
        G = largest * library.matmul(Y, Y.mT)
        # Without rounding it would not be negative.
        return Quadratic(library.xp.maximum(rest + library.matmul(G, X), 0.0), G)

    def value(self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array) -> Array:
        """Σ M ∘ (A − W H)²."""
        return self._parts(A, Wt, H, record=True)[1]

    def settle(
        self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array, of_W: Any, record: bool
    ) -> tuple[tuple[Array, ...], Array | None]:
        """What the next half-step of H needs of A, and the value on the way."""
        rest, value = self._parts(A, Wt, H, record=record)
        return (rest,), value if record else None

    def facts(self, A: Matrix, mean: float) -> tuple[float, ...]:
        """The largest weight."""
        return (A.largest_weight,)

    def norm(self, A: Matrix, mean: float) -> float:
        """√(Σ M ∘ A²)."""
        return float(np.sqrt(A.norm2))

    def errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their roots."""
        return np.asarray(np.sqrt(values))

    def _parts(self, A: Matrix, Y: Array, X: Array, record: bool) -> tuple[Array, Array]:
        library = A.library
        if A.by_entries:
            return library.kernel("known_rest", known_rest)(library, A, Y, X, record)
        return library.kernel("rest_parts", rest_parts)(library, A, Y, X, record)


WEIGHTED_SQUARES = WeightedSquares()


def rest_parts(
    library: Library, A: Matrix, Y: Array, X: Array, record: bool
) -> tuple[Array, Array]:
    """Y (M ∘ (A − P)), (R, d, n), and Σ M ∘ (A − P)² (R,), or zero if it is not to be recorded."""
    xp, runs, (m, n) = library.xp, Y.shape[0], A.shape
    height = max(library.block_entries // (runs * n), A.least_block(m))

    def of_rows(block: Any) -> tuple[Array, Array]:
        y = Y[:, :, block]
        rest = A.rows(block) - library.matmul(y.mT, X)
        weighted = A.weights_in(block) * rest
        value = library.inner(weighted, rest) if record else xp.zeros(runs, dtype=xp.float64)
        return library.matmul(y, weighted), value

    rest, value = library.sum_over_blocks(of_rows, m, height)
    return rest, value


def known_rest(
    library: Library, A: Matrix, Y: Array, X: Array, record: bool
) -> tuple[Array, Array]:
    """`rest_parts` where only the entries that A stores are known."""
    rest = A.sampled(Y, X)
    rest *= -1  # in place, for it is as large as A
    rest += A.stored
    if A.weights_stored is not None:
        rest *= A.weights_stored
    blocks = (
        rest[:, k : k + library.block_entries]
        for k in range(0, rest.shape[1], library.block_entries)
    )
    value = sum(library.xp.sum(x**2, axis=-1, dtype=library.xp.float64) for x in blocks)
    return A.left_with(rest, Y), value
