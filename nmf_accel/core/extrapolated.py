"""An iteration whose factors are moved on along their last step, while the objective falls.

A. M. S. Ang and N. Gillis, "Accelerating nonnegative matrix factorization algorithms using
extrapolation", Neural Computation 31, 2019, algorithm 3 with hp = 3: H is projected before W sees
it, so that W and the H it was given are a feasible pair whose error costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..backends.base import Backend
from ..losses import Loss, Model, Penalties, Quadratic
from ..matrices import Matrix
from ..solvers import Telling
from ..stopping import Half, Stop
from ..types import NO_WALKS, Array, Measures, State, Walked, Walks, no_kernel
from .held import Held
from .iteration import with_delta

FIRST = 0.5
"""β at first."""


class Pace(NamedTuple):
    """How momentum changes: by their factors, β and its limit grow with a step that is taken.

    With one that is not, β is divided by `shrinkage`.
    """

    growth: float = 1.05
    limits_growth: float = 1.01
    shrinkage: float = 1.5


PACE = Pace()

EPS = 4
"""Rounding of the penalties, in eps of them."""


class Momentum(NamedTuple):
    """How far runs are moved on, and what decides: numbers of each run in float64, (R,).

    Attributes
    ----------
    beta : array
        By which part of its last step a factor is moved on.
    limit : array
        What `beta` may not exceed; at most 1.
    proven : array
        The `beta` of the last step that was taken: the limit when one is not.
    push : array
        By which part H is moved on next: `beta`, or 0 right at the start and after a step that
        was not taken, so that the next one is an ordinary iteration.
    least : array
        The least objective so far.
    value : array
        The loss's value of the pair (H, Wt).
    lowest : array
        The lowest value of any pair that was tried.
    """

    beta: Array
    limit: Array
    proven: Array
    push: Array
    least: Array
    value: Array
    lowest: Array


@dataclass(frozen=True, eq=False)
class Extrapolated:
    """An iteration with momentum, as a pure, hashable function of a state.

    The state is (H, Wt, where W is to be moved from, what H is moved on from, the `Momentum`'s
    arrays, what the loss carries). The first two are the pair whose value is measured. A step that
    would raise the objective (half the value, and the penalties) of a run is not taken: its pair
    stays, and its momentum shrinks.

    It measures of each run the value of the pair, the lowest value of any pair that was tried
    (where that is not accurate, the decision was not), and the number that `watch` follows. That
    is of the half-steps and the point between them as they were tried, also where they were not
    taken.

    Compared by identity, see `extrapolated_of`; `walks` is as of an `Iteration`.
    """

    backend: Backend
    rule: Telling
    loss: Loss
    watch: Stop | None = None
    walks: Walks = NO_WALKS

    values: ClassVar[int] = 2

    @property
    def measures(self) -> int:
        """Numbers measured of each run."""
        return 2 + (self.watch is not None)

    def begin(self, state: State) -> State:
        """Its first state, from that of a `Problem`: at rest."""
        xp, (H, Wt, *carried) = self.backend.xp, state
        of_each = [FIRST, 1.0, FIRST, 0.0, np.inf, np.inf, np.inf]
        momentum = [xp.full(H.shape[0], x, dtype=xp.float64) for x in of_each]
        return (H, Wt, Wt, H, *momentum, *carried)

    def carried(self, state: State) -> State:
        """Nothing: what the loss carries is of where the next iteration moves from."""
        return ()

    def __call__(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
        held: Held,
    ) -> tuple[State, Measures]:
        """Next state and its measures."""
        backend, loss = self.backend, self.loss
        move_on = backend.kernel("move_on", moved_on)
        take = backend.kernel("take", taken_or_kept)
        on_H, on_W = with_delta(penalties, delta)
        (H, Wt, ahead, before), momentum, carried = taken_apart(state)
        A = held.matrix(A)
        walk = backend.kernel(self.walks.half, no_kernel)
        on = before, momentum.push
        walked: Walked | None = walk(backend, A, ahead, *carried, H, on_H, on)
        of_H: Model | None = None  # what is watched beside a walk is what the rule tells
        of_W: Model
        if walked:
            new_H, between, told_H, *model = walked
            of_W = Quadratic(*model)
        else:
            of_H = loss.model(A, facts, ahead, H, carried)
            new_H, told_H = held.H.moved(self.rule, backend, H, of_H, on_H)
            between = move_on(backend, new_H, *on)
            of_W = loss.model(A.T, facts, between, ahead)
        new_Wt, told_W = held.W.moved(self.rule, backend, ahead, of_W, on_W)
        _, value = loss.settle(A, facts, between, new_Wt, of_W, record=True)
        assert value is not None
        weight = sum(p.value(backend, X) for p, X in zip(penalties, (between, new_Wt), strict=True))
        slack = loss.rounding(A, facts, value) + EPS * float(np.finfo(A.dtype).eps) * weight
        watched: tuple[Array, ...] = ()
        if self.watch:
            at = of_H if loss.exact else loss.model(A, facts, ahead, between)
            masks = held.H.mask(backend), held.W.mask(backend)
            half_H = Half(backend, H, between, at, penalties[0], told_H, masks[0])
            half_W = Half(backend, ahead, new_Wt, of_W, penalties[1], told_W, masks[1])
            met = self.watch.of_H(half_H), self.watch.of_W(half_W)
            watched = (self.watch.number(backend, *met),)
        judge = backend.kernel("judge", judged)
        taken, after = judge(backend, momentum, value, value / 2 + weight, slack, PACE)
        after = Momentum(*after)
        H, before = take(backend, taken, H, between, new_H)
        Wt, ahead = take(backend, taken, Wt, new_Wt, move_on(backend, new_Wt, Wt, momentum.beta))
        left, _ = loss.settle(A, facts, H, ahead, None, record=False)
        return (H, Wt, ahead, before, *after, *left), (after.value, after.lowest, *watched)

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state; the value decides, and so it is there all the same."""
        return self(state, *constants)[0]


