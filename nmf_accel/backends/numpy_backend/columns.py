"""The columns of a factor in blocks: shared out among threads, and small enough to stay in cache.

A block of columns of A is read once in an iteration: for the columns of H that belong to it, and,
while it is in cache, for what these contribute to the model of W.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...matrices import Matrix
from ...types import Array
from ..base import Moving
from . import threads

LARGE = 2**24
"""Bytes of an A that caches do not hold: reading it once an iteration, not twice, is what pays.

With less, what is gained is lost to Python's threads.
"""

SMALL_PART = 1 / 40
"""What the sums of all shares may be, as a part of A: their memory is new in every iteration."""

CACHE = 2**21
"""Bytes of a block of A that stay in the cache of a core until it is read again."""

THINNEST = 8
"""Columns of a block for each row of the factor: else its sum costs more than reading A again."""


class Blocks(NamedTuple):
    """How the columns are taken: in a share for each thread, of blocks of so many columns."""

    shares: int
    width: int


_blocks: ContextVar[Blocks | None] = ContextVar("blocks", default=None)


def blocks_for(runs: int, rank: int, A: Matrix) -> Blocks | None:
    """The blocks in which the columns of `A` are best taken; None for all at once."""
    (m, n), rows = A.shape, runs * rank
    width = max(CACHE // (m * A.dtype.itemsize), THINNEST * rows)
    shares = threads.available()
    sums = shares * rows * (m + rank) * A.dtype.itemsize
    if not A.by_columns or A.nbytes < LARGE or sums > SMALL_PART * A.nbytes or n < shares * width:
        return None
    return Blocks(shares, width)


@contextmanager
def in_blocks(blocks: Blocks | None) -> Iterator[None]:
    """While iterations from here take columns in these blocks."""
    token = _blocks.set(blocks)
    try:
        yield
    finally:
        _blocks.reset(token)


def over_columns(function: Moving, X: Array, along: Any) -> tuple[Array, Any]:
    """`Backend.over_columns`: in blocks where these are set, and pay."""
    blocks = _blocks.get()
    if blocks is None or (isinstance(along, Matrix) and not along.by_columns):
        return function(X, along)
    n, new = X.shape[-1], np.empty_like(X)
    shares = max(min(blocks.shares, n // blocks.width), 1)

    def move(start: int, end: int) -> Any:
        total: Any = None
        count = max(1, round((end - start) / blocks.width))
        for a, b in pairwise(np.linspace(start, end, count + 1).astype(int).tolist()):
            new[..., a:b], part = function(X[..., a:b], along.columns(slice(a, b)))
            total = part if total is None else add(total, part)
        return total

    first, *others = pairwise(np.linspace(0, n, shares + 1).astype(int).tolist())
    if not others:
        return new, move(*first)
    pool = threads.helpers(blocks.shares - 1)
    # In copies of the caller's context, with its np.errstate.
    futures = [pool.submit(copy_context().run, move, *share) for share in others]
    try:
        total = move(*first)
    finally:
        wait(futures)  # also where this was interrupted: they write to `new`
    for future in futures:
        total = add(total, future.result())
    return new, total


def add(x: Any, y: Any) -> Any:
    """The sums of arrays in tuples."""
    if not isinstance(x, tuple):
        return x + y
    sums = [add(a, b) for a, b in zip(x, y, strict=True)]
    return type(x)(*sums) if hasattr(x, "_fields") else tuple(sums)
