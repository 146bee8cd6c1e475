"""Update rules: pure functions ``(backend, X, N, G, delta) -> X``.

For the factor X being updated and the other one, Y, a rule sees only ``N = Y A`` and
``G = Y Yᵀ``; the gradient of ½‖A − YᵀX‖² with respect to X is ``G X − N``. Leading axes are runs.
"""

from __future__ import annotations

from collections.abc import Callable

from .backends.base import Array, Backend

Rule = Callable[[Backend, Array, Array, Array, Array], Array]


def lee_seung(backend: Backend, X: Array, N: Array, G: Array, delta: Array) -> Array:
    """Multiplicative update ``X ∘ N ⊘ (G X + δ)`` (Lee & Seung 2001, eq. 4)."""
    return backend.multiply_divide(X, N, backend.matmul(G, X), delta)
