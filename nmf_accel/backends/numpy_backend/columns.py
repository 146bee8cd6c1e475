"""The columns of a factor in blocks: shared out among threads, and small enough to stay in cache.

A block of columns of A is read once in an iteration: for the columns of H that belong to it, and,
while it is in cache, for what these contribute to the model of W.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ...matrices import Matrix
from ...types import Array, add
from ..base import Moving
from .threads import Crew, parts


class Blocks(NamedTuple):
    """How the columns are taken: in a share for each of a crew, of blocks of so many columns."""

    crew: Crew
    width: int

    def sum(self, function: Callable[[slice], Any], size: int) -> Any:
        """The sum, in a fixed order, of what a function makes of each block."""

        def of(share: slice) -> Any:
            blocks = max(1, round((share.stop - share.start) / self.width))
            return reduce(add, map(function, parts(share.start, share.stop, blocks)))

        shares = max(min(self.crew.several, size // self.width), 1)
        return reduce(add, self.crew.each(of, parts(0, size, shares)))


current: ContextVar[Blocks | None] = ContextVar("blocks", default=None)
"""The blocks in which iterations from here take columns."""


def over_columns(function: Moving, X: Array, along: Any) -> tuple[Array, Any]:
    """`Backend.over_columns`: in blocks where these are set, and pay."""
    blocks = current.get()
    if blocks is None or (isinstance(along, Matrix) and not along.by_columns):
        return function(X, along)
    new = np.empty_like(X)

    def move(block: slice) -> Any:
        new[..., block], part = function(X[..., block], along.columns(block))
        return part

    return new, blocks.sum(move, X.shape[-1])
