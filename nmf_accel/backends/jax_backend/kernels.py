"""JAX's own forms of the solvers' kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...types import Array
from ..base import Backend


def descend(backend: Backend, X: Array, model: Any, penalty: Any) -> Array:
    """One pass of coordinate descent over the rows of X (R, d, n)."""
    import jax

    xp, (N, G) = backend.xp, model.with_penalty(backend, penalty)

    def one(k: Any, X: Any) -> Any:
        g = G[:, k, None, :]
        gkk = G[:, k, k][:, None]
        step = N[:, k, :] - backend.matmul(g, X)[:, 0, :]
        step = xp.where(gkk > 0, step / xp.where(gkk > 0, gkk, 1), 0)
        return X.at[:, k, :].set(xp.maximum(X[:, k, :] + step, 0))

    done: Array = jax.lax.fori_loop(0, X.shape[1], one, X)
    return done


KERNELS: dict[str, Callable[..., Any]] = {"descend": descend}
