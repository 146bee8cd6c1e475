"""How far W and H are from a solution, in one walk through A that threads share.

What is measured of a whole factor would take as much memory as the factor several times, and longer
to make room for than to compute. So the walk goes along the longer side of A, and is done with each
block while that is in cache.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Dense, Frame, Matrix, Sparse
from ..base import Backend
from . import threads
from .folded import Folded
from .shared import Crew, in_parts, share, sharing

Floats = NDArray[Any]

Blocks = list[tuple[slice, Matrix]]
"""Blocks of columns: which they are, and the matrix of them."""

Sums = tuple[Any, Floats, Floats]
"""Of some columns: the violation of H, H Aᵀ, and H Hᵀ."""

WIDTH = 2048
"""Columns of a block of a dense matrix: with factors of usual ranks it stays in cache."""

LEAST_WORK = 2**22
"""Multiplications in a product with A that are worth a thread."""


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

    def walk(blocks: Blocks) -> Sums:
        total, N, K = 0.0, np.zeros_like(Y), np.zeros_like(G)
        for block, part in blocks:
            x = X[..., block]
            total = violation(x, G, part.left(Y), on_H, total)
            N += part.T.left(x)
            K += backend.matmul(x, x.mT)
        return total, N, K

    totals, Ns, Ks = zip(*_walked(walk, A, H.shape[0] * H.shape[1]), strict=True)
    # Rows and columns that were left out are zeros of A.
    x, y = H[..., columns.left_out], Wt[..., rows.left_out]
    K = sum(Ks) + backend.matmul(x, x.mT)
    total = violation(x, G, np.zeros_like(x), on_H, sum(totals))
    total = violation(Y, K, sum(Ns), on_W, total)
    return violation(y, K, np.zeros_like(y), on_W, total)


def _walked(walk: Callable[[Blocks], Sums], A: Matrix, rows: int) -> list[Sums]:
    """What a walk through A finds, by each thread, with so many rows of factors."""
    whole: Blocks = [(slice(0, A.shape[1]), A)]
    several = min(threads.available(), A.entries * rows // LEAST_WORK)
    if several < 2 or not isinstance(A, Dense | Sparse) or isinstance(A, Folded):
        return [walk(whole)]
    with threads.pool(several) as pool:
        if pool is None:
            return [walk(whole)]
        if isinstance(A, Dense):
            return Crew(pool, several).each(walk, _shares(A, several))
        with sharing(pool, several) as crew:
            return [walk([(whole[0][0], share(A, crew))])]


def _shares(A: Dense, several: int) -> list[Blocks]:
    """About equal shares of the columns of a dense matrix, in blocks."""
    ends = np.linspace(0, A.shape[1], several + 1).astype(int).tolist()
    shares: list[Blocks] = []
    for start, end in pairwise(ends):
        blocks = [slice(k, min(k + WIDTH, end)) for k in range(start, end, WIDTH)]
        shares.append([(k, Dense(A.array[:, k], A.library)) for k in blocks])
    return shares
