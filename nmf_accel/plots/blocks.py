"""Large matrices made small enough for a page, by what is largest in each block, or the mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..matrices import is_sparse
from .drawing import Floats

LARGEST_HEATMAP = 800
"""Rows and columns that are drawn."""
LARGEST_PRODUCT = 200_000_000
"""Entries of W H that are looked at: in some seconds."""


def steps(shape: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns share a pixel."""
    return -(-shape[0] // LARGEST_HEATMAP), -(-shape[1] // LARGEST_HEATMAP)


def _along(pick: np.ufunc, x: Floats, size: int, axis: int) -> Floats:
    """Of each `size` lines that follow one another, what `pick` picks."""
    reduced: Floats = pick.reduceat(x, np.arange(0, x.shape[axis], size), axis=axis)
    return reduced


def largest(x: Any) -> Floats:
    """The maximum of each block of a matrix; NaN where nothing is known of a block.

    Every how many-th line to draw would be simpler, but a peak between two of those would vanish.
    """
    down, across = steps(x.shape)
    if is_sparse(x):
        stored, rows, columns = x.tocoo(), *(-(-x.shape[k] // (down, across)[k]) for k in (0, 1))
        found = np.zeros((rows, columns))
        np.fmax.at(found, (stored.row // down, stored.col // across), stored.data.astype(float))
        return found
    bands = [np.asarray(x[k : k + down], dtype=float) for k in range(0, len(x), down)]
    return np.vstack([_along(np.fmax, _along(np.fmax, x, down, 0), across, 1) for x in bands])


def averages(x: Floats) -> Floats:
    """The mean of each block of a matrix."""
    down, across = steps(x.shape)
    sums = _along(np.add, _along(np.add, x, down, 0), across, 1)
    rows, columns = (
        np.diff(np.r_[0:n:size, n]) for n, size in zip(x.shape, (down, across), strict=True)
    )
    return sums / np.outer(rows, columns)


class Compared(NamedTuple):
    """W H and A − W H, in blocks.

    Attributes
    ----------
    product : array
        The maximum of each block of W H.
    rest : array
        Of each block of A − W H the entry of largest magnitude; NaN where nothing of A is known.
    thinned : int
        Every how many-th row and column was looked at; 1 for all.
    size : (int, int)
        Rows and columns of A that a block stands for.
    """

    product: Floats
    rest: Floats
    thinned: int
    size: tuple[int, int]


def compare(A: Any, W: Floats, H: Floats) -> Compared:
    """W H and A − W H, neither of which is made as a whole."""
    m, n = A.shape
    thinned = max(1, int(np.ceil(np.sqrt(m * n / LARGEST_PRODUCT))))
    if thinned > 1:
        A = A.tocsr()[::thinned][:, ::thinned] if is_sparse(A) else A[::thinned, ::thinned]
        W, H = W[::thinned], H[:, ::thinned]
    down, across = steps(A.shape)
    products, rests = [], []
    for part, rows in _bands(A, W, down):
        product = rows @ H
        high, low = (
            _along(pick, _along(pick, part - product, down, 0), across, 1)
            for pick in (np.fmax, np.fmin)
        )
        products.append(_along(np.maximum, _along(np.maximum, product, down, 0), across, 1))
        rests.append(np.where(-low > high, low, high))
    return Compared(
        np.vstack(products), np.vstack(rests), thinned, (down * thinned, across * thinned)
    )


def _bands(A: Any, W: Floats, down: int) -> Iterator[tuple[Floats, Floats]]:
    """The rows of A that share a row of pixels, dense, and those of W."""
    A = A.tocsr() if is_sparse(A) else A
    for k in range(0, A.shape[0], down):
        part = A[k : k + down]
        dense = part.toarray() if is_sparse(part) else part
        yield np.asarray(dense, dtype=float), W[k : k + down]
