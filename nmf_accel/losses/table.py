"""The losses by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Loss
from .divergences import ITAKURA_SAITO, KULLBACK_LEIBLER, Divergence
from .frobenius import FROBENIUS

LOSSES: dict[str, Loss] = {
    "frobenius": FROBENIUS,
    "kullback-leibler": KULLBACK_LEIBLER,
    "itakura-saito": ITAKURA_SAITO,
}
"""What `loss` may be, besides a number β; a new loss is a line here."""


def loss_called(loss: str | float) -> Loss:
    """The loss of that name, or the β-divergence of that β."""
    if isinstance(loss, str):
        return LOSSES[loss]
    return FROBENIUS if loss == 2 else Divergence(float(loss))


def name_of(loss: str | float) -> str | float:
    """The name of a loss that was given as a number and has one."""
    found = loss_called(loss)
    return next((name for name, one in LOSSES.items() if one == found), loss)


def symbol_of(settings: Mapping[str, Any]) -> str:
    """What the errors of a result or a store with these settings are."""
    # Those of before there were others do not say which loss.
    plain = loss_called(settings.get("loss", "frobenius")).symbol
    symbol: str = settings.get("errors_are", plain)
    return symbol
