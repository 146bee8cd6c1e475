"""A sparse matrix whose products threads share, where these are most of the work.

While BLAS is held to one thread for that, ours share the dense products beside them as well. All
of these lie by columns, (n, d) in the order of rows seen as (d, n), since so scipy multiplies:
to turn a factor over would take as long as half a product.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Sparse
from ...types import Array, Library
from .threads import Crew, parts, tells, walking

LEAST_ENTRIES = 2**17
"""Entries of a dense array worth threads: less than that takes less time than to wake them."""

current: ContextVar[Crew | None] = ContextVar("crew", default=None)
"""The threads that share what goes through `in_parts`."""


def in_parts(function: Callable[[slice], Any], size: int, entries: int) -> list[Any]:
    """What a function makes of each part of an axis of so large arrays; mostly one of all."""
    crew = current.get() or walking.get()
    if crew is None or entries < LEAST_ENTRIES:
        return [function(slice(0, size))]
    return crew.each(function, parts(0, size, crew.several))


def matmul(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The matrix product; of a crew each one takes some columns of `b`, or the sum over some."""
    if current.get() is None:
        product: NDArray[Any] = np.matmul(a, b)
        return product
    # Where BLAS could not be held, it may share the product itself.
    (length, columns), entries = b.shape[-2:], b.size if tells() else 0
    if length > columns:
        sums = in_parts(lambda k: np.matmul(a[..., k], b[..., k, :]), length, entries)
        total: NDArray[Any] = sum(sums[1:], sums[0])
        return total
    out = np.empty((*a.shape[:-2], columns, a.shape[-2]), np.result_type(a, b)).mT
    in_parts(lambda k: np.matmul(a, b[..., k], out=out[..., k]), columns, entries)
    return out


def inner(x: NDArray[Any], y: NDArray[Any]) -> Any:
    """Sum of x * y over the last two axes, in float64; by columns where a crew is at work."""
    if current.get() is not None:
        x, y = x.mT, y.mT
    return np.sum(np.vecdot(x, y), axis=-1, dtype=np.float64)


@dataclass(frozen=True, eq=False, repr=False)
class Shared(Sparse):
    """A sparse matrix whose products threads share.

    Attributes
    ----------
    blocks : tuple of (slice, CSR matrix)
        Blocks of rows, or, `sideways`, the transposes of blocks of columns.
    """

    blocks: tuple[tuple[slice, Any], ...]
    sideways: bool
    crew: Crew

    @property
    def T(self) -> Shared:
        """The transpose, not copied."""
        whole = (self.transposed, self.matrix, self.library, self.squares)
        return Shared(*whole, self.blocks, not self.sideways, self.crew)

    def times(self, Y: Array) -> Array:
        """Y A, dense and in the order of columns, for a dense Y (k, m): (k, n)."""
        Yt = _turned(np.asarray(Y))
        if self.sideways:
            Nt = np.empty((self.shape[1], Y.shape[0]), Y.dtype)
            rows_times = self.library.kernel("rows_times", multiply_rows)
            self.crew.each(lambda x: rows_times(self.library, x[1], Yt, Nt[x[0]]), self.blocks)
            return Nt.T
        products = self.crew.each(lambda x: x[1].T @ Yt[x[0]], self.blocks)
        total: NDArray[Any] = products[0]

        def add(k: slice) -> None:
            for product in products[1:]:
                total[k] += product[k]

        in_parts(add, len(total), total.size)
        return total.T


def multiply_rows(library: Library, M: Any, X: NDArray[Any], into: NDArray[Any]) -> None:
    """Fill in M X, of a CSR matrix and an X in the order of rows."""
    into[:] = M @ X


def _turned(Y: NDArray[Any]) -> NDArray[Any]:
    """The transpose in the order of rows, not copied if it is."""
    if Y.flags.f_contiguous:
        return Y.T
    Yt = np.empty(Y.shape[::-1], Y.dtype)

    def turn(k: slice) -> None:
        Yt[k] = Y[:, k].T

    in_parts(turn, len(Yt), Yt.size)
    return Yt


def share(A: Sparse, crew: Crew) -> Shared:
    """A sparse matrix in blocks with about as many entries stored each."""
    sideways = A.matrix.format == "csc"
    M = A.transposed if sideways else A.matrix
    ends = np.searchsorted(M.indptr, np.linspace(0, M.nnz, crew.several + 1)[1:-1])
    bounds = pairwise([0, *ends.tolist(), M.shape[0]])
    blocks = tuple((slice(a, b), _rows(M, a, b)) for a, b in bounds if a < b)
    return Shared(A.matrix, A.transposed, A.library, A.squares, blocks, sideways, crew)


def _rows(M: Any, a: int, b: int) -> Any:
    """Rows of a CSR matrix, not copied."""
    start, end = M.indptr[a], M.indptr[b]
    part = type(M)((b - a, M.shape[1]), dtype=M.dtype)
    part.data, part.indices = M.data[start:end], M.indices[start:end]
    part.indptr = M.indptr[a : b + 1] - start
    return part
