"""What the compiled walks of `compiled_walk` are given, and work in."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Rule(NamedTuple):
    """How a factor is moved; numbers are of its dtype.

    Attributes
    ----------
    multiplicative : bool
        By a multiplicative update, or else a pass of coordinate descent.
    l1, l2 : float
        The penalty.
    least : float
        The smallest normal number.
    """

    multiplicative: bool
    l1: Any
    l2: Any
    least: Any


class Ahead(NamedTuple):
    """How what was moved is moved on.

    Attributes
    ----------
    moves : bool
        Whether it is at all.
    push : float
        By so much of its step.
    before : (d, n) array
        From there.
    """

    moves: bool
    push: Any
    before: NDArray[Any]


class Space(NamedTuple):
    """Where tiles are moved.

    Attributes
    ----------
    tile, old : (d, TILE) arrays
        Columns of a factor as they are moved, and as they were.
    rest : (TILE,) array
        What becomes the gradient of one row.
    part : (4, TILE) array
        A part of a sum for four rows.
    """

    tile: NDArray[Any]
    old: NDArray[Any]
    rest: NDArray[Any]
    part: NDArray[Any]
