"""What a solver sees of a loss: its model for one factor, the other one given."""

from __future__ import annotations

from functools import lru_cache
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

    def curvature(self, library: Library, X: Array) -> Array:
        """How steeply the gradient of an entry of each row grows with that entry: (R, d, 1)."""

    def columns(self, block: slice) -> Model:
        """The model for some columns of X."""

    def of_some(self, library: Library, X: Array, free: Array, held: Array) -> Model:
        """The model for the rows `free` of X, an index array as is `held`, the other rows."""


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

    def curvature(self, library: Library, X: Array) -> Array:
        """The diagonal of G."""
        diagonal: Array = library.xp.linalg.diagonal(self.G)
        return diagonal[..., None]

    def columns(self, block: slice) -> Quadratic:
        """Those of N."""
        return Quadratic(self.N[..., block], self.G)

    def of_some(self, library: Library, X: Array, free: Array, held: Array) -> Beside:
        """What G has of the free rows, beside what the held ones add."""
        xp = library.xp
        G = xp.take(self.G, free, axis=-2)
        added = library.matmul(xp.take(G, held, axis=-1), xp.take(X, held, axis=-2))
        return Beside(xp.take(self.N, free, axis=-2), xp.take(G, free, axis=-1), added)

    def joined(self) -> Quadratic:
        """Itself: there is nothing beside it."""
        return self

    def with_penalty(self, library: Library, penalty: Penalty) -> Quadratic:
        """The loss and a penalty are quadratic together: N − l1 and G + l2 I."""
        G = self.G
        if penalty.l2 is not None:
            G = G + penalty.l2 * library.xp.eye(G.shape[-1], dtype=G.dtype)
        return Quadratic(self.N - penalty.l1, G)


class Beside(NamedTuple):
    """A quadratic model of some rows of X, beside others that are held.

    Attributes
    ----------
    N : (R, f, n) array
    G : (R, f, f) array
    added : (R, f, n) array
        What the rows that are held add to the gradient.
    """

    N: Array
    G: Array
    added: Array

    @property
    def power(self) -> float:
        """1."""
        return 1.0

    def minus(self) -> Array:
        """N."""
        return self.N

    def plus(self, library: Library, X: Array) -> Array:
        """G X, and what is added."""
        return library.matmul(self.G, X) + self.added

    def curvature(self, library: Library, X: Array) -> Array:
        """The diagonal of G."""
        return Quadratic(self.N, self.G).curvature(library, X)

    def columns(self, block: slice) -> Beside:
        """Those of N, and of what is added."""
        return Beside(self.N[..., block], self.G, self.added[..., block])

    def of_some(self, library: Library, X: Array, free: Array, held: Array) -> Beside:
        """The same of some of its rows."""
        some = Quadratic(self.N, self.G).of_some(library, X, free, held)
        return some._replace(added=some.added + library.xp.take(self.added, free, axis=-2))

    def joined(self) -> Quadratic:
        """For rules that need no parts without a sign: N less what is added."""
        return Quadratic(self.N - self.added, self.G)

    def with_penalty(self, library: Library, penalty: Penalty) -> Quadratic:
        """Both joined, with a penalty."""
        return self.joined().with_penalty(library, penalty)


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
        xp = library.xp
        full: Array = xp.astype(xp.broadcast_to(self.D, self.N.shape), self.N.dtype)
        return full

    def curvature(self, library: Library, X: Array) -> Array:
        """As if all of D grew with X: ‖D_k‖ / ‖X_k‖ over whole rows."""
        kernel = library.kernel("mean_curvature", mean_curvature)
        return kernel(library, self.plus(library, X), X)

    def columns(self, block: slice) -> Split:
        """Those of both."""
        D = self.D if self.D.shape[-1] == 1 else self.D[..., block]
        return type(self)(self.N[..., block], D)

    def of_some(self, library: Library, X: Array, free: Array, held: Array) -> Split:
        """Those of both: what the held rows add is in them."""
        return type(self)(*(library.xp.take(part, free, axis=-2) for part in self))


def mean_curvature(library: Library, plus: Array, X: Array) -> Array:
    """The `curvature` of a model of which no more is known: that of ``plus`` as a multiple of X."""
    xp = library.xp
    wide = (xp.astype(x, xp.float64, copy=False) for x in (plus, X))  # for squares of any number
    own, of_X = (xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True)) for x in wide)
    alive = of_X > 0
    steep: Array = xp.where(alive, own / xp.where(alive, of_X, xp.ones_like(own)), 0 * own)
    found: Array = xp.astype(steep, X.dtype, copy=False)
    return found


@lru_cache
def split(power: float) -> type[Split]:
    """`Split` for a loss whose updates have that power."""
    return type("Split", (Split,), {"power": power, "__slots__": ()})
