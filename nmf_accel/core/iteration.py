"""One iteration, written once for every backend, loss and solver.

W is kept transposed and everything has a leading axis of runs: Wt (R, d, m), H (R, d, n).
One half-step then serves both factors, and R factorizations at once cost one product with A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol

from ..backends.base import Backend
from ..losses import Loss, Model, Penalties
from ..matrices import Matrix
from ..solvers import Rule
from ..stopping import Seen, Stop
from ..types import Measures, State, Step


@dataclass(frozen=True, eq=False)
class Iteration:
    """One iteration as a pure, hashable function of a state (H, Wt, what the loss carries).

    Calling it gives the next state and what is measured of it: the loss's value of each run and,
    with `watch`, what that stopping rule measures, squared.

    Compared by identity, see `iteration_of`.
    """

    backend: Backend
    rule: Rule
    loss: Loss
    watch: Stop | None = None

    values: ClassVar[int] = 1
    """How many of its measures, the first ones, are values of the loss that it went by."""

    @property
    def measures(self) -> int:
        """Numbers measured of each run."""
        return 1 + (self.watch is not None)

    def begin(self, state: State) -> State:
        """Its first state, from that of a `Problem`."""
        return state

    def __call__(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
    ) -> tuple[State, Measures]:
        """Next state and its measures."""
        new, value, of_H, of_W = self.advance(state, A, facts, delta, penalties, record=True)
        if self.watch is None:
            return new, (value,)
        (old_H, old_Wt, *_), (H, Wt, *_) = state, new
        if not self.loss.exact:
            of_H = self.loss.model(A, facts, old_Wt, H)
        seen = Seen(self.backend, old_H, old_Wt, H, Wt, of_H, of_W, penalties, between=H)
        return new, (value, self.watch.measure2(seen))

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state, without its value, which nobody asks for."""
        A, facts, delta, penalties = constants
        return self.advance(state, A, facts, delta, penalties, record=False)[0]

    def advance(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
        record: bool,
    ) -> tuple[State, Any, Model, Model]:
        """Update H, then W; the state, its value to `record`, and the half-steps' models."""
        backend, loss = self.backend, self.loss
        on_H, on_W = with_delta(penalties, delta)
        H, Wt, *carried = state
        of_H = loss.model(A, facts, Wt, H, tuple(carried))
        H = self.rule(backend, H, of_H, on_H)
        of_W = loss.model(A.T, facts, H, Wt)
        Wt = self.rule(backend, Wt, of_W, on_W)
        left, value = loss.settle(A, facts, H, Wt, of_W, record)
        return (H, Wt, *left), value, of_H, of_W


def with_delta(penalties: Penalties, delta: Any) -> Penalties:
    """The penalties on H and on W as a rule is given them."""
    # δ is no more than an L1 penalty, of which neither error nor residual knows.
    on_H, on_W = (penalty._replace(l1=delta + penalty.l1) for penalty in penalties)
    return on_H, on_W


class LoopStep(Step, Protocol):
    """A step that a `Loop` goes by."""

    @property
    def values(self) -> int:
        """How many of its measures, the first ones, are values of the loss that it went by.

        The first is that of the state; all must be accurate.
        """

    def begin(self, state: State) -> State:
        """Its first state, from that of a `Problem`."""


StepOf = Callable[[Backend, Rule, Loss, Stop | None], LoopStep]
"""Gives the one step with such fields: `iteration_of` or `extrapolated_of`."""


@cache
def iteration_of(backend: Backend, rule: Rule, loss: Loss, watch: Stop | None) -> Iteration:
    """The one `Iteration` with these fields.

    JAX compares steps at every call. Were it to call Python for that, and Ctrl-C to come just
    then, it would raise a ValueError instead.
    """
    return Iteration(backend, rule, loss, watch)
