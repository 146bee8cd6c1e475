"""How far W and H are from a solution, in one walk through A that threads share.

What is measured of a whole factor would take as much memory as the factor several times, and longer
to make room for than to compute. So the walk goes along the longer side of A, and is done with each
block while that is in cache.
"""

from __future__ import annotations

from contextvars import copy_context
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Dense, Frame, Matrix, Sparse
from ..base import Backend
from . import threads
from .folded import Folded
from .shared import even_rows

Floats = NDArray[Any]

Blocks = list[tuple[slice, Matrix]]
"""Blocks of columns: which they are, and the matrix of them."""

Sums = tuple[Any, Floats, Floats]
"""Of some columns: the violation of H, H Aᵀ, and H Hᵀ."""

WIDTH = 2048
"""Columns of a block of a dense matrix: with factors of usual ranks it stays in cache."""

LEAST_WORK = 2**22
"""Multiplications worth threads of their own in a product with A."""


def squared_violation(
    backend: Backend, X: Floats, plus: Floats, minus: Any, penalty: Any, onto: Any
) -> Any:
    """Squared norm of the projected gradient, from its two parts, in the memory of `plus`."""
    plus -= minus
    plus += penalty.gradient(X)
    smallest = np.finfo(X.dtype).smallest_normal
    zero = smallest > X
    if zero.any():  # there only what is negative counts
        np.minimum(plus, 0, out=plus, where=zero)
    return onto + backend.inner(plus, plus)


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
    G = np.matmul(Wt, Wt.mT)

    def walk(blocks: Blocks) -> Sums:
        total, N, K = 0.0, np.zeros_like(Y), np.zeros_like(G)
        for block, part in blocks:
            x = X[..., block]
            total = squared_violation(backend, x, np.matmul(G, x), part.left(Y), on_H, total)
            N += part.T.left(x)
            K += np.matmul(x, x.mT)
        return total, N, K

    totals, Ns, Ks = zip(*_by_threads(walk, A, H.shape[0] * H.shape[1]), strict=True)
    # Rows and columns that were left out are zeros of A.
    x, y = H[..., columns.left_out], Wt[..., rows.left_out]
    K = sum(Ks) + np.matmul(x, x.mT)
    total = squared_violation(backend, x, np.matmul(G, x), 0, on_H, sum(totals))
    total = squared_violation(backend, Y, np.matmul(K, Y), sum(Ns), on_W, total)
    return squared_violation(backend, y, np.matmul(K, y), 0, on_W, total)


def _by_threads(walk: Any, A: Matrix, rows: int) -> list[Sums]:
    """What a walk finds in each thread's share of the columns of A, for so many rows of factors."""
    several = min(threads.available(), 1 + A.entries * rows // LEAST_WORK)
    shares = _shares(A, several)
    if len(shares) == 1:
        return [walk(shares[0])]
    with threads.pool(several) as pool:
        if pool is None:
            return [walk(share) for share in shares]
        # In copies of the caller's context, with its np.errstate.
        going = [pool.submit(copy_context().run, walk, share) for share in shares]
        return [future.result() for future in going]


def _shares(A: Matrix, several: int) -> list[Blocks]:
    """About equal shares of the columns of A in blocks."""
    n = A.shape[1]
    if isinstance(A, Sparse) and A.matrix.format == "csc":
        return [
            [(block, Sparse(part.T, part, A.library, A.squares))]
            for block, part in even_rows(A.transposed, several)
        ]
    if not isinstance(A, Dense) or isinstance(A, Folded):
        return [[(slice(0, n), A)]]
    several = min(several, -(-n // WIDTH))
    ends = np.linspace(0, n, several + 1).astype(int).tolist()
    return [_blocks(A, *share) for share in pairwise(ends)]


def _blocks(A: Dense, start: int, end: int) -> Blocks:
    """Blocks of columns of a dense matrix."""
    bounds = [slice(k, min(k + WIDTH, end)) for k in range(start, end, WIDTH)]
    return [(block, Dense(A.array[:, block], A.library)) for block in bounds]
