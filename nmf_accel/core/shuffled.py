"""An iteration that goes through the components in another order at each half-step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..backends.base import Backend
from ..losses import Loss, Penalties, Penalty, Quadratic
from ..matrices import Matrix
from ..options import Options
from ..solvers import Telling
from ..stopping import Stop
from ..types import Array, Library, State
from .batch import Batch
from .held import Held
from .iteration import Iteration
from .problem import Problem


class InOrder(NamedTuple):
    """All components of a factor, in an order of their own; see `Learned`.

    Attributes
    ----------
    order : (d,) index array
    """

    order: Array

    @property
    def any(self) -> bool:
        """See `Learned`."""
        return True

    def moved(
        self, rule: Telling, backend: Backend, X: Array, model: Any, penalty: Penalty
    ) -> tuple[Array, Any]:
        """See `Learned`; the model is that of least squares."""
        # Components have no order but that in which they stand.
        take, order, (N, G) = backend.xp.take, self.order, model
        G = take(take(G, order, axis=1), order, axis=2)
        model = Quadratic(take(N, order, axis=1), G)
        new, told = rule(backend, take(X, order, axis=1), model, penalty)
        return take(new, backend.xp.argsort(order), axis=1), told

    def mask(self, library: Library) -> None:
        """See `Learned`."""
        return None


@dataclass(frozen=True, eq=False)
class Shuffled(Iteration):
    """One iteration of one run, with orders of the components that are given beforehand.

    The last entries of its state are the orders of all iterations (1, iterations, 2, d), those for
    H and for W, and how many iterations are done (1,). The rule is coordinate descent, the loss
    least squares.

    Compared by identity, as an `Iteration` is.
    """

    def carried(self, state: State) -> State:
        """Nothing: the certificate of least squares takes none of it."""
        return ()

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
        *plain, orders, done = state
        now = self.backend.xp.take(orders[0, ...], done, axis=0)
        held = Held(InOrder(now[0, 0, :]), InOrder(now[0, 1, :]))
        new, *found = super().advance(tuple(plain), A, facts, delta, penalties, held, record)
        return (*new, orders, done + 1), *found


@lru_cache
def shuffled_of(backend: Backend, rule: Telling, loss: Loss, watch: Stop | None) -> Shuffled:
    """The one `Shuffled` with these fields, as `iteration_of`."""
    return Shuffled(backend, rule, loss, watch)


def shuffled_batch(
    orders: Any, problem: Problem, options: Options, W0: Array, H0: Array, **more: Any
) -> Batch:
    """A `Batch` of one run whose iterations have these orders (iterations, 2, d), on the host."""
    whole = np.asarray([orders], dtype=np.int32), np.zeros(1, dtype=np.int32)
    own = tuple(problem.backend.asarray(x, x.dtype) for x in whole)
    return Batch(problem, options, W0, H0, step_of=shuffled_of, own=own, **more)
