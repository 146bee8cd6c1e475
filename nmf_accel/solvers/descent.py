"""Coordinate descent, component by component."""

from __future__ import annotations

from ..backends.base import Backend
from ..losses.kkt import descent_violation
from ..losses.models import Beside, Quadratic
from ..losses.penalties import Penalty
from ..types import Array

ROWS_AT_ONCE = 16
"""Rows of a block; between blocks the work is a matrix product."""


def hals(backend: Backend, X: Array, model: Quadratic | Beside, penalty: Penalty) -> Array:
    """Hierarchical alternating least squares (Cichocki & Phan 2009, algorithm 2).

    Row k of X after the other, ``X_k ← max(0, X_k + (N_k − G_k X) / G_kk)``: the minimum of the
    error over that row. A row whose G_kk is zero (a dead component of Y) stays as it is, and
    so can bring Y's to life again.
    """
    return backend.kernel("descend", descend)(backend, X, model.joined(), penalty)


def telling_hals(
    backend: Backend, X: Array, model: Quadratic | Beside, penalty: Penalty
) -> tuple[Array, Array]:
    """`hals`, and the sum of the violations that it met, (R,), see `descent_violation`."""
    tell = backend.kernel("telling_descend", descend_and_look)
    return tell(backend, X, model.joined(), penalty)


def descend_and_look(
    backend: Backend, X: Array, model: Quadratic, penalty: Penalty
) -> tuple[Array, Array]:
    """Descend, then compute what was met: for backends whose descent does not tell."""
    new = hals(backend, X, model, penalty)
    return new, descent_violation(backend, X, new, model, penalty)


def descend(backend: Backend, X: Array, model: Quadratic, penalty: Penalty) -> Array:
    """One pass of coordinate descent: for each k, X_k ← max(0, X_k + (N_k − G_k X) / G_kk).

    Blocks of rows, so that most of the work is in matrix products, on tiles of columns
    that stay in cache; the columns are independent of each other.
    """
    xp, (N, G) = backend.xp, model.with_penalty(backend, penalty)
    X = xp.asarray(X, copy=True)
    d, n = X.shape[-2:]
    width = max(1024, 2**18 // d)
    zero = xp.zeros((), dtype=X.dtype)
    for c in range(0, n, width):
        columns = slice(c, min(c + width, n))
        for a in range(0, d, ROWS_AT_ONCE):
            rows = slice(a, min(a + ROWS_AT_ONCE, d))
            block = X[:, rows, columns]
            rest = N[:, rows, columns] - backend.matmul(G[:, rows, :], X[:, :, columns])
            g = G[:, rows, rows]
            steps = xp.zeros_like(rest)
            for k in range(rest.shape[-2]):
                met = backend.matmul(g[:, k : k + 1, :k], steps[:, :k, :])
                step = rest[:, k, :] - met[:, 0, :]
                gkk = g[:, k, k][:, None]
                alive = gkk > 0
                step = xp.where(alive, step / xp.where(alive, gkk, xp.ones_like(gkk)), zero)
                steps[:, k, :] = xp.maximum(step, -block[:, k, :])
            X[:, rows, columns] = block + steps
    return X
