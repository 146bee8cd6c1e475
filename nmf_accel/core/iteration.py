"""One iteration, written once for every backend, loss and solver.

W is kept transposed and everything has a leading axis of runs: Wt (R, d, m), H (R, d, n).
One half-step then serves both factors, and R factorizations at once cost one product with A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

from ..backends.base import Backend, Moving
from ..losses import Loss, Model, Penalties, Quadratic
from ..matrices import Matrix
from ..solvers import Telling
from ..stopping import Half, Stop
from ..types import NO_WALKS, Array, Measures, State, Step, Walked, Walks, no_kernel
from .held import Held


@dataclass(frozen=True, eq=False)
class Iteration:
    """One iteration as a pure, hashable function of a state (H, Wt, what the loss carries).

    Calling it gives the next state and what is measured of it: the loss's value of each run and,
    with `watch`, the number that this stopping rule follows.

    Compared by identity, see `iteration_of`.

    Attributes
    ----------
    backend : Backend
    rule : Telling
    loss : Loss
    watch : Stop, optional
    by_columns : bool
        Whether the backend may take the columns of a factor in blocks, see `Backend.over_columns`.
    walks : Walks
        The kernels that may do it: all is learned, and nothing watched but what the rule tells.
    """

    backend: Backend
    rule: Telling
    loss: Loss
    watch: Stop | None = None
    by_columns: bool = False
    walks: Walks = NO_WALKS

    values: ClassVar[int] = 1
    """How many of its measures, the first ones, are values of the loss that it went by."""

    @property
    def measures(self) -> int:
        """Numbers measured of each run."""
        return 1 + (self.watch is not None)

    def begin(self, state: State) -> State:
        """Its first state, from that of a `Problem`."""
        return state

    def carried(self, state: State) -> State:
        """What the loss carries."""
        return state[2:]

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
        new, value, watched = self.advance(state, A, facts, delta, penalties, held, record=True)
        return new, (value, *watched)

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state, without its value, which nobody asks for."""
        A, facts, delta, penalties, held = constants
        return self.advance(state, A, facts, delta, penalties, held, record=False)[0]

    def advance(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
        held: Held,
        record: bool,
    ) -> tuple[State, Any, list[Array]]:
        """Update H, then W; the state and, to `record`, its value and what is watched."""
        backend, loss = self.backend, self.loss
        watch = self.watch if record else None
        over = backend.over_columns if self.by_columns else in_one
        on_H, on_W = with_delta(penalties, delta)
        H, Wt, *carried = state
        A, of_W_too = held.matrix(A), held.W.any or loss.exact  # whose value comes of its model

        def move_H(H: Array, A: Matrix) -> tuple[Array, tuple[Any, ...]]:
            """Columns of H, for those of A; what they contribute to the model of W is added up."""
            of_H = loss.model(A, facts, Wt, H, tuple(carried))
            new, told = held.H.moved(self.rule, backend, H, of_H, on_H)
            of_W = loss.model(A.T, facts, new, Wt) if of_W_too else None
            if watch is None:
                return new, (of_W,)
            at_new = of_H if loss.exact else loss.model(A, facts, Wt, new)
            half = Half(backend, H, new, at_new, penalties[0], told, held.H.mask(backend))
            return new, (of_W, watch.of_H(half))

        def move_W(Wt: Array, of_W: Model) -> tuple[Array, tuple[Any, ...]]:
            """Columns of Wt."""
            new, told = held.W.moved(self.rule, backend, Wt, of_W, on_W)
            if watch is None:
                return new, ()
            half = Half(backend, Wt, new, of_W, penalties[1], told, held.W.mask(backend))
            return new, (watch.of_W(half),)

        walk = backend.kernel(self.walks.half, no_kernel)
        walked: Walked | None = walk(backend, A, Wt, *carried, H, on_H, None)
        if walked:
            H, of_W = walked.new, Quadratic(walked.N, walked.G)
            watched_H = [walked.told] if watch else []
        else:
            H, (of_W, *watched_H) = over(move_H, H, A)
        Wt, watched_W = over(move_W, Wt, of_W)
        left, value = loss.settle(A, facts, H, Wt, of_W, record)
        halves = zip(watched_H, watched_W, strict=True)  # of one number, or of none
        return (H, Wt, *left), value, [watch.number(backend, *both) for both in halves if watch]


def in_one(function: Moving, X: Array, along: Any) -> tuple[Array, Any]:
    """All columns of X at once, as `Backend.over_columns` does where blocks do not pay."""
    return function(X, along)


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

    def carried(self, state: State) -> State:
        """What the loss carries at the state's pair; nothing where the state has that elsewhere."""


StepOf = Callable[[Backend, Telling, Loss, Stop | None], LoopStep]
"""Gives the one step with such fields: `iteration_of` or `extrapolated_of`."""


@lru_cache
def iteration_of(
    backend: Backend,
    rule: Telling,
    loss: Loss,
    watch: Stop | None,
    by_columns: bool = False,
    walks: Walks = NO_WALKS,
) -> Iteration:
    """The one `Iteration` with these fields.

    JAX compares steps at every call. Were it to call Python for that, and Ctrl-C to come just
    then, it would raise a ValueError instead.
    """
    return Iteration(backend, rule, loss, watch, by_columns, walks)
