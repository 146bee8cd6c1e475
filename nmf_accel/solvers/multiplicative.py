"""Multiplicative updates."""

from __future__ import annotations

from ..backends.base import Backend
from ..losses.models import Model
from ..losses.penalties import Penalty
from ..types import Array


def lee_seung(backend: Backend, X: Array, model: Model, penalty: Penalty) -> Array:
    """Multiplicative update ``X ∘ (minus ⊘ (plus + l1 + l2 X))^γ`` (Lee & Seung 2001, eq. 4).

    δ, which keeps the denominators from zero, is part of l1. γ is the `power` of the model.
    """
    if model.power != 1:
        ratio = model.minus() / (model.plus(backend, X) + penalty.gradient(X))
        damped: Array = X * ratio**model.power
        return damped
    kernel = backend.kernel("multiply_divide", multiply_divide)
    return kernel(backend, X, model.minus(), model.plus(backend, X), penalty)


def multiply_divide(backend: Backend, x: Array, n: Array, d: Array, penalty: Penalty) -> Array:
    """``x * (n / (d + l1 + l2 x))``; a backend's own form may overwrite `d`, and nothing else."""
    updated: Array = x * (n / (d + penalty.gradient(x)))
    return updated
