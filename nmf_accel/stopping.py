"""When a run is done: what is measured, when it is met, and the sentence that says so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .losses import Model, Penalty, residual, squares
from .solvers import Quiet, Solver, Telling
from .types import Array, Library

Floats = NDArray[np.float64]
Met = NDArray[np.bool_]


class Half(NamedTuple):
    """What a half-step has at hand when it ends; a rule measures from no more than that.

    It may be about some of the factor's columns, a block of them; what is measured of blocks is
    added up.

    Attributes
    ----------
    old, new : arrays
        The factor before it and after it: H, or the transpose of W.
    model : Model
        For that factor, the other one given. That of H is right at `new`, that of W at `old`;
        where it is exact, at both.
    penalty : Penalty
        On the factor.
    told : array
        What the solver told on its way, see `Stop.rule`.
    learned : (d,) array, optional
        1 where a component of the factor is learned, 0 where it is held, which is then no matter
        of the solver; None where all are learned. Where none is, there may be no model.
    """

    library: Library
    old: Array
    new: Array
    model: Model | None
    penalty: Penalty
    told: Any
    learned: Array | None = None


class Start(Protocol):
    """W and H of some runs before the first iteration, and what is measured of them."""

    @property
    def runs(self) -> int:
        """R."""

    @property
    def error(self) -> Floats:
        """Their errors, (R,)."""


class Stop(ABC):
    """A stopping rule; `tol` is held against it.

    A rule follows one number of each run: the error, which is recorded anyway, or one of its own,
    to which both half-steps contribute.
    """

    sentence: ClassVar[str]
    """Why a run stopped; knows `tol` and `check_every`."""
    needs: ClassVar[str] = ""
    """What it needs of a solver, for a message where that is missing."""
    own: ClassVar[bool] = False
    """Whether it follows a number of its own, from `of_H` and `of_W`, and not the error."""
    told: ClassVar[bool] = False
    """Whether its number is what the rule tells, and no matter of models."""
    counts_zeros: ClassVar[bool] = False
    """Whether zero rows and columns of A count in its number at first, as in scikit-learn's."""
    compares: ClassVar[bool] = False
    """Whether it is met where nothing changed from one check to the next."""
    certifies: ClassVar[bool] = False
    """Whether its number is what a result calls `kkt`, and is measured also without tol."""

    def goes_with(self, solver: Solver, inner: int) -> bool:
        """Whether the rule makes sense with a solver and so many inner repeats."""
        return True

    def rule(self, solver: Solver, inner: int) -> Telling:
        """The solver's rule, telling what this stopping rule has to know of its way: nothing."""
        return Quiet(solver.make(inner))

    def of_H(self, half: Half) -> Any:
        """What the half-step of H contributes: an array of the runs in float64, or a tuple of them.

        Those of blocks of columns are added up.
        """
        raise NotImplementedError

    def of_W(self, half: Half) -> Any:
        """What that of W contributes; by default, what that of H would."""
        return self.of_H(half)

    def number(self, library: Library, of_H: Any, of_W: Any) -> Array:
        """The number of each run, (R,), from what both contributed: by default, their sum."""
        total: Array = of_H + of_W
        return total

    def first(self, start: Start) -> Floats | None:
        """What the number is relative to, (R,): that of the start, as a rule.

        None for the number after the first iteration.
        """
        return None

    @abstractmethod
    def met(self, first: Floats, last: Floats, now: Floats, tol: float) -> Met:
        """Whether runs are done, from the number of each at first, at the last check and now.

        Arrays whose last axis is that of the runs; the others may have one of several checks.
        """


class ErrorFall(Stop):
    """The fall of the error between two checks, as of scikit-learn's solver 'mu'."""

    sentence = (
        "the error fell by less than tol = {tol:g} of the start's over {check_every} iterations"
    )

    compares = True

    def first(self, start: Start) -> Floats | None:
        """The error of the start."""
        return start.error

    def met(self, first: Floats, last: Floats, now: Floats, tol: float) -> Met:
        """Whether it fell by no more than `tol` times the first."""
        return np.asarray(last - now <= tol * first)


class Residual(Stop):
    """The KKT residual between the two half-steps, where the models for both are at hand."""

    sentence = "the KKT residual fell to tol = {tol:g}"
    own = True
    certifies = True

    def of_H(self, half: Half) -> Any:
        """What it is made of with respect to H, which is new."""
        return self._of(half, half.new)

    def of_W(self, half: Half) -> Any:
        """The same with respect to W, which is old."""
        return self._of(half, half.old)

    def _of(self, half: Half, X: Array) -> Any:
        return squares(half.library, X, half.model, half.penalty).of_learned(half.learned)

    def number(self, library: Library, of_H: Any, of_W: Any) -> Array:
        """The residual, see `losses.kkt.residual`."""
        return residual(library, of_H, of_W)

    def first(self, start: Start) -> Floats | None:
        """1: it is relative to the data, wherever a run began."""
        return np.ones(start.runs)

    def met(self, first: Floats, last: Floats, now: Floats, tol: float) -> Met:
        """Whether it is at most `tol`."""
        return np.asarray(now <= tol)


class Descent(Stop):
    """What coordinate descent met on its way, as of scikit-learn's solver 'cd'."""

    sentence = "the violation met in descent fell to tol = {tol:g} of the first"
    needs = "is what one pass of solver='hals' met"
    own = True
    told = True
    counts_zeros = True

    def goes_with(self, solver: Solver, inner: int) -> bool:
        """Whether it is one pass of descent."""
        return solver.descent is not None and inner == 1

    def rule(self, solver: Solver, inner: int) -> Telling:
        """The pass of descent that tells what it met."""
        assert solver.descent is not None  # see `goes_with`
        return solver.descent

    def of_H(self, half: Half) -> Array:
        """The sum of the violations met; none where nothing was moved."""
        if half.told is None:
            xp = half.library.xp
            none: Array = xp.zeros(half.new.shape[0], dtype=xp.float64)
            return none
        met: Array = half.told
        return met

    def met(self, first: Floats, last: Floats, now: Floats, tol: float) -> Met:
        """Whether it is at most `tol` times the first."""
        return np.asarray(relative(now, first) <= tol)


def relative(found: Any, first: Any) -> Floats:
    """Numbers `found` relative to those at `first`, which may be those of a solution already."""
    return np.asarray(found / np.where(first == 0, 1.0, first))


STOPS: dict[str, Stop] = {"error": ErrorFall(), "kkt": Residual(), "descent": Descent()}
"""What `stop` may be; a new rule is a line here."""
