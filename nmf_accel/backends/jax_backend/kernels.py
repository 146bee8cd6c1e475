"""JAX's own forms of the solvers' kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...types import Array
from ..base import Backend

ROWS_AT_ONCE = 16
"""Most rows of a block in coordinate descent on an accelerator."""


def descend(backend: Backend, X: Array, model: Any, penalty: Any) -> Array:
    """One pass of coordinate descent over the rows of X (R, d, n), as suits the device."""
    # A CPU starts a product in no time, and so is faster row by row (but for d = 256), and a
    # block takes five times as long to compile.
    form = block_by_block if backend.probe().accelerated else row_by_row
    return form(backend, X, *model.with_penalty(backend, penalty))


def row_by_row(backend: Backend, X: Array, N: Array, G: Array) -> Array:
    """The pass, with a product for each row."""
    from jax.lax import fori_loop

    xp = backend.xp

    def one(k: Any, X: Any) -> Any:
        rest = N[:, k, :] - backend.matmul(G[:, k, None, :], X)[:, 0, :]
        step = _divided(backend, rest, G[:, k, k][:, None])
        return X.at[:, k, :].set(xp.maximum(X[:, k, :] + step, 0))

    done: Array = fori_loop(0, X.shape[1], one, X)
    return done


def block_by_block(backend: Backend, X: Array, N: Array, G: Array) -> Array:
    """The pass, with a product for each block of rows; within it, steps that fuse into one."""
    from jax.lax import dynamic_slice_in_dim, dynamic_update_slice_in_dim, fori_loop

    xp, d = backend.xp, X.shape[1]
    blocks = -(-d // ROWS_AT_ONCE)
    size = -(-d // blocks)
    pad = (0, blocks * size - d)  # rows with G_kk = 0, which stay as they are
    X, N = (xp.pad(x, ((0, 0), pad, (0, 0))) for x in (X, N))
    G = xp.pad(G, ((0, 0), pad, pad))

    def one(block: Any, X: Any) -> Any:
        first = block * size
        g, n, x = (dynamic_slice_in_dim(y, first, size, axis=1) for y in (G, N, X))
        rest = n - backend.matmul(g, X)
        g = dynamic_slice_in_dim(g, first, size, axis=2)
        steps: list[Any] = []
        for k in range(size):
            left = rest[:, k, :]
            for j, step in enumerate(steps):
                left = left - g[:, k, j, None] * step
            steps.append(xp.maximum(_divided(backend, left, g[:, k, k, None]), -x[:, k, :]))
        return dynamic_update_slice_in_dim(X, x + xp.stack(steps, axis=1), first, axis=1)

    done: Array = fori_loop(0, blocks, one, X)
    return done[:, :d, :]


def extremes(backend: Backend, entries: Array) -> tuple[Array, Array]:
    """The least entry and the largest; NaN if there is one, which a minimum over devices drops."""
    low, high = backend.fused(_extremes)(backend, entries)
    return low, high


def _extremes(backend: Backend, entries: Array) -> tuple[Array, Array]:
    xp = backend.xp
    none = xp.any(xp.isnan(entries))
    return xp.where(none, xp.nan, xp.min(entries)), xp.where(none, xp.nan, xp.max(entries))


def _divided(backend: Backend, rest: Any, gkk: Any) -> Any:
    """``rest / gkk``, and zero where gkk is: a dead component stays as it is."""
    where = backend.xp.where
    return where(gkk > 0, rest / where(gkk > 0, gkk, 1), 0)


KERNELS: dict[str, Callable[..., Any]] = {"descend": descend, "extremes": extremes}
