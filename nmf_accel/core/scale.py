"""The scale of A, taken out where squares and products of its entries would leave the dtype.

The loop then sees A / c² and factors / c, c being a power of two: each of its operations is the
same but for the exponent, so that a result is the same bits, times such a power. What goes outside
again is held against what the caller's numbers can hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..callers import warn_caller
from ..losses import Loss, Penalties
from ..matrices import Raw
from ..types import Array, Library

FAR = {"float32": 24, "float64": 200}
"""Binary orders from 1 within which A stays as it is: those of its largest entry, or of the loss's
terms at that entry, of which those of least squares (degree 2) count as the entry itself."""

ROOM = 2.0**10
"""How far from the border of what a loss of small entries can hold these are left as they are."""

LEAST_NORM = float(np.finfo(np.float64).smallest_normal) * 2.0**20
"""The least that errors may be relative to: they have all their digits down to a part of 1e-6."""


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

    def factor_inside(self, X: Any) -> Any:
        """A factor as the loop has it."""
        return X if self.order == 0 else X * (1 / self.root)

    def factor_outside(self, X: Array) -> Any:
        """A factor as the caller has it, in its own dtype, which has room for that."""
        return X if self.order == 0 else X * self.root

    def factors_outside(self, library: Library, W: Array, H: Array) -> tuple[Any, Any]:
        """W (m, d) and H (d, n) as the caller has them.

        Raises
        ------
        FloatingPointError
            If one of them is too large for its dtype, or a component of it too small.
        """
        if self.order:
            for name, X in (("W", W.mT), ("H", H)):
                self._refuse_lost(name, library.to_numpy(library.xp.max(X, axis=-1)))
        return self.factor_outside(W), self.factor_outside(H)

    def _refuse_lost(self, name: str, inside: Any) -> None:
        """Raise unless the largest entry of each component, if not 0, is a number outside."""
        limits, largest = np.finfo(inside.dtype), inside.astype(np.float64) * self.root
        lost = (inside > 0) & (largest < limits.smallest_normal)
        for wrong, size in ((lost, "small"), (~(largest <= limits.max), "large")):
            if wrong.any():
                k = int(np.argmax(wrong))
                raise FloatingPointError(
                    f"component {k} of {name} is so {size} (largest entry {largest[k]:.3g}) that "
                    f"it is no number of {limits.dtype}; scale A, for instance divide it by its "
                    f"maximum{_wider(limits.dtype)}"
                )

    def errors_outside(self, errors: Any) -> Any:
        """Errors as the caller has them: they are roots of the loss.

        Raises
        ------
        FloatingPointError
            If one is no number of float64, though it is inside.
        """
        found = shifted(errors, self.order * self.degree)
        if np.any(np.isinf(found) & np.isfinite(errors)):
            raise FloatingPointError(
                f"A is so large that its errors are no numbers of float64 (2^"
                f"{self.order * self.degree:.0f} times {np.nanmax(errors):.3g}); scale A, for "
                "instance divide it by its maximum"
            )
        return found

    def norm_outside(self, norm: float) -> float:
        """What errors are relative to, as the caller has it.

        Raises
        ------
        FloatingPointError
            If it is no number of float64, or one that has lost digits.
        """
        found = float(self.errors_outside(norm))
        if self.order and norm > 0 and found < LEAST_NORM:
            raise FloatingPointError(
                f"A is so small that its errors are no numbers of float64 (they are relative to "
                f"{found:.3g}); scale A, for instance divide it by its maximum"
            )
        return found

    def l1_inside(self, value: float) -> float:
        """An l1, or a δ, as the loop has it."""
        return float(shifted(value, self.order * (1 - 2 * self.degree)))

    def l1_outside(self, value: float) -> float:
        """An l1, or a δ, as the caller has it."""
        return float(shifted(value, self.order * (2 * self.degree - 1)))

    def l2_inside(self, value: float) -> float:
        """An l2 as the loop has it."""
        return float(shifted(value, self.order * (2 - 2 * self.degree)))

    def penalties_inside(self, penalties: Penalties) -> Penalties:
        """Penalties as the loop has them."""
        if self.order == 0:
            return penalties
        on_H, on_W = (
            p._replace(l1=self.l1_inside(p.l1), l2=None if p.l2 is None else self.l2_inside(p.l2))
            for p in penalties
        )
        return on_H, on_W


def shifted(x: Any, exponent: float) -> Any:
    """Numbers on the host times 2 to that power, which need not be a number itself."""
    if exponent == 0:
        return x
    whole = math.floor(exponent)
    with np.errstate(over="ignore", under="ignore"):  # infinite is an answer, see who asks
        return np.ldexp(np.multiply(x, 2.0 ** (exponent - whole)), whole)


def near_one(raw: Raw, dtype: np.dtype[Any], loss: Loss, name: str = "A") -> tuple[Raw, Scale]:
    """A matrix whose entries are near 1, if they were far from that, and its scale.

    It is left as it is if it is wrong, or the loss has no `degree`; `name` is for messages.

    Raises
    ------
    ValueError
        If factors of it would be no numbers of that dtype.

    Warns
    -----
    UserWarning
        If positive entries are less than the least of W H that the loss can have in that dtype.
    """
    xp, entries = raw.library.xp, raw.stored
    if loss.degree is None or entries.shape[0] == 0:
        return raw, Scale()
    largest, reach = float(xp.max(entries)), loss.reach(dtype)
    if not 0 < largest < math.inf:
        return raw, Scale()
    least = _least(raw) if reach else largest
    order = order_of(least, largest, dtype, loss.degree, reach)
    if (order or least < reach) and not float(xp.min(entries)) >= 0:
        return raw, Scale()
    _refuse_far(name, largest, dtype)
    if least < (floor := float(shifted(reach, 2 * order))):
        warn_caller(
            f"positive entries of {name} go from {least:.3g} to {largest:.3g}, but {loss} takes "
            f"W H for at least {floor:.3g} in {dtype.name}; raise what is smaller to that"
            f"{_wider(dtype)}"
        )
    return (divided(raw, order), Scale(order, loss.degree)) if order else (raw, Scale())


def order_of(
    least: float, largest: float, dtype: np.dtype[Any], degree: float = 2.0, reach: float = 0.0
) -> int:
    """The `order` of the scale of such a matrix, 0 where it stays as it is.

    Parameters
    ----------
    least, largest : float
        Of its positive entries; the least counts for a loss that has a `reach`.
    degree, reach : float
        Those of the loss. The largest entry comes near 1; but where the least is then below the
        reach or near it, the middle of both, since powers of small entries overflow where those
        of large ones vanish.
    """
    far = abs(math.log2(largest)) * max(degree / 2, 1.0) > FAR[dtype.name]
    near = round(math.log2(largest) / 2) if far else 0
    there, above = (float(shifted(x, -2 * near)) for x in (least, largest))
    if not reach or (ROOM * reach <= there and above <= 1 / (ROOM * reach)):
        return near
    middle = round((math.log2(least) + math.log2(largest)) / 4)
    # Never below the reach by the scale alone, where squares would do as they are.
    lost = float(shifted(least, -2 * middle)) < min(least, reach)
    return 0 if lost and largest < float(np.finfo(dtype).max) ** 0.5 / ROOM else middle


def divided(raw: Raw, order: int) -> Raw:
    """A matrix divided by 4^order, in float64 unless it comes in float32."""
    wide = raw if str(raw.dtype).endswith("float32") else raw.astype(np.dtype("float64"))
    name = str(wide.dtype).rpartition(".")[2]
    if abs(2 * order) < -np.finfo(name).minexp:
        return wide.times(math.ldexp(1.0, -2 * order))
    half = math.ldexp(1.0, -order)
    return wide.times(half).times(half)


def _least(raw: Raw) -> float:
    """The least positive entry that is stored."""
    xp, entries = raw.library.xp, raw.stored
    entries = entries if "float" in str(entries.dtype) else raw.astype(np.dtype("float64")).stored
    infinite = xp.full_like(entries, math.inf)
    return float(xp.min(xp.where(entries > 0, entries, infinite)))


def _refuse_far(name: str, largest: float, dtype: np.dtype[Any]) -> None:
    """Raise unless factors, which are about the root of that, are numbers with all their digits."""
    limits, root = np.finfo(dtype), math.sqrt(largest)
    room = float(limits.eps)
    if not float(limits.smallest_normal) / room <= root <= float(limits.max) * room:
        size, wider = "small" if root < 1 else "large", _wider(dtype)
        raise ValueError(
            f"{name} is so {size} that its factors are no numbers of {dtype.name} "
            f"(about {root:.3g}); scale {name}, for instance divide it by its maximum{wider}"
        )


def _wider(dtype: np.dtype[Any]) -> str:
    """The other cure."""
    return ", or take dtype='float64'" if dtype.name == "float32" else ""
