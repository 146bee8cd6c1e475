"""When a run is done: what is measured, when it is met, and the sentence that says so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .losses import Model, Penalties
from .losses.kkt import descent_violation, violation2
from .solvers import Solver
from .types import Array, Library

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """What an iteration has at hand when it ends; it measures from no more than that.

    Attributes
    ----------
    old_H, old_Wt, H, Wt : arrays
        The factors before and after its half-steps.
    of_H, of_W : Model
        For H given the old W, right at the new H too; for W given `between`, as it was used.
    penalties : (Penalty, Penalty)
        On H and on W.
    between : array
        H as the half-step of W was given it: the new one, if it was not extrapolated.
    """

    library: Library
    old_H: Array
    old_Wt: Array
    H: Array
    Wt: Array
    of_H: Model
    of_W: Model
    penalties: Penalties
    between: Array


class Start(Protocol):
    """W and H of some runs before the first iteration, and what is measured of them."""

    @property
    def error(self) -> Floats:
        """Their errors, (R,)."""

    @property
    def kkt(self) -> Floats:
        """Their KKT residuals, (R,)."""


class Stop(ABC):
    """A stopping rule; `tol` is held against it.

    A rule follows one number of each run: the error, which is recorded anyway, or what
    `measure2` gives.
    """

    sentence: ClassVar[str]
    """Why a run stopped; knows `tol` and `check_every`."""
    needs: ClassVar[str] = ""
    """What it needs of a solver, for a message where that is missing."""
    own: ClassVar[bool] = False
    """Whether it follows a number of its own, from `measure2`, and not the error."""
    counts_zeros: ClassVar[bool] = False
    """Whether zero rows and columns of A count in its number at first, as in scikit-learn's."""
    compares: ClassVar[bool] = False
    """Whether it is met where nothing changed from one check to the next."""
    certifies: ClassVar[bool] = False
    """Whether its number, relative to the first, is what a result calls `kkt`, also without tol."""

    def goes_with(self, solver: Solver, inner: int) -> bool:
        """Whether the rule makes sense with a solver and so many inner repeats."""
        return True

    def measure2(self, seen: Seen) -> Array:
        """The square of the number, of each run, in float64: (R,)."""
        raise NotImplementedError

    def first(self, start: Start) -> Floats | None:
        """The number at the start, (R,); None for that after the first iteration."""
        return None

    @abstractmethod
    def met(self, first: float, last: float, now: float, tol: float) -> bool:
        """Whether a run is done, from the number at first, at the last check and now."""


class ErrorFall(Stop):
    """The fall of the error between two checks, as of scikit-learn's solver 'mu'."""

    sentence = (
        "the error fell by less than tol = {tol:g} of the start's over {check_every} iterations"
    )

    compares = True

    def first(self, start: Start) -> Floats | None:
        """The error of the start."""
        return start.error

    def met(self, first: float, last: float, now: float, tol: float) -> bool:
        """Whether it fell by no more than `tol` times the first."""
        return last - now <= tol * first


class Residual(Stop):
    """The KKT residual between the two half-steps, where the models for both are at hand."""

    sentence = "the KKT residual fell to tol = {tol:g} of the start's"
    own = True
    certifies = True

    def measure2(self, seen: Seen) -> Array:
        """The squared norm of the projected gradients, where H is new and W is not."""
        on_H, on_W = seen.penalties
        of_H = violation2(seen.library, seen.between, seen.of_H, on_H)
        return violation2(seen.library, seen.old_Wt, seen.of_W, on_W, onto=of_H)

    def first(self, start: Start) -> Floats | None:
        """The KKT residual of the start."""
        return start.kkt

    def met(self, first: float, last: float, now: float, tol: float) -> bool:
        """Whether it is at most `tol` times the first."""
        return relative(now, first) <= tol


class Descent(Stop):
    """What coordinate descent met on its way, as of scikit-learn's solver 'cd'."""

    sentence = "the violation met in descent fell to tol = {tol:g} of the first"
    needs = "is what one pass of solver='hals' met"
    own = True
    counts_zeros = True

    def goes_with(self, solver: Solver, inner: int) -> bool:
        """Whether it is one pass of descent."""
        return solver.descends and inner == 1

    def measure2(self, seen: Seen) -> Array:
        """The squared sum of the violations that both half-steps met."""
        of_H: Any = seen.of_H
        of_W: Any = seen.of_W
        on_H, on_W = seen.penalties
        in_H = descent_violation(seen.library, seen.old_H, seen.H, of_H, on_H)
        return descent_violation(seen.library, seen.old_Wt, seen.Wt, of_W, on_W, onto=in_H) ** 2

    def met(self, first: float, last: float, now: float, tol: float) -> bool:
        """Whether it is at most `tol` times the first."""
        return relative(now, first) <= tol


def relative(found: float, first: float) -> float:
    """`found` relative to `first`, which may be that of a solution already."""
    return float(found) / (float(first) or 1.0)


STOPS: dict[str, Stop] = {"error": ErrorFall(), "kkt": Residual(), "descent": Descent()}
"""What `stop` may be; a new rule is a line here."""
