"""Penalties on the factors, which join every loss."""

from __future__ import annotations

from typing import NamedTuple


class Penalty(NamedTuple):
    """``l1 Σ X + ½ l2 ‖X‖²``, added for a factor X to the loss."""

    l1: float = 0.0
    l2: float = 0.0


Penalties = tuple[Penalty, Penalty] | None
"""Those of H and of W; None for none."""
