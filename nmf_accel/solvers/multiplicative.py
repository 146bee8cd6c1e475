"""Multiplicative updates."""

from __future__ import annotations

from typing import Any

from ..backends.base import Backend
from ..losses.base import Model
from ..types import Array


def lee_seung(backend: Backend, X: Array, model: Model, l1: Any) -> Array:
    """Multiplicative update ``X ∘ minus ⊘ (plus + l1)`` (Lee & Seung 2001, eq. 4).

    δ, which keeps the denominators from zero, is no more than an L1 penalty, and part of it.
    """
    kernel = backend.kernel("multiply_divide", multiply_divide)
    return kernel(backend, X, model.minus(), model.plus(backend, X), l1)


def multiply_divide(backend: Backend, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
    """``x * (n / (d + delta))``; a backend's own form may overwrite `d`, and nothing else."""
    return x * (n / (d + delta))
