"""The β-divergences: Kullback and Leibler's (β = 1), Itakura and Saito's (β = 0), and between.

C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the β-divergence",
Neural Computation 23, 2011, whose multiplicative updates never raise the divergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import Matrix
from ..types import Array, Library
from .base import Loss
from .models import Split, split

FLOOR = 1e-9
"""The least entry of W H that is reckoned with, as a part of the mean of A; for β < 1, where small
entries count as much as large ones, of the least positive entry."""

NEAR_ONE = 0.5
"""From β = 1, within which d is computed by the form that has its limit there."""


@dataclass(frozen=True, repr=False)
class Divergence(Loss):
    """Σ d(a | p) over the entries a of A and p of P = W H; what is recorded is twice that.

    d(a | p) = (a^β + (β − 1) p^β − β a p^(β−1)) / (β (β − 1)), and its limits a log(a/p) − a + p at
    β = 1 and a/p − log(a/p) − 1 at β = 0. At β = 2 it is ½ (a − p)²: see `Frobenius`.

    P exists only in blocks. It is gone through twice an iteration, and at its end for the value and
    for the next half-step of H at once.

    Attributes
    ----------
    beta : float
    """

    beta: float

    symbol = "√(2 D(A | WH))"
    mean_symbol = "√(2 mean d(A | WH))"
    blocks_at_once = 8

    @property
    def degree(self) -> float:  # type: ignore[override]  # a constant elsewhere
        """The loss grows by the scale to the power β."""
        return self.beta

    @property
    def takes_sparse(self) -> bool:
        """At β = 1 alone what is zero in A needs P for its sum alone, which its factors tell."""
        return self.beta == 1

    @property
    def positive(self) -> bool:
        """Whether d(0 | p) is infinite."""
        return self.beta <= 0

    @property
    def power(self) -> float:
        """γ(β), the power of an update (Févotte & Idier 2011, eq. 4.4)."""
        return 1 / max(2 - self.beta, 1, self.beta - 1)

    @property
    def model_type(self) -> type[Split]:  # type: ignore[override]  # a constant elsewhere
        """`Split`, with that power."""
        return split(self.power)

    def on(self, A: Matrix) -> Loss:
        """It: weights go into both parts of its model."""
        return self

    def model(
        self,
        A: Matrix,
        facts: tuple[Any, ...],
        Y: Array,
        X: Array,
        carried: tuple[Array, ...] = (),
    ) -> Split:
        """``Split(Y (A ∘ P^(β−2)), Y P^(β−1))``, with P = YᵀX."""
        N, D = carried or self._parts(A, facts, Y, X, record=False)[:2]
        return self.model_type(N, D)

    def value(self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array) -> Array:
        """Twice the divergence."""
        return self._parts(A, facts, Wt, H, record=True)[2]

    def settle(
        self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array, of_W: Any, record: bool
    ) -> tuple[tuple[Array, ...], Array | None]:
        """The model of the next half-step of H, and the value on the way."""
        N, D, value = self._parts(A, facts, Wt, H, record=record)
        return (N, D), value if record else None

    def facts(self, A: Matrix, mean: float) -> tuple[float, ...]:
        """The least entry of P."""
        if self.beta >= 1:
            return (FLOOR * mean,)
        xp, whole = A.library.xp, A.stored if A.by_entries else A.rows(slice(None))
        least = float(xp.min(whole))
        if not least > 0:
            least = float(xp.min(xp.where(whole > 0, whole, xp.full_like(whole, mean))))
        return (max(FLOOR * least, self.reach(A.dtype)),)

    def reach(self, dtype: np.dtype[Any]) -> float:
        """For β < 1 that whose power β − 2 does not overflow."""
        return float(np.finfo(dtype).max) ** (-0.75 / (2 - self.beta)) if self.beta < 1 else 0.0

    def errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """√(2 D), as for the Frobenius norm."""
        return np.asarray(np.sqrt(np.maximum(values, 0)))

    def delta(self, A: Matrix, mean: float) -> float:
        """No denominator is zero but where the numerator is."""
        return float(np.finfo(A.dtype).smallest_normal)

    def _parts(
        self, A: Matrix, facts: tuple[Any, ...], Y: Array, X: Array, record: bool
    ) -> tuple[Array, Array, Array]:
        library, (floor,) = A.library, facts
        if A.by_entries and A.weights is not None:
            return known_parts(library, A, Y, X, floor, self.beta, record)
        if A.by_entries:
            assert self.takes_sparse
            return library.kernel("stored_parts", stored_parts)(library, A, Y, X, floor, record)
        kernel = library.kernel("divergence_parts", divergence_parts)
        if A.weights is not None:
            kernel = library.kernel("weighted_divergence_parts", divergence_parts)
        return kernel(library, A, Y, X, floor, self.beta, record)

    def __repr__(self) -> str:
        return f"the divergence with β = {self.beta:g}"


KULLBACK_LEIBLER = Divergence(1.0)
ITAKURA_SAITO = Divergence(0.0)


def divergence_parts(
    library: Library, A: Matrix, Y: Array, X: Array, floor: Any, beta: float, record: bool
) -> tuple[Array, Array, Array]:
    """Y (A ∘ P^(β−2)) and Y P^(β−1), each (R, d, n) or alike, and twice the divergence (R,).

    P is YᵀX, but at least `floor`; the divergence is zero if it is not to be recorded.
    """
    xp, runs, (m, n) = library.xp, Y.shape[0], A.shape
    height = max(library.block_entries // (runs * n), A.least_block(m))

    def of_rows(block: Any) -> tuple[Array, Array, Array]:
        y, a = Y[:, :, block], A.rows(block)
        raw = library.matmul(y.mT, X)
        P = xp.maximum(raw, floor)
        ratio, value = a / P, xp.zeros(runs, dtype=xp.float64)
        M = None if A.weights is None else A.weights_in(block)
        if record:
            # What is zero counts for what P is; where that is infinite, it is not known.
            exact = P if beta < 0 else xp.where(a > 0, P, raw)
            value = deviance(library, ratio, exact, beta, M)
        if beta == 1 and M is None:
            return library.matmul(y, ratio), xp.sum(y, axis=-1, keepdims=True), value
        B = P ** (beta - 1) if M is None else M * P ** (beta - 1)
        return library.matmul(y, ratio * B), library.matmul(y, B), value

    N, D, value = library.sum_over_blocks(of_rows, m, height)
    return N, D, value


def deviance(
    library: Library, ratio: Array, P: Array, beta: float, weights: Array | None = None
) -> Array:
    """2 Σ d(a | p) of each run from a / p and p (R, …), each with its weight: (R,)."""
    xp = library.xp
    # As a function of y = a/p − 1, which is accurate where a and p are close: there d is about
    # ½ y² p^β, a difference of numbers of the size of y.
    y = ratio - 1
    log = xp.log(xp.where(ratio > 0, ratio, xp.ones_like(y)))
    if beta == 0:
        terms = y - log
    elif abs(beta - 1) < NEAR_ONE:
        power = log if beta == 1 else xp.expm1((beta - 1) * log) / (beta - 1)
        terms = P**beta * (ratio * power - y) / beta
    else:
        powered = xp.where(ratio > 0, xp.expm1(beta * log), -xp.ones_like(y))  # (a/p)^β − 1
        terms = P**beta * (powered - beta * y) / (beta * (beta - 1))
    terms = terms if weights is None else terms * weights
    total: Array = 2 * xp.sum(xp.sum(terms, axis=-1), axis=-1, dtype=xp.float64)
    return total


def deviance_in_blocks(
    library: Library, ratio: Array, P: Array, beta: float, weights: Array | None = None
) -> Array:
    """`deviance` of entries that are stored (R, stored), in blocks that stay in cache."""

    def of_entries(block: Any) -> Array:
        M = None if weights is None else weights[:, None, block]
        return deviance(library, ratio[:, None, block], P[:, None, block], beta, M)

    runs, stored = ratio.shape
    # A quarter, since several arrays of that size are made on the way.
    height = max(library.block_entries // (4 * runs), 1)
    return library.sum_over_blocks(of_entries, stored, height)


def stored_parts(
    library: Library, A: Matrix, Y: Array, X: Array, floor: Any, record: bool
) -> tuple[Array, Array, Array]:
    """`divergence_parts` at β = 1, from the entries of P where A stores one, and the sum of all."""
    xp = library.xp
    # A value is computed in float64: near an exact fit, most of it cancels.
    precise = xp.float64 if record else Y.dtype
    raw = A.sampled(*(xp.astype(F, precise, copy=False) for F in (Y, X)))
    P = xp.maximum(raw, floor)
    ratio = A.stored / P
    N = A.left_with(xp.astype(ratio, Y.dtype, copy=False), Y)
    D, value = xp.sum(Y, axis=-1, keepdims=True), xp.zeros(Y.shape[0])
    if record:
        # Where A is zero, d is p: the sum of all of P without that of the entries stored.
        kept = xp.sum(raw, axis=-1, dtype=xp.float64)
        y, x = (xp.sum(F, axis=-1, dtype=xp.float64) for F in (Y, X))
        value = deviance_in_blocks(library, ratio, P, 1)
        value = value + 2 * (xp.sum(y * x, axis=-1) - kept)
    return N, D, value


def known_parts(
    library: Library, A: Matrix, Y: Array, X: Array, floor: Any, beta: float, record: bool
) -> tuple[Array, Array, Array]:
    """`divergence_parts` where only the entries that A stores are known."""
    xp, raw = library.xp, A.sampled(Y, X)
    P = xp.maximum(raw, floor)
    ratio, value = A.stored / P, xp.zeros(Y.shape[0], dtype=xp.float64)
    M = A.weights_stored
    if record:
        value = deviance_in_blocks(library, ratio, xp.where(A.stored > 0, P, raw), beta, M)
    B = P ** (beta - 1) if M is None else M * P ** (beta - 1)
    return A.left_with(ratio * B, Y), A.left_with(B, Y), value
