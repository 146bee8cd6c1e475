"""How far W and H are from a solution, in one walk through A that threads share.

What is measured of a whole factor would take as much memory as the factor several times, and longer
to make room for than to compute. So the walk goes along the longer side of A, and is done with each
block while that is in cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Frame, Matrix
from ..base import Backend
from . import columns as in_columns
from . import ways
from .shared import in_parts
from .threads import Crew

Floats = NDArray[Any]

WIDTH = 2048
"""Columns of a block of a dense matrix: with factors of usual ranks it stays in cache."""


def squared_violation(
    backend: Backend, X: Floats, plus: Floats, minus: Any, penalty: Any, onto: Any
) -> Any:
    """Squared norm of the projected gradient, from its two parts, in the memory of `plus`."""
    smallest = np.finfo(X.dtype).smallest_normal

    def of(k: slice) -> Any:
        x, gradient = X[..., k], plus[..., k]
        gradient -= minus[..., k]
        gradient += penalty.gradient(x)
        zero = smallest > x
        if zero.any():  # there only what is negative counts
            np.minimum(gradient, 0, out=gradient, where=zero)
        return backend.inner(gradient, gradient)

    return onto + sum(in_parts(of, X.shape[-1], X.size))


def least_squares_violation(
    backend: Backend, A: Matrix, frame: Frame, H: Floats, Wt: Floats, penalties: Any
) -> Any:
    """Squared norm of the projected gradients at H (R, d, n) and Wt (R, d, m), of each run.

    A is what the frame keeps of the matrix that was given; H and Wt are over all of that.
    """
    rows, columns, (on_H, on_W) = frame.rows, frame.columns, penalties
    if rows.size >= columns.size:  # walk along the rows
        A, rows, columns, H, Wt, on_H, on_W = A.T, columns, rows, Wt, H, on_W, on_H
    X: Any = columns.keep(backend, H)
    Y: Any = rows.keep(backend, Wt)

    def violation(x: Floats, G: Any, minus: Any, penalty: Any, onto: Any) -> Any:
        plus: Any = backend.matmul(G, x)
        return squared_violation(backend, x, plus, minus, penalty, onto)

    G: Any = backend.matmul(Wt, Wt.mT)

    def of(block: slice, part: Matrix) -> tuple[Any, Any, Any]:
        x = X[..., block]
        mine = violation(x, G, part.left(Y), on_H, 0.0)
        return mine, part.T.left(x), backend.matmul(x, x.mT)

    with ways.way_for(A, Y, ways.here(), apart=False).at_work(A) as A:
        if A.by_columns:
            blocks = in_columns.current.get() or in_columns.Blocks(Crew(), WIDTH)
            total, N, K = blocks.sum(lambda k: of(k, A.columns(k)), A.shape[1])
        else:
            total, N, K = of(slice(None), A)
    # Rows and columns that were left out are zeros of A.
    x, y = H[..., columns.left_out], Wt[..., rows.left_out]
    K = K + backend.matmul(x, x.mT)
    total = violation(x, G, np.zeros_like(x), on_H, total)
    total = violation(Y, K, N, on_W, total)
    return violation(y, K, np.zeros_like(y), on_W, total)
