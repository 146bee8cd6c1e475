"""How far W and H are from a solution, in one walk through A that threads share.

What is measured of a whole factor would take as much memory as the factor several times, and longer
to make room for than to compute. So the walk goes along the longer side of A, and is done with each
block while that is in cache.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Frame, Matrix
from ...types import Squares, add
from ..base import Backend
from . import columns as in_columns
from . import ways
from .shared import in_parts
from .threads import Crew

Floats = NDArray[Any]

WIDTH = 2048
"""Columns of a block of a dense matrix: with factors of usual ranks it stays in cache."""

AT_ONCE = 4096
"""Numbers of each row that are made float64 at once."""


def squares_of_rows(
    backend: Backend, X: Floats, plus: Floats, minus: Floats, curvature: Floats, penalty: Any
) -> Squares:
    """`Squares` of a factor, from the two parts of its gradient, in the memory of `plus`."""
    steep = curvature if penalty.l2 is None else curvature + X.dtype.type(penalty.l2)
    # Where nothing curves, an entry that is positive has all the room that it needs.
    steep = np.where(steep > 0, steep, np.finfo(X.dtype).max ** 0.5).astype(X.dtype, copy=False)

    def of(k: slice) -> Squares:
        x, gradient, data = X[..., k], plus[..., k], minus[..., k]
        gradient -= data
        if penalty.l1 or penalty.l2 is not None:
            gradient += penalty.gradient(x)
        room = steep * x
        np.minimum(room, gradient, out=room)
        violation = 2 * summed(room, gradient) - summed(room, room)
        return Squares(violation, summed(data, data), summed(x, x))

    parts: list[Squares] = in_parts(of, X.shape[-1], X.size)
    return reduce(add, parts)


def summed(x: Floats, y: Floats) -> NDArray[np.float64]:
    """The sums of x * y over rows, in float64."""
    if x.dtype == np.float64:
        return np.asarray(np.vecdot(x, y))
    total = np.zeros(x.shape[:-1])
    for k in range(0, x.shape[-1], AT_ONCE):  # copies of all would not stay in cache
        one = x[..., k : k + AT_ONCE].astype(np.float64)
        other = one if y is x else y[..., k : k + AT_ONCE].astype(np.float64)
        total += np.vecdot(one, other)
    return total


def balanced_residual(
    backend: Backend, of_H: Squares, of_W: Squares, least: float
) -> NDArray[np.float64]:
    """The KKT residual, (R,), in as few operations as it takes: its arrays are small."""
    first, second = ([np.asarray(x) for x in half] for half in (of_H, of_W))
    h, w = np.sqrt(first[2]), np.sqrt(second[2])
    p = h * w
    bound = (least / p.shape[-1]) * p.sum(axis=-1, keepdims=True)
    p = np.maximum(p, np.where(bound > 0, bound, 1.0), out=p)
    on_H, on_W = weights(p, h, w), weights(p, w, h)
    violation, data = (
        np.vecdot(on_H, x) + np.vecdot(on_W, y) for x, y in zip(first[:2], second[:2], strict=True)
    )
    return np.asarray(np.sqrt(violation / np.where(data == 0, 1.0, data)))


def weights(p: Floats, own: Floats, other: Floats) -> Floats:
    """By what squares of a gradient are multiplied where both norms become √p."""
    alive = other > 0
    if alive.all():
        share: Floats = p / other**2
        return share
    return np.where(alive, p / np.where(alive, other, 1.0) ** 2, own**2 / p)


def least_squares_certificate(
    backend: Backend, A: Matrix, frame: Frame, H: Floats, Wt: Floats, penalties: Any
) -> tuple[Squares, Squares]:
    """`losses.Squares` of H (R, d, n) and of Wt (R, d, m).

    A is what the frame keeps of the matrix that was given; H and Wt are over all of that.
    """
    rows, columns, (on_H, on_W) = frame.rows, frame.columns, penalties
    if rows.size >= columns.size:  # walk along the rows
        turned = Frame(columns, rows)
        of_W, of_H = walked_along(backend, A.T, turned, Wt, H, (on_W, on_H))
        return of_H, of_W
    return walked_along(backend, A, frame, H, Wt, penalties)


def walked_along(
    backend: Backend, A: Matrix, frame: Frame, H: Floats, Wt: Floats, penalties: Any
) -> tuple[Squares, Squares]:
    """The same, along the columns of A."""
    rows, columns, (on_H, on_W) = frame.rows, frame.columns, penalties
    X: Any = columns.keep(backend, H)
    Y: Any = rows.keep(backend, Wt)

    def of_rows(x: Floats, G: Any, minus: Any, penalty: Any) -> Squares:
        plus, steep = np.asarray(backend.matmul(G, x)), np.diagonal(G, axis1=1, axis2=2)
        return squares_of_rows(backend, x, plus, minus, steep[..., None], penalty)

    G: Any = backend.matmul(Wt, Wt.mT)

    def of(block: slice, part: Matrix) -> tuple[Squares, Any, Any]:
        x = X[..., block]
        mine = of_rows(x, G, part.left(Y), on_H)
        return mine, part.T.left(x), backend.matmul(x, x.mT)

    with ways.way_for(A, Y, ways.here(), apart=False).at_work(A) as A:
        if A.by_columns:
            blocks = in_columns.current.get() or in_columns.Blocks(Crew(), WIDTH)
            of_H, N, K = blocks.sum(lambda k: of(k, A.columns(k)), A.shape[1])
        else:
            of_H, N, K = of(slice(None), A)
    # Rows and columns that were left out are zeros of A.
    x, y = H[..., columns.left_out], Wt[..., rows.left_out]
    K = K + backend.matmul(x, x.mT)
    of_H = add(of_H, of_rows(x, G, np.zeros_like(x), on_H))
    of_W = add(of_rows(Y, K, N, on_W), of_rows(y, K, np.zeros_like(y), on_W))
    return of_H, of_W
