"""One iteration, written once for every backend, loss and solver.

W is kept transposed and everything has a leading axis of runs: Wt (R, d, m), H (R, d, n).
One half-step then serves both factors, and R factorizations at once cost one product with A.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ..backends.base import Backend
from ..losses import Loss, Model, Penalties, Penalty
from ..matrices import Matrix
from ..solvers import Rule
from ..stopping import Seen, Stop
from ..types import Array, State


def half_step(
    backend: Backend,
    rule: Rule,
    X: Array,
    model: Model,
    delta: Any,
    penalty: Penalty | None = None,
) -> Array:
    """X (R, d, n), moved by a rule that sees the loss by its model, and a penalty with it."""
    l1 = delta
    if penalty is not None:
        l1 = l1 + penalty.l1
        model = model.with_l2(backend, penalty.l2)
    return rule(backend, X, model, l1)


@dataclass(frozen=True, eq=False)
class Iteration:
    """One iteration as a pure, hashable function of a state (H, Wt, what the loss carries).

    Calling it gives the next state, the loss's value of each run and, with `watch`, what that
    stopping rule measures, squared.

    Compared by identity, see `iteration_of`.
    """

    backend: Backend
    rule: Rule
    loss: Loss
    watch: Stop | None = None

    @property
    def measures(self) -> int:
        """Numbers measured of each run."""
        return 1 + (self.watch is not None)

    def __call__(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
    ) -> tuple[State, Array]:
        """Next state and what is measured of it: (measures, runs)."""
        on = penalties or (None, None)
        new, value, of_H, of_W = self.advance(state, A, facts, delta, on, record=True)
        if self.watch is None:
            return new, value[None, :]
        (old_H, old_Wt, *_), (H, Wt, *_) = state, new
        if not self.loss.exact:
            of_H = self.loss.model(A, facts, old_Wt, H)
        seen = Seen(self.backend, old_H, old_Wt, H, Wt, of_H, of_W, on)
        return new, self.backend.xp.stack([value, self.watch.measure2(seen)])

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state, without its value, which nobody asks for."""
        A, facts, delta, penalties = constants
        return self.advance(state, A, facts, delta, penalties or (None, None), record=False)[0]

    def advance(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: tuple[Penalty | None, Penalty | None],
        record: bool,
    ) -> tuple[State, Any, Model, Model]:
        """Update H, then W; the state, its value to `record`, and the half-steps' models."""
        backend, loss, (on_H, on_W) = self.backend, self.loss, penalties
        H, Wt, *carried = state
        of_H = loss.model(A, facts, Wt, H, tuple(carried))
        H = half_step(backend, self.rule, H, of_H, delta, on_H)
        of_W = loss.model(A.T, facts, H, Wt)
        Wt = half_step(backend, self.rule, Wt, of_W, delta, on_W)
        left, value = loss.settle(A, facts, H, Wt, of_W, record)
        return (H, Wt, *left), value, of_H, of_W


@cache
def iteration_of(backend: Backend, rule: Rule, loss: Loss, watch: Stop | None) -> Iteration:
    """The one `Iteration` with these fields.

    JAX compares steps at every call. Were it to call Python for that, and Ctrl-C to come just
    then, it would raise a ValueError instead.
    """
    return Iteration(backend, rule, loss, watch)
