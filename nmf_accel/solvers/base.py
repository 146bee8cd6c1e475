"""What a solver is: a rule, and what it needs.

A rule is a pure, hashable function ``(backend, X, model, penalty) -> X``. For the factor X being
updated, all that it sees of A, the other factor and the loss is the `Model`; it moves X against
the gradient ``plus − minus + l1 + l2 X``, see `Penalty`. Leading axes are runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backends.base import Backend
from ..losses.models import Quadratic
from ..types import NO_WALKS, Array, Walks

Rule = Callable[[Backend, Array, Any, Any], Array]

Telling = Callable[[Backend, Array, Any, Any], tuple[Array, Any]]
"""A rule that also tells what it met on its way: ``(backend, X, model, penalty) -> X, told``.

What it tells are numbers of each run, (R,), which over blocks of X's columns add up; or None.
"""


ANY: type[Any] = object
"""For rules that take any `Model`."""


def no_scratch(runs: int, d: int, n: int) -> int:
    """None to speak of."""
    return 0


def never(inner: int) -> bool:
    """For rules of which nothing is known."""
    return False


def once(inner: int) -> bool:
    """For rules whose repeats end for all columns at once."""
    return inner == 1


def always(inner: int) -> bool:
    """For rules that look at one column at a time."""
    return True


@dataclass(frozen=True)
class Quiet:
    """A rule that tells nothing, as one that might."""

    rule: Rule

    def __call__(self, backend: Backend, X: Array, model: Any, penalty: Any) -> tuple[Array, None]:
        """Apply the rule."""
        return self.rule(backend, X, model, penalty), None


@dataclass(frozen=True)
class Solver:
    """A solver, as the library's tables hold it.

    Attributes
    ----------
    make : callable
        Gives the rule for a number of inner repeats or steps; for the same number the same rule
        or an equal one, or a compiled loop would be compiled again.
    inner : int
        That number where the caller gives none.
    takes : type
        The models that the rule takes: `Quadratic`, or `ANY`.
    uses_delta : bool
        Whether δ, which keeps denominators from zero, is part of the penalty's l1.
    keeps_zeros : bool
        Whether an entry that is zero stays zero for ever.
    descent : Telling, optional
        If a single pass is coordinate descent in the order of the components: that pass, telling
        the violations that it met.
    by_columns : callable
        Whether, for so many inner repeats or steps, the rule moves each column of X whatever the
        others are, so that a backend may take them in blocks.
    walks : Walks
        The kernels that apply a single pass to plain least squares, where a backend has them.
    extrapolates : bool
        Whether its iterations may be moved on along their last step: it brings entries back from
        zero, never raises the objective, and has no momentum of its own.
    scratch : callable
        How many numbers the rule keeps in memory at its peak, beside X and its model, for factors
        (R, d, n), given R, d and n.
    """

    make: Callable[[int], Rule]
    inner: int = 1
    takes: type[Any] = Quadratic
    uses_delta: bool = False
    keeps_zeros: bool = False
    descent: Telling | None = None
    by_columns: Callable[[int], bool] = never
    walks: Walks = NO_WALKS
    extrapolates: bool = False
    scratch: Callable[[int, int, int], int] = no_scratch
