"""Components that are held: columns of W, or rows of H, that are known and stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..backends.base import Backend
from ..losses import Loss, Penalty
from ..matrices import Known, Matrix, Partly
from ..solvers import Telling
from ..starts import Factors
from ..types import Array, Library

if TYPE_CHECKING:
    from .problem import Problem

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Fixed:
    """What is held, as it was given: by default nothing.

    Attributes
    ----------
    W : (m, k) array, optional
        The first k columns of W. One that is NaN throughout is learned, as are those that follow.
    H : (k, n) array, optional
        Likewise the first rows of H.
    names : tuple of str, optional
        What the first components are called.
    """

    W: NDArray[Any] | None = None
    H: NDArray[Any] | None = None
    names: tuple[str, ...] | None = None

    def __bool__(self) -> bool:
        """Whether anything is held."""
        return self.W is not None or self.H is not None

    def masks(self, rank: int) -> tuple[Mask, Mask]:
        """Which of so many components are held in H, and which in W."""
        masks = np.zeros((2, rank), dtype=bool)
        for mask, rows in zip(masks, self._rows, strict=True):
            mask[: len(rows)] = ~np.isnan(rows).any(axis=1)
        return masks[0], masks[1]

    def into(self, A: Matrix, W0: Array, H0: Array) -> tuple[Array, Array]:
        """Starts W0 (R, m, d) and H0 (R, d, n) with what is held in its place, on the device."""
        if not self:
            return W0, H0
        H, Wt = A.beside(H0, columns=-1), A.beside(W0, rows=-2).mT
        parts = zip((A, A.T), (H, Wt), self._rows, self.masks(H.shape[1]), strict=True)
        H, Wt = (_with_rows(*part) for part in parts)
        return Wt.mT, H

    def scaled(self, W0: NDArray[Any], H0: NDArray[Any]) -> Factors:
        """A drawn start W0 (m, d), H0 (d, n) to the scale of what is held.

        Where a component is held in one factor, its line of the other is made as large as makes
        up for that, or the first error, to which `tol` is relative, would be that of the scale.
        """
        in_H, in_W = self.masks(len(H0))
        for own, other, rows, held in (
            (W0.T, H0, self._rows[1], in_W & ~in_H),
            (H0, W0.T, self._rows[0], in_H & ~in_W),
        ):
            for k in np.flatnonzero(held):
                if size := rows[k].mean():
                    other[k] *= own[k].mean() / size
        return W0, H0

    @property
    def _rows(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Those of H, and the columns of W."""
        none = np.zeros((0, 0))
        return none if self.H is None else self.H, none if self.W is None else self.W.T


def _with_rows(A: Matrix, X: Array, rows: NDArray[Any], held: Mask) -> Array:
    """X (R, d, n) with those of its first rows that are held."""
    if not held.any():
        return X
    values = np.zeros(X.shape[1:])
    values[held] = rows[held[: len(rows)]]
    xp = A.library.xp
    whole: Array = xp.where(xp.asarray(held[:, None]), A.beside(values, columns=-1), X)
    return whole


class Learned(Protocol):
    """Which components of a factor are learned."""

    @property
    def any(self) -> bool:
        """Whether any is."""

    def moved(
        self, rule: Telling, backend: Backend, X: Array, model: Any, penalty: Penalty
    ) -> tuple[Array, Any]:
        """X (R, d, n) moved by a rule, and what that told."""

    def mask(self, library: Library) -> Array | None:
        """1 where a component is learned, 0 where not, (d,); None for all."""


class All(NamedTuple):
    """All of them."""

    @property
    def any(self) -> bool:
        """See `Learned`."""
        return True

    def moved(
        self, rule: Telling, backend: Backend, X: Array, model: Any, penalty: Penalty
    ) -> tuple[Array, Any]:
        """See `Learned`."""
        return rule(backend, X, model, penalty)

    def mask(self, library: Library) -> None:
        """See `Learned`."""
        return None


class Some(NamedTuple):
    """Some of them; the rule never sees the others but for what they add to the model.

    Attributes
    ----------
    free, held : index arrays
        Those that are learned, and those that are not.
    order : (d,) index array
        Where each of all stands among the former and then the latter.
    """

    free: Array
    held: Array
    order: Array

    @classmethod
    def but(cls, held: Mask, backend: Backend) -> Some:
        """All but those."""
        free, rest = np.flatnonzero(~held), np.flatnonzero(held)
        order = np.argsort(np.concatenate([free, rest]))
        return cls(*(backend.xp.asarray(x) for x in (free, rest, order)))

    @property
    def any(self) -> bool:
        """See `Learned`."""
        return True

    def moved(
        self, rule: Telling, backend: Backend, X: Array, model: Any, penalty: Penalty
    ) -> tuple[Array, Any]:
        """See `Learned`."""
        xp = backend.xp
        some = model.of_some(backend, X, self.free, self.held)
        own, told = rule(backend, xp.take(X, self.free, axis=1), some, penalty)
        whole: Array = xp.concat([own, xp.take(X, self.held, axis=1)], axis=1)
        return xp.take(whole, self.order, axis=1), told

    def mask(self, library: Library) -> Array:
        """See `Learned`."""
        mask: Array = library.xp.astype(self.order < self.free.shape[0], library.xp.float64)
        return mask


class Nothing(NamedTuple):
    """None: the factor is held.

    Attributes
    ----------
    none : (d,) array
        Zeros.
    """

    none: Array

    @property
    def any(self) -> bool:
        """See `Learned`."""
        return False

    def moved(
        self, rule: Telling, backend: Backend, X: Array, model: Any, penalty: Penalty
    ) -> tuple[Array, Any]:
        """See `Learned`."""
        return X, None

    def mask(self, library: Library) -> Array:
        """See `Learned`."""
        return self.none


class Held(NamedTuple):
    """What a step knows of components that are held.

    Attributes
    ----------
    H, W : Learned
        Which components of each factor are learned.
    products : pair of Known, optional
        What the products with A, and with its transpose, need not compute.
    """

    H: Learned = All()
    W: Learned = All()
    products: tuple[Known, Known] | None = None

    def matrix(self, A: Matrix) -> Matrix:
        """A, whose products compute no more than they need."""
        return A if self.products is None else Partly(A, *self.products)


NOTHING_HELD = Held()


def held_in(problem: Problem, loss: Loss, rank: int) -> Held:
    """What is held in a loop of a problem at a rank."""
    if not problem.fixed:
        return NOTHING_HELD
    backend, frame = problem.backend, problem.frame
    in_H, in_W = problem.fixed.masks(rank)
    held = Held(learned_of(in_H, backend), learned_of(in_W, backend))
    if not loss.exact:
        return held
    m, n = problem.shape
    W, H = problem.fixed.into(problem.A, np.zeros((1, m, rank)), np.zeros((1, rank, n)))
    Wt, H = frame.rows.keep(backend, W.mT), frame.columns.keep(backend, H)
    with_A = Known.of(in_W, in_H, backend).multiplied(problem.A, Wt)
    with_AT = Known.of(in_H, in_W, backend).multiplied(problem.A.T, H)
    return held._replace(products=(with_A, with_AT))


def learned_of(held: Mask, backend: Backend) -> Learned:
    """Which components are learned where some are held."""
    if held.all():
        return Nothing(backend.xp.zeros(held.size, dtype=backend.xp.float64))
    return Some.but(held, backend) if held.any() else All()
