"""Penalties on the factors, which join every loss."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..types import Array, Library


class Penalty(NamedTuple):
    """``l1 Σ X + ½ l2 ‖X‖²``, added for a factor X to the loss.

    Attributes
    ----------
    l1 : float
    l2 : float, optional
        None where no squares are penalized, so that nothing is computed for them.
    """

    l1: Any = 0.0
    l2: Any = None

    def gradient(self, X: Array) -> Any:
        """``l1 + l2 X``: an array, or the number l1 where that is all."""
        return self.l1 if self.l2 is None else self.l1 + self.l2 * X

    def value(self, library: Library, X: Array) -> Array:
        """``l1 Σ X + ½ l2 ‖X‖²`` of each run, X (R, d, n), in float64: (R,)."""
        xp = library.xp
        # As `Library.inner` does: the sums of rows in the dtype of X, those of the rest in float64.
        total: Array = self.l1 * xp.sum(xp.sum(X, axis=-1), axis=-1, dtype=xp.float64)
        return total if self.l2 is None else total + 0.5 * self.l2 * library.inner(X, X)


NONE = Penalty()

Penalties = tuple[Penalty, Penalty]
"""Those of H and of W."""
