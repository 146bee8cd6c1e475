"""The kernels that NumPy is slow at, compiled by numba where it is installed.

Each does the very arithmetic of its form in `kernels`, which stays the reference, in one walk
through memory; and lets other threads run meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ..base import Backend
from . import thin, threads, ways
from .compiled_pivoting import exchange_by_column
from .compiled_terms import divergence_terms
from .shared import in_parts

TILE = 128
"""Columns at a time in coordinate descent, so that what it reads again stays in cache."""

Floats = NDArray[Any]

# 'contract': a multiplication and an addition may be one operation. No other liberty is taken:
# NaN passes through. What numba compiles has no types written: it is compiled for those it meets.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def telling_descend(
    backend: Backend, X: Floats, model: Any, penalty: Any
) -> tuple[Floats, NDArray[np.float64]]:
    """One pass of coordinate descent over the rows of X (R, d, n), and what it met."""
    N = model.N  # l1 joins it in the kernel, without another array of that size
    G = model.columns(slice(0)).with_penalty(backend, penalty).G
    new, met = np.empty_like(X), np.empty((X.shape[0], X.shape[2]))
    l1, least = X.dtype.type(penalty.l1), np.finfo(X.dtype).smallest_normal

    def move(k: slice) -> None:
        _descend(X[..., k], N[..., k], G, l1, least, new[..., k], met[:, k])

    in_parts(move, X.shape[2], X.size)
    return new, met.sum(axis=1)


def descend(backend: Backend, X: Floats, model: Any, penalty: Any) -> Floats:
    """The same, untold: what it met costs next to nothing."""
    return telling_descend(backend, X, model, penalty)[0]


@compiled
def _descend(X, N, G, l1, least, new, met):  # type: ignore[no-untyped-def]
    """The pass; `met` (R, n) is what each column met."""
    runs, d, n = X.shape
    zero = X.dtype.type(0)
    tile = np.zeros((d, TILE), X.dtype)
    rest = np.zeros(TILE, X.dtype)
    total = np.zeros(TILE, X.dtype)
    for r in range(runs):
        for start in range(0, n, TILE):
            width = min(TILE, n - start)
            for j in range(d):
                for c in range(width):
                    tile[j, c] = X[r, j, start + c]
            total[:] = zero
            for k in range(d):
                for c in range(width):
                    rest[c] = N[r, k, start + c] - l1
                # Four rows at a time, so that `rest` is read and written a quarter as often.
                for j in range(0, d - 3, 4):
                    a, b, e, f = G[r, k, j], G[r, k, j + 1], G[r, k, j + 2], G[r, k, j + 3]
                    for c in range(TILE):
                        rest[c] -= (
                            a * tile[j, c]
                            + b * tile[j + 1, c]
                            + e * tile[j + 2, c]
                            + f * tile[j + 3, c]
                        )
                for j in range(d - d % 4, d):
                    a = G[r, k, j]
                    for c in range(TILE):
                        rest[c] -= a * tile[j, c]
                for c in range(TILE):
                    y = rest[c]
                    # Where X is zero, only a gradient that is negative is a violation.
                    y = zero if tile[k, c] < least and y <= zero else abs(y)
                    total[c] += y
                g = G[r, k, k]
                if g > zero:
                    for c in range(TILE):
                        y = tile[k, c] + rest[c] / g
                        tile[k, c] = zero if y < zero else y
                for c in range(width):
                    new[r, k, start + c] = tile[k, c]
            for c in range(width):
                met[r, start + c] = total[c]


def rows_times(backend: Backend, M: Any, X: Floats, into: Floats) -> None:
    """Fill in M X, of a CSR matrix and an X in the order of rows."""
    _rows_times(M.indptr, M.indices, M.data, X, into)


@compiled
def _rows_times(indptr, indices, data, X, into):  # type: ignore[no-untyped-def]
    """Four entries of a row at once, so that what is added to is read and written less often."""
    for i in range(len(into)):
        row, first, end = into[i], indptr[i], indptr[i + 1]
        row[:] = 0
        fours = end - (end - first) % 4
        for e in range(first, fours, 4):
            x, y, z, w = X[indices[e]], X[indices[e + 1]], X[indices[e + 2]], X[indices[e + 3]]
            a, b, f, g = data[e], data[e + 1], data[e + 2], data[e + 3]
            for k in range(len(row)):
                row[k] += a * x[k] + b * y[k] + f * z[k] + g * w[k]
        for e in range(fours, end):
            x, a = X[indices[e]], data[e]
            for k in range(len(row)):
                row[k] += a * x[k]


def stored_parts(
    backend: Backend, A: Any, Y: Floats, X: Floats, floor: float, record: bool
) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """The parts of Kullback and Leibler's divergence from the entries stored, in one walk."""
    kernel = partial(_stored_parts, X.dtype.type(floor), record)
    N, value = through_stored(A, Y, X, [kernel] * len(X))
    if record:
        y, x = (F.sum(axis=-1, dtype=np.float64) for F in (Y, X))
        value = 2 * (value + (y * x).sum(axis=-1))
    return N, Y.sum(axis=-1, keepdims=True), value


