"""A walk through P = YᵀX beside A: in blocks that stay in cache, by threads of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Matrix
from ...types import add
from . import threads, ways

Floats = NDArray[Any]

Block = tuple[slice, slice]
"""Some rows and some columns."""

Terms = Callable[[Floats, Floats, Floats | None, list[Floats]], tuple[Floats, Floats | None, float]]
"""``(a, P, weights, work) -> Q, B, value`` of a block: what the products are made with, the value.

B is None where there is one product only. P and the arrays `work` may be overwritten.
"""

SPACE = 2**22
"""Bytes that each thread has for P and `work`: they stay in cache, and Python's part is small."""

LEAST_SIDE = 64
"""Least side of a block: with fewer rows or columns, its products are slow."""


def walked(
    A: Matrix, Y: Floats, X: Floats, terms: Terms, arrays: int = 4
) -> tuple[Floats, Floats, Floats]:
    """Y Q and Y B, each (R, d, n), and the value of each run (R,).

    `arrays` is how many `terms` works in, P among them.
    """
    a: Any = A.rows(slice(None))
    # Along the rows of A as it lies in memory: if those are its columns, along X.
    swapped = A.lies_by_columns
    if swapped:
        a = a.T
    longer = int(a.shape[1] > a.shape[0])
    # A BLAS that cannot be held shares the products itself.
    machine = ways.here()
    several = machine.of_ours(a.size * Y.shape[1]) if machine.holds else 1
    several = min(several, -(-a.shape[longer] // LEAST_SIDE))
    N, D, total = np.empty_like(X), np.empty_like(X), np.zeros(len(X))
    with threads.crew(several) if several > 1 else nullcontext() as crew:
        shares = threads.parts(0, a.shape[longer], several if crew else 1)
        for r, (y, x) in enumerate(zip(Y, X, strict=True)):
            weights, sides = A.weights_of(r), (y, x)
            if swapped:
                weights, sides = None if weights is None else weights.T, (x, y)
            walk = Walk(a, weights, *sides, longer, int(not swapped), terms, arrays)
            parts = (crew or threads.Crew()).each(walk.through, shares)
            if walk.target == longer:  # each share has its own columns of N and D
                for k, (n, d, value) in zip(shares, parts, strict=True):
                    N[r][:, k], D[r][:, k] = n, d
                    total[r] += value
            else:
                N[r], D[r], total[r] = reduce(add, parts)
    return N, D, total


@dataclass(frozen=True)
class Walk:
    """A walk through a matrix and P = leftᵀ right beside it, for one run.

    Attributes
    ----------
    a : (m, n) array
    weights : (m, n) array, optional
    left, right : (d, m) and (d, n) arrays
    longer : int
        The longer side of `a`, 0 or 1, of which threads have a share each.
    target : int
        The side for whose factor N and D are: 0 for `left`.
    terms : callable
    arrays : int
        How many it works in, P among them.
    """

    a: Floats
    weights: Floats | None
    left: Floats
    right: Floats
    longer: int
    target: int
    terms: Terms
    arrays: int

    def through(self, share: slice) -> tuple[Floats, Floats, float]:
        """What a share of the longer side gives for N and D, and its value."""
        sides = [slice(0, size) for size in self.a.shape]
        sides[self.longer] = share
        own = sides[self.target]
        N = np.zeros((len(self.left), own.stop - own.start), self.a.dtype)
        D, total = np.zeros_like(N), 0.0
        # Two arrays at least, or what is a block for one would be as large as all of its cache.
        entries = SPACE // (max(self.arrays, 2) * self.a.itemsize)
        work = np.empty((self.arrays, entries), self.a.dtype)
        # NumPy's own products, which it takes for one component, are slow.
        product = np.multiply if len(self.left) == 1 else np.matmul
        for block in blocks(sides[0], sides[1], entries):
            i, j = block
            a, weights = self.a[i, j], None if self.weights is None else self.weights[i, j]
            P, *others = (x[: a.size].reshape(a.shape) for x in work)
            product(self.left[:, i].T, self.right[:, j], out=P)
            Q, B, value = self.terms(a, P, weights, others)
            here = slice(block[self.target].start - own.start, block[self.target].stop - own.start)
            y = self.left[:, i] if self.target else self.right[:, j]
            for into, terms in ((N, Q), (D, B)):
                if terms is not None:
                    into[:, here] += y @ (terms if self.target else terms.T)
            total += value
        return N, D, total


def blocks(rows: slice, columns: slice, entries: int) -> Iterator[Block]:
    """The blocks of some rows and columns, each of at most so many entries."""
    height = max(entries // (columns.stop - columns.start), LEAST_SIDE)
    width = entries // height
    for i in range(rows.start, rows.stop, height):
        for j in range(columns.start, columns.stop, width):
            yield slice(i, min(i + height, rows.stop)), slice(j, min(j + width, columns.stop))
