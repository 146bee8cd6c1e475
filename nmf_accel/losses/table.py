"""The losses by name."""

from __future__ import annotations

from .base import Loss
from .frobenius import FROBENIUS

LOSSES: dict[str, Loss] = {"frobenius": FROBENIUS}
"""What `loss` may be; a new loss is a line here."""
