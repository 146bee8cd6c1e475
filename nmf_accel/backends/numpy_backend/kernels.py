"""NumPy's own forms of the solvers' kernels: in place, and no larger than need be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Index
from ..base import Backend
from . import threads
from .certificate import balanced_residual, least_squares_certificate, squares_of_rows
from .divergences import divergence_parts, rest_parts
from .shared import in_parts

ROWS_AT_ONCE = 16
"""Rows of a block in coordinate descent; between blocks its work is a matrix product."""

GLANCE = 16
"""Columns that mostly tell already that no row is zero."""

Floats = NDArray[Any]


def multiply_divide(backend: Backend, x: Floats, n: Floats, d: Floats, penalty: Any) -> Floats:
    """``x * (n / (d + l1 + l2 x))``, in the memory of `d`."""

    # The only memory that an update without squares takes is the two products it starts from.
    def update(k: slice) -> None:
        y, into = x[..., k], d[..., k]
        into += penalty.gradient(y)
        np.divide(n[..., k], into, out=into)
        np.multiply(y, into, out=into)

    in_parts(update, x.shape[-1], x.size)
    return d


def descend(backend: Backend, X: Floats, model: Any, penalty: Any) -> Floats:
    """One pass of coordinate descent over the rows of X (R, d, n)."""
    return _descend(backend, X, model, penalty)


def telling_descend(
    backend: Backend, X: Floats, model: Any, penalty: Any
) -> tuple[Floats, NDArray[np.float64]]:
    """The same, and the sum of the violations met."""
    met = np.zeros(X.shape[0])

    def look(r: int, x: Floats, rest: Floats) -> None:
        # Minus the gradient; where X is zero, only what is positive of that is a violation.
        opposite = rest * (x >= np.finfo(x.dtype).smallest_normal)
        np.negative(opposite, out=opposite)
        np.maximum(opposite, rest, out=opposite)
        met[r] += opposite.sum(dtype=np.float64)

    return _descend(backend, X, model, penalty, look), met


def _descend(
    backend: Backend, X: Floats, model: Any, penalty: Any, look: Callable[..., None] | None = None
) -> Floats:
    # The generic form in place: its temporaries would take longer than its arithmetic.
    X, N, l1 = X.copy(), model.N, X.dtype.type(penalty.l1)
    G = model.columns(slice(0)).with_penalty(backend, penalty).G
    runs, d, n = X.shape
    width = max(1, min(max(1024, 2**18 // d), n))
    work = np.empty((ROWS_AT_ONCE + 1, width), X.dtype)
    for r, c in np.ndindex(runs, -(-n // width)):
        columns = slice(c * width, (c + 1) * width)
        x, g = X[r, :, columns], G[r]
        steps, least = work[:-1, : x.shape[1]], work[-1, : x.shape[1]]
        for a in range(0, d, ROWS_AT_ONCE):
            b = min(a + ROWS_AT_ONCE, d)
            rest = g[a:b] @ x
            np.subtract(N[r, a:b, columns], rest, out=rest)
            if l1:
                rest -= l1
            old = x[a:b].copy() if look else x
            for k in range(a, b):
                left, step = rest[k - a], steps[k - a]
                if k > a:
                    left -= g[k, a:k] @ steps[: k - a]
                if g[k, k] <= 0:
                    step[:] = 0
                    continue
                np.divide(left, g[k, k], out=step)
                np.negative(x[k], out=least)
                np.maximum(least, step, out=step)
                x[k] += step
            if look:
                look(r, old, rest)
    return X


def move_on(backend: Backend, X: Floats, last: Floats, push: Floats) -> Floats:
    """X moved on by parts `push` of its step from `last`, and projected: one new array."""
    if not push.any():
        return X
    further: Floats = X - last
    further *= push.astype(X.dtype)[:, None, None]
    further += X
    np.maximum(further, 0, out=further)
    return further


def take(backend: Backend, taken: Floats, kept: Floats, *found: Floats) -> tuple[Floats, ...]:
    """What was found for the runs whose step is taken, for the others `kept`."""
    if taken.all():
        return found
    return tuple(np.where(taken[:, None, None], x, kept) for x in found)


def solve_passive(backend: Backend, G: Floats, N: Floats, F: Floats, going: Floats) -> Floats:
    """Solve G[f, f] X[f] = N[f] for each column: those with the same f are one system."""
    with threads.turn():
        return _solve_passive(G, N, F, going)


def _solve_passive(G: Floats, N: Floats, F: Floats, going: Floats) -> Floats:
    X = np.zeros_like(N)
    for r in range(N.shape[0]):
        todo = np.flatnonzero(going[r])
        sets = np.packbits(F[r][:, todo], axis=0)
        which = np.unique(sets, axis=1, return_inverse=True)[1]
        order = np.argsort(which, kind="stable")
        for columns in np.split(todo[order], np.cumsum(np.bincount(which))[:-1]):
            f = np.flatnonzero(F[r, :, columns[0]]) if columns.size else columns
            if f.size:
                X[r, f[:, None], columns] = solved(G[r][np.ix_(f, f)], N[r, f[:, None], columns])
    return X


def solved(system: Floats, right: Floats) -> Floats:
    """The solution of a system; of a singular one the shortest that is nearest."""
    try:
        return np.linalg.solve(system, right)
    except np.linalg.LinAlgError:
        pass
    try:
        found: Floats = np.linalg.lstsq(system, right, rcond=None)[0]
    except np.linalg.LinAlgError:  # it is not finite, which the caller looks for
        found = np.full_like(right, np.nan)
    return found


def nonzero_rows(backend: Backend, A: Floats) -> Index:
    """Indices of the rows of A >= 0 that are not zero everywhere."""
    nonzero = np.max(A[:, :GLANCE], axis=1) > 0
    if not nonzero.all():
        nonzero = np.max(A, axis=1) > 0
    return np.flatnonzero(nonzero)


KERNELS: dict[str, Callable[..., Any]] = {
    "multiply_divide": multiply_divide,
    "descend": descend,
    "telling_descend": telling_descend,
    "move_on": move_on,
    "take": take,
    "solve_passive": solve_passive,
    "nonzero_rows": nonzero_rows,
    "squares_of_rows": squares_of_rows,
    "balanced_residual": balanced_residual,
    "least_squares_certificate": least_squares_certificate,
    "divergence_parts": divergence_parts,
    "weighted_divergence_parts": divergence_parts,
    "rest_parts": rest_parts,
}
