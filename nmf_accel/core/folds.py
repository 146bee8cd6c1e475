"""Runs that leave out a fold of A each."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

from ..matrices import Matrix, Seen
from ..types import NO_WALKS, Measures, State, Walks
from .iteration import LoopStep, StepOf
from .problem import Point


@dataclass(frozen=True, eq=False)
class LeavingOut:
    """A step whose runs leave out a fold each; the last entry of its state says which: (R,).

    Compared by identity, as an `Iteration` is.
    """

    step: LoopStep

    @property
    def values(self) -> int:
        """As the step."""
        return self.step.values

    @property
    def measures(self) -> int:
        """As the step."""
        return self.step.measures

    @property
    def walks(self) -> Walks:
        """None: each run sees another matrix."""
        return NO_WALKS

    def begin(self, state: State) -> State:
        """As the step; which fold is left out comes behind."""
        return self.step.begin(state)

    def carried(self, state: State) -> State:
        """As the step."""
        return self.step.carried(state[:-1])

    def __call__(self, state: State, A: Matrix, *constants: Any) -> tuple[State, Measures]:
        """Next state and its measures."""
        *plain, left_out = state
        new, measures = self.step(tuple(plain), Seen(A, left_out), *constants)
        return (*new, left_out), measures

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state."""
        A, *others = constants
        *plain, left_out = state
        return (*self.step.unmeasured(tuple(plain), Seen(A, left_out), *others), left_out)


@lru_cache
def leaving_out_of(step: Any) -> LeavingOut:
    """The one such step around another."""
    return LeavingOut(step)


def leaving_out(step_of: StepOf) -> StepOf:
    """What gives such steps around those that it is given."""
    return lambda *fields: leaving_out_of(cast(Hashable, step_of(*fields)))


class MeanErrors(NamedTuple):
    """The roots of the means, over some entries by their weights, of what an error squares.

    Attributes
    ----------
    held_out : float or None
        Over what a run leaves out, but for rows and columns of which it sees nothing; None if
        nothing is left.
    in_sample : float or None
        Over what it sees; None if that is nothing.
    """

    held_out: float | None
    in_sample: float | None


def mean_errors(point: Point, error: float) -> MeanErrors:
    """Those of a single run that leaves out a fold, whose error over what it sees is given."""
    seen, facts, frame, *where = point.here
    assert isinstance(seen, Seen)
    backend, loss, rest = point.problem.backend, point.loss, seen.alone()
    weights = [float(backend.to_numpy(part.total_weight)[0]) for part in (rest, seen)]
    if not weights[0]:
        return MeanErrors(None, _mean(error, weights[1]))
    outside = point.problem.scale.errors_outside(
        loss.errors(loss.whole_value(rest, facts, frame, *where))
    )
    return MeanErrors(*map(_mean, (float(outside[0]), error), weights))


def _mean(error: float, weight: float) -> float | None:
    return error / math.sqrt(weight) if weight else None
