"""What a solver sees of a loss: its model for one factor, the other one given."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

from ..types import Array, Library
from .penalties import Penalty


class Model(Protocol):
    """The loss as a function of the factor X (R, d, n), the other one, Y (R, d, m), given.

    A solver sees no more of A than this: the two non-negative parts of the gradient with respect
    to X. Penalties are no part of it. It is a plain tuple of arrays, so that it passes through a
    compiler, and a sum over the rows of A.
    """

    @property
    def power(self) -> float:
        """Of ``minus / plus``, with which a multiplicative update never raises the loss."""

    def minus(self) -> Array:
        """The part of the gradient that is subtracted, (R, d, n)."""

    def plus(self, library: Library, X: Array) -> Array:
        """The part that is added, at X; an array of its own, which may be overwritten."""

    def columns(self, block: slice) -> Model:
        """The model for some columns of X."""


class Quadratic(NamedTuple):
    """The model of a least-squares loss ½‖A − YᵀX‖²: its gradient is G X − N.

    Attributes
    ----------
    N : (R, d, n) array
        Y A.
    G : (R, d, d) array
        Y Yᵀ.
    """

    N: Array
    G: Array

    @property
    def power(self) -> float:
        """1."""
        return 1.0

    def minus(self) -> Array:
        """N."""
        return self.N

    def plus(self, library: Library, X: Array) -> Array:
        """G X."""
        return library.matmul(self.G, X)

    def columns(self, block: slice) -> Quadratic:
        """Those of N."""
        return Quadratic(self.N[..., block], self.G)

    def with_penalty(self, library: Library, penalty: Penalty) -> Quadratic:
        """The loss and a penalty are quadratic together: N − l1 and G + l2 I."""
        G = self.G
        if penalty.l2 is not None:
            G = G + penalty.l2 * library.xp.eye(G.shape[-1], dtype=G.dtype)
        return Quadratic(self.N - penalty.l1, G)


class Split(NamedTuple):
    """The model of a loss that is no quadratic, right where it was made.

    Attributes
    ----------
    N : (R, d, n) array
        The part of the gradient that is subtracted.
    D : (R, d, n) array
        The part that is added; (R, d, 1) where it is alike for all columns.
    """

    N: Array
    D: Array

    @property
    def power(self) -> float:
        """1."""
        return 1.0

    def minus(self) -> Array:
        """N."""
        return self.N

    def plus(self, library: Library, X: Array) -> Array:
        """D, in full."""
        full: Array = self.D + library.xp.zeros_like(self.N)
        return full

    def columns(self, block: slice) -> Split:
        """Those of both."""
        D = self.D if self.D.shape[-1] == 1 else self.D[..., block]
        return type(self)(self.N[..., block], D)


@cache
def split(power: float) -> type[Split]:
    """`Split` for a loss whose updates have that power."""
    return type("Split", (Split,), {"power": power, "__slots__": ()})
