"""The scale of A, taken out where squares and products of its entries would leave the dtype.

The loop then sees A / c² and factors / c, c being a power of two: each of its operations is the
same but for the exponent, so that a result is the same bits, times such a power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..losses import Loss, Penalties
from ..matrices import Raw
from ..types import Array

FAR = {"float32": 24, "float64": 200}
"""Binary orders from 1 within which the largest entry of A may lie as it is, to the power of half
the loss's degree, if that is more."""


@dataclass(frozen=True)
class Scale:
    """What the loop's A was divided by, and so its factors, penalties and errors.

    'Inside' is as the loop has it, 'outside' as the caller has.

    Attributes
    ----------
    order : int
        k of c = 2^k: A was divided by c².
    degree : float
        The loss of t A and t W H is t^degree times that of A and W H.
    """

    order: int = 0
    degree: float = 2.0

    @property
    def root(self) -> float:
        """The c."""
        return math.ldexp(1.0, self.order)

    @property
    def of_l1(self) -> float:
        """What is inside of an l1 of 1, or of a δ."""
        return power(self.order * (1 - 2 * self.degree))

    def factor_inside(self, X: Any) -> Any:
        """A factor as the loop has it."""
        return X if self.order == 0 else X * (1 / self.root)

    def factor_outside(self, X: Array) -> Any:
        """A factor as the caller has it."""
        return X if self.order == 0 else X * self.root

    def errors_outside(self, errors: Any) -> Any:
        """Errors as the caller has them: they are roots of the loss."""
        return errors if self.order == 0 else errors * power(self.order * self.degree)

    def penalties_inside(self, penalties: Penalties) -> Penalties:
        """Penalties as the loop has them."""
        if self.order == 0:
            return penalties
        of_l2 = power(self.order * (2 - 2 * self.degree))
        on_H, on_W = (
            p._replace(l1=p.l1 * self.of_l1, l2=None if p.l2 is None else p.l2 * of_l2)
            for p in penalties
        )
        return on_H, on_W


def power(exponent: float) -> float:
    """2 to that power, or the nearest to it that is a normal number."""
    return float(2.0 ** min(max(exponent, -1022.0), 1023.0))


def near_one(raw: Raw, dtype: np.dtype[Any], loss: Loss) -> tuple[Raw, Scale]:
    """A matrix whose largest entry is near 1, if it was far from that, and its scale.

    It is left as it is if it is wrong, or the loss has no `degree`.
    """
    xp, entries = raw.library.xp, raw.stored
    if loss.degree is None or entries.shape[0] == 0:
        return raw, Scale()
    largest = float(xp.max(entries))
    if not 0 < largest < math.inf or _far(largest, loss.degree) <= FAR[dtype.name]:
        return raw, Scale()
    if not float(xp.min(entries)) >= 0:
        return raw, Scale()
    order = round(math.log2(largest) / 2)
    # In float64 where it comes so, and where its dtype has no such numbers.
    wide = raw if str(entries.dtype).endswith("float32") else raw.astype(np.dtype("float64"))
    half = math.ldexp(1.0, -order)  # twice, since its square may not be a number of the dtype
    return wide.times(half).times(half), Scale(order, loss.degree)


def _far(largest: float, degree: float) -> float:
    """How many binary orders from 1 it is, or that its power is of which a loss is made."""
    return abs(math.log2(largest)) * max(degree / 2, 1.0)