def known_rest(
    backend: Backend, A: Any, Y: Floats, X: Floats, record: bool
) -> tuple[Floats, NDArray[np.float64]]:
    """The parts of least squares of what is stored, which is all that is known, in one walk."""
    if not A.by_run:
        return through_stored(A, Y, X, [partial(_known_rest, None)] * len(X))
    kernels = [partial(_known_rest, A.stored_seen(r)) for r in range(len(X))]
    return through_stored(A.matrix, Y, X, kernels)


def through_stored(
    A: Any, Y: Floats, X: Floats, kernels: Sequence[Callable[..., float]]
) -> tuple[Floats, NDArray[np.float64]]:
    """The sums (R, d, n) that the kernel of each run makes of what is stored, and its values."""
    M = A.matrix  # what it stores is in the same order as in its transpose, which shares it
    along_X = M.format == "csc"  # whose rows those of M, as it lies, are
    if along_X:
        M = A.transposed
    runs, d, n = X.shape
    N, value = np.empty((runs, n, d), X.dtype), np.zeros(runs)
    several = ways.here().of_ours(M.nnz * d)
    ends = np.searchsorted(M.indptr, np.linspace(0, M.nnz, several + 1)[1:-1])
    bounds = [*pairwise([0, *ends.tolist(), M.shape[0]])]
    with threads.crew(several) if several > 1 else nullcontext() as crew:
        for r, kernel in enumerate(kernels):
            y, x = (np.ascontiguousarray(F[r].T) for F in (Y, X))
            left, right = (x, y) if along_X else (y, x)
            walk = partial(_walked, kernel, M, left, right, along_X)
            shares = bounds if crew else [(0, M.shape[0])]
            parts, values = zip(*(crew or threads.Crew()).each(walk, shares), strict=True)
            N[r] = np.concatenate(parts) if along_X else sum(parts[1:], parts[0])
            value[r] = sum(values)
    return N.mT, value


def _walked(
    kernel: Callable[..., float], M: Any, left: Floats, right: Floats, along: bool, part: Any
) -> tuple[Floats, float]:
    """What a kernel makes of some rows of M, and its value."""
    into = np.zeros_like(left[slice(*part)] if along else right)
    return into, kernel(M.indptr, M.indices, M.data, left, right, *part, along, into)


# 'reassoc': the sum over a component's entries may be made in parts. NaN still passes through.
summing = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


# Each in one function: what it calls would not be compiled into the same loops.
@summing
def _stored_parts(  # type: ignore[no-untyped-def]
    floor, record, indptr, indices, data, left, right, start, stop, along, into
):
    """Add to `into` what some rows of a CSR matrix contribute; gives Σ d(a | p) − p over them.

    That is for `left`, whose rows these are, if `along`, else for `right`.
    """
    value = 0.0
    for i in range(start, stop):
        for e in range(indptr[i], indptr[i + 1]):
            # In float64: near an exact fit, most of the value cancels against the sum of all of P.
            j, raw = indices[e], 0.0
            for k in range(left.shape[1]):
                raw += np.float64(left[i, k]) * np.float64(right[j, k])
            p = max(raw, np.float64(floor))
            exact = data[e] / p
            if record:
                value += p * (exact * np.log(exact) - (exact - 1)) - raw
            ratio = left.dtype.type(exact)
            if along:
                for k in range(left.shape[1]):
                    into[i - start, k] += ratio * right[j, k]
            else:
                for k in range(left.shape[1]):
                    into[j, k] += ratio * left[i, k]
    return value


@summing
def _known_rest(  # type: ignore[no-untyped-def]
    seen, indptr, indices, data, left, right, start, stop, along, into
):
    """The same of least squares, of all that is stored or is `seen`; gives Σ (a − p)² over it."""
    value = 0.0
    for i in range(start, stop):
        for e in range(indptr[i], indptr[i + 1]):
            if seen is not None and not seen[e]:
                continue
            j, rest = indices[e], data[e]
            for k in range(left.shape[1]):
                rest -= left[i, k] * right[j, k]
            value += rest * rest
            if along:
                for k in range(left.shape[1]):
                    into[i - start, k] += rest * right[j, k]
            else:
                for k in range(left.shape[1]):
                    into[j, k] += rest * left[i, k]
    return value


KERNELS: dict[str, Callable[..., Any]] = {
    "descend": descend,
    "telling_descend": telling_descend,
    "exchange_by_column": exchange_by_column,
    "rows_times": rows_times,
    "stored_parts": stored_parts,
    "known_rest": known_rest,
    "divergence_terms": divergence_terms,
    **thin.KERNELS,
}
