"""A walk through P = YᵀX for a β-divergence: in blocks that stay in cache, by threads of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Matrix
from ..base import Backend, add
from . import threads, ways

Floats = NDArray[Any]

BLOCK = 2**15
"""Entries of a block: a few arrays of that size stay in the cache of a core."""

LEAST_SIDE = 16
"""Least side of a block: with fewer rows or columns, its products are slow."""

NEAR_ONE = 0.5
"""As `losses.divergences` has it."""


def divergence_parts(
    backend: Backend, A: Matrix, Y: Floats, X: Floats, floor: float, beta: float, record: bool
) -> tuple[Floats, Floats, Floats]:
    """Y (A ∘ P^(β−2)) and Y P^(β−1), each (R, d, n) or alike, and twice the divergence (R,)."""
    a: Any = A.rows(slice(None))
    # Along the rows of A as it lies in memory: if those are its columns, along X.
    swapped = A.lies_by_columns
    if swapped:
        a = a.T
    longer = int(a.shape[1] > a.shape[0])
    several = min(ways.here().of_ours(a.size * Y.shape[1]), -(-a.shape[longer] // LEAST_SIDE))
    N, D, total = np.empty_like(X), np.empty_like(X), np.zeros(len(X))
    with threads.crew(several) if several > 1 else nullcontext() as crew:
        shares = threads.parts(0, a.shape[longer], several if crew else 1)
        for r, (y, x) in enumerate(zip(Y, X, strict=True)):
            sides = (x, y) if swapped else (y, x)
            walk = Walk(a, *sides, longer, int(not swapped), floor, beta, record)
            parts = (crew or threads.Crew()).each(walk.through, shares)
            if walk.target == longer:  # each share has its own columns of N and D
                for k, (n, d, value) in zip(shares, parts, strict=True):
                    N[r][:, k], D[r][:, k] = n, d
                    total[r] += value
            else:
                N[r], D[r], total[r] = reduce(add, parts)
    # With β = 1, P^(β−1) is one everywhere.
    return N, Y.sum(axis=-1, keepdims=True) if beta == 1 else D, 2 * total


@dataclass(frozen=True)
class Walk:
    """A walk through a matrix and P = leftᵀ right beside it, for one run.

    Attributes
    ----------
    a : (m, n) array
    left, right : (d, m) and (d, n) arrays
    longer : int
        The longer side of `a`, 0 or 1, of which threads have a share each.
    target : int
        The side for whose factor N and D are: 0 for `left`.
    floor, beta : float
    record : bool
        Whether the divergence is wanted.
    """

    a: Floats
    left: Floats
    right: Floats
    longer: int
    target: int
    floor: float
    beta: float
    record: bool

    def through(self, share: slice) -> tuple[Floats, Floats, float]:
        """What a share of the longer side gives for N and D, and its divergence."""
        sides = [slice(0, size) for size in self.a.shape]
        sides[self.longer] = share
        own = sides[self.target]
        N = np.zeros((len(self.left), own.stop - own.start), self.a.dtype)
        D, total = np.zeros_like(N), 0.0
        for block, Q, B, value in self.blocks(*sides):
            here = slice(block[self.target].start - own.start, block[self.target].stop - own.start)
            y = self.left[:, block[0]] if self.target else self.right[:, block[1]]
            N[:, here] += y @ (Q if self.target else Q.T)
            if B is not None:
                D[:, here] += y @ (B if self.target else B.T)
            total += value
        return N, D, total

    def blocks(
        self, rows: slice, columns: slice
    ) -> Iterator[tuple[tuple[slice, slice], Floats, Floats | None, float]]:
        """Of each block: where it is, a P^(β−2), P^(β−1) but for β = 1, and its divergence."""
        floor, beta, value = self.a.dtype.type(self.floor), self.beta, 0.0
        height = max(BLOCK // (columns.stop - columns.start), LEAST_SIDE)
        width = BLOCK // height
        work = np.empty((4, BLOCK), self.a.dtype)
        for start in range(rows.start, rows.stop, height):
            i = slice(start, min(start + height, rows.stop))
            for first in range(columns.start, columns.stop, width):
                j = slice(first, min(first + width, columns.stop))
                a = self.a[i, j]
                P, Q, B, log = (x[: a.size].reshape(a.shape) for x in work)
                np.matmul(self.left[:, i].T, self.right[:, j], out=P)
                if self.record:
                    value = unreckoned(a, P, floor, beta)
                np.maximum(P, floor, out=P)
                np.divide(a, P, out=Q)
                if self.record:
                    value += deviance(Q, P, B, log, beta)
                if beta == 1:
                    yield (i, j), Q, None, value
                    continue
                if beta == 0:
                    np.reciprocal(P, out=B)
                else:
                    np.power(P, P.dtype.type(beta - 1), out=B)
                np.multiply(Q, B, out=Q)
                yield (i, j), Q, B, value


def unreckoned(a: Floats, P: Floats, floor: Any, beta: float) -> float:
    """What d(0 | p) is more for p than for `floor`, where p is less."""
    if P.min() >= floor or beta <= 0:
        return 0.0
    below = P[(floor > P) & (a == 0)].astype(np.float64)
    return float((below**beta - np.float64(floor) ** beta).sum()) / beta


def deviance(ratio: Floats, P: Floats, y: Floats, log: Floats, beta: float) -> float:
    """Σ d(a | p) from a / p and p, in the memory of `y` and `log`; see `losses.divergences`."""
    np.subtract(ratio, 1, out=y)
    if beta == 0:
        np.log(ratio, out=log)
        np.subtract(y, log, out=log)
        return float(log.sum(axis=-1).sum(dtype=np.float64))
    if abs(beta - 1) < NEAR_ONE:
        np.maximum(ratio, np.finfo(ratio.dtype).smallest_normal, out=log)
        np.log(log, out=log)
        if beta != 1:
            np.multiply(log, beta - 1, out=log)
            np.expm1(log, out=log)
            np.divide(log, beta - 1, out=log)
        np.multiply(log, ratio, out=log)
        np.subtract(log, y, out=log)
        scale = beta
    else:
        with np.errstate(divide="ignore"):
            np.log(ratio, out=log)
        np.multiply(log, beta, out=log)
        np.expm1(log, out=log)  # −1 where a is zero
        np.multiply(y, beta, out=y)
        np.subtract(log, y, out=log)
        scale = beta * (beta - 1)
    weights = P if beta == 1 else np.power(P, P.dtype.type(beta), out=y)
    return float(np.vecdot(log, weights).sum(dtype=np.float64)) / scale