def taken_apart(state: State) -> tuple[State, Momentum, State]:
    """The four factors of a state, its momentum, and what the loss carries."""
    ends = 4, 4 + len(Momentum._fields)
    return state[: ends[0]], Momentum(*state[slice(*ends)]), state[ends[1] :]


def moved_on(backend: Backend, X: Array, last: Array, push: Array) -> Array:
    """X (R, d, n) moved on by parts `push` (R,) of its step from `last`, and projected."""
    xp = backend.xp
    further = X + xp.astype(push, X.dtype)[:, None, None] * (X - last)
    moved: Array = xp.where(further > 0, further, xp.zeros_like(X))
    return moved


def taken_or_kept(backend: Backend, taken: Array, kept: Array, *found: Array) -> tuple[Array, ...]:
    """Each of what was found (R, d, n) for the runs whose step is taken, for the others `kept`."""
    where, of_runs = backend.xp.where, taken[:, None, None]
    return tuple(where(of_runs, x, kept) for x in found)


def judged(
    backend: Backend, momentum: Momentum, value: Array, objective: Array, slack: Array, pace: Pace
) -> tuple[Array, tuple[Array, ...]]:
    """Which runs take the step to that objective, and their momentum after it; all are (R,).

    `slack` is what rounding may have added to the objective.
    """
    xp = backend.xp
    where, minimum = xp.where, xp.minimum
    beta, limit, proven, push, least, kept, lowest = momentum
    # An ordinary iteration raises nothing; by rounding it might be refused again and again.
    taken = (objective <= least + slack) | (push <= 0)
    grown = minimum(limit, pace.growth * beta)
    after = Momentum(
        beta=where(taken, grown, beta / pace.shrinkage),
        limit=where(taken, minimum(pace.limits_growth * limit, xp.ones_like(limit)), proven),
        proven=where(taken, beta, proven),
        push=where(taken, grown, xp.zeros_like(beta)),
        # Not the last one, or a run could go up by what rounding may add with each step.
        least=where(taken & (objective < least), objective, least),
        value=where(taken, value, kept),
        lowest=where(value < lowest, value, lowest),
    )
    return taken, after


@lru_cache
def extrapolated_of(
    backend: Backend, rule: Telling, loss: Loss, watch: Stop | None, walks: Walks = NO_WALKS
) -> Extrapolated:
    """The one `Extrapolated` with these fields, as `iteration_of`."""
    return Extrapolated(backend, rule, loss, watch, walks)
