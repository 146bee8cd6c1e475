"""Non-negative least squares by block principal pivoting: the exact half-step."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..backends.base import Backend
from ..losses.models import Beside, Quadratic
from ..losses.penalties import Penalty
from ..types import Array, no_kernel

ROUNDING = 4
"""Rounding of a product of Y with itself, at most, in eps of its rows' sizes."""
PATIENCE = 3
"""Full exchanges tried without progress before a column exchanges one variable at a time."""
ROUNDS = 5
"""Exchanges allowed, as a multiple of the rank."""
SYSTEMS = 2**24
"""Entries of the systems that are solved at once, unless that makes more than BLOCKS blocks."""
BLOCKS = 32
"""Most blocks of columns, so that a compiled loop over them stays short."""


def block_principal_pivoting(
    backend: Backend, X: Array, model: Quadratic | Beside, penalty: Penalty
) -> Array:
    """Minimize the loss and the penalty over X >= 0, by columns (Kim & Park 2008, algorithm 2).

    A column's variables are split into a passive set F, where its gradient is zero, and the
    rest, where X is; variables that come out negative on either side change sides, all at once
    (a full exchange), or only the last one when that made no progress for PATIENCE times.
    It starts from the support of X. A column that would get worse, beyond rounding, stays as it
    is: where G is singular, the exchanges need not come to an end.
    """
    xp, (N, G) = backend.xp, model.with_penalty(backend, penalty)
    before, of_loss = X, Quadratic(N, G)
    d = X.shape[1]
    # As much as rounding has put there already, so that a singular G has a solution too; of each
    # row its own share, or what is small beside a large row of Y would be lost to that.
    diagonal = xp.linalg.diagonal(G)[:, :, None]
    smallest = float(xp.finfo(X.dtype).smallest_normal)
    ridge = ROUNDING * d * float(xp.finfo(X.dtype).eps) * diagonal + smallest
    G = G + ridge * xp.eye(d, dtype=X.dtype)
    size = xp.sqrt(xp.where(diagonal > 0, diagonal, xp.ones_like(diagonal)))  # of the rows of Y
    # What a solution may be off where G is ill-conditioned is no reason to exchange, or it would
    # go on for ever.
    slack = float(xp.finfo(X.dtype).eps) ** (2 / 3)
    # Without penalties, which are not of the size of the rows.
    largest = xp.max(xp.abs(model.joined().N) / size, axis=1, keepdims=True)
    least = -slack * size * largest
    limits = Limits(size, least, slack, ROUNDS * d, PATIENCE)
    found = backend.kernel("exchange_by_column", no_kernel)(backend, X, N, G, limits)
    if found is None:
        found = exchanged(backend, X, N, G, limits)
    return no_worse(backend, before, xp.maximum(found, xp.zeros_like(found)), of_loss)


class Limits(NamedTuple):
    """What is far enough on the wrong side to be exchanged, and how often that is done.

    Attributes
    ----------
    size : (R, d, 1) array
        Of the rows of Y, by which X and the gradient are measured.
    least : (R, d, n) array
        Where X is zero, the gradient is wrong below this.
    slack : float
        X is wrong below minus this part of the largest entry of its column.
    rounds : int
        Most exchanges.
    patience : int
        Full ones without progress.
    """

    size: Array
    least: Array
    slack: float
    rounds: int
    patience: int


def exchanged(backend: Backend, X: Array, N: Array, G: Array, limits: Limits) -> Array:
    """X after all exchanges, from its support; its entries may be below zero by the slack."""
    size, least, slack, rounds, at_first = limits
    xp, passive = backend.xp, backend.kernel("solve_passive", solve_passive)
    d = X.shape[1]
    order = xp.arange(1, d + 1)[None, :, None]

    def solve(X: Array, F: Array, going: Array) -> tuple[Array, Array, Array]:
        """X, solved anew where `going`; which variables are on the wrong side, and how many."""
        found = passive(backend, G, N, F, going)
        found = xp.where(xp.isfinite(found), found, xp.zeros_like(found))  # of singular systems
        X = xp.where(going[:, None, :], found, X)
        negative = -slack * xp.max(xp.abs(X) * size, axis=1, keepdims=True) > X * size
        wrong = xp.where(F, negative, backend.matmul(G, X) - N < least)
        return X, wrong, xp.sum(xp.astype(wrong, xp.int32), axis=1)

    def exchange(state: tuple[Any, ...]) -> tuple[Any, ...]:
        X, _, F, wrong, fewest, patience = state
        count = xp.sum(xp.astype(wrong, xp.int32), axis=1)
        better = count < fewest
        fewest = xp.where(better, count, fewest)
        full = better | (patience > 0)
        patience = xp.where(better, xp.full_like(patience, at_first), patience - 1)
        ranked = xp.where(wrong, order, xp.zeros_like(order))
        last = ranked == xp.max(ranked, axis=1, keepdims=True)
        F = F ^ (wrong & (full[:, None, :] | last))
        X, wrong, count = solve(X, F, count > 0)
        return X, count > 0, F, wrong, fewest, patience

    F = X > 0
    X, wrong, count = solve(X, F, xp.ones_like(F[:, 0, :]))
    fewest = xp.full_like(count, d + 1)
    state = (X, count > 0, F, wrong, fewest, xp.full_like(count, at_first))
    last: Array = backend.repeat_while(exchange, state, rounds)[0]
    return last


def no_worse(backend: Backend, old: Array, new: Array, model: Quadratic) -> Array:
    """The columns of `new`, and those of `old` where the loss of `new` is larger or no number."""
    xp, (N, G) = backend.xp, model
    largest = xp.max(xp.maximum(old, new), axis=1, keepdims=True)
    largest = xp.where(largest > 0, largest, xp.ones_like(largest))
    step, half = (new - old) / largest, 0.5 * backend.matmul(G, old + new)
    rise = xp.sum(step * (half - N), axis=1, keepdims=True)
    # Where both are solutions, which of them is less is a matter of rounding.
    terms = xp.sum(xp.abs(step) * (half + xp.abs(N)), axis=1, keepdims=True)
    fine = rise <= ROUNDING * old.shape[1] * float(xp.finfo(N.dtype).eps) * terms
    chosen: Array = xp.where(fine, new, old)
    return chosen


def columns_at_once(runs: int, d: int, n: int) -> int:
    """How many columns are solved for at once, of each run."""
    return min(max(SYSTEMS // (runs * d * d), -(-n // BLOCKS)), n)


def scratch(runs: int, d: int, n: int) -> int:
    """What the exchanges keep of every column; the systems, which entries count, and a copy."""
    systems = runs * columns_at_once(runs, d, n) * d**2
    return 12 * runs * d * n + 3 * systems


def solve_passive(backend: Backend, G: Array, N: Array, F: Array, going: Array) -> Array:
    """Solve G[f, f] X[f] = N[f] for each column of N (R, d, n), f being where F is true.

    The other entries of X are zero; columns where `going` (R, n) is false may be anything.
    This makes one d × d system of a column, in which the equations of the rest say 0 = 0, in
    blocks of columns to spare memory.
    """
    xp = backend.xp
    runs, d, n = N.shape
    eye = xp.eye(d, dtype=N.dtype)
    width = columns_at_once(runs, d, n)
    found = []
    for c in range(0, n, width):
        columns = slice(c, min(c + width, n))
        f = xp.matrix_transpose(F[:, :, columns])
        b = xp.matrix_transpose(N[:, :, columns])
        both = f[:, :, :, None] & f[:, :, None, :]
        systems = xp.where(both, G[:, None, :, :], eye)
        b = xp.where(f, b, xp.zeros_like(b))
        found.append(xp.linalg.solve(systems, b[..., None])[..., 0])
    solved: Array = xp.matrix_transpose(xp.concat(found, axis=1))
    return solved
