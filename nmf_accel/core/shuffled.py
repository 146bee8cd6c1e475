"""An iteration that goes through the components in another order at each half-step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..backends.base import Backend
from ..losses import Loss, Penalties, Penalty, Quadratic
from ..matrices import Matrix
from ..options import Options
from ..solvers import Telling
from ..stopping import Half, Stop
from ..types import Array, State
from .batch import Batch
from .iteration import Iteration, with_delta
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Shuffled(Iteration):
    """One iteration of one run, with orders of the components that are given beforehand.

    The last entries of its state are the orders of all iterations (1, iterations, 2, d), those for
    H and for W, and how many iterations are done (1,). The rule is coordinate descent, the loss
    least squares.

    Compared by identity, as an `Iteration` is.
    """

    def advance(
        self,
        state: State,
        A: Matrix,
        facts: tuple[Any, ...],
        delta: Any,
        penalties: Penalties,
        record: bool,
    ) -> tuple[State, Any, list[Array]]:
        """Update H, then W; the state and, to `record`, its value and what is watched, squared."""
        backend, loss, watch = self.backend, self.loss, self.watch if record else None
        on_H, on_W = with_delta(penalties, delta)
        H, Wt, *carried, orders, done = state
        now = backend.xp.take(orders[0, ...], done, axis=0)
        of_H = loss.model(A, facts, Wt, H, tuple(carried))
        new_H, told_H = self.moved(H, of_H, on_H, now[0, 0, :])
        of_W = loss.model(A.T, facts, new_H, Wt)
        new_Wt, told_W = self.moved(Wt, of_W, on_W, now[0, 1, :])
        left, value = loss.settle(A, facts, new_H, new_Wt, of_W, record)
        halves = (
            Half(backend, H, new_H, of_H, penalties[0], told_H),
            Half(backend, Wt, new_Wt, of_W, penalties[1], told_W),
        )
        watched = [watch.of_both(*halves)] if watch else []
        return (new_H, new_Wt, *left, orders, done + 1), value, watched

    def moved(self, X: Array, model: Any, penalty: Penalty, order: Array) -> tuple[Any, Any]:
        """X after the rule went through its components in that order, and what the rule told."""
        # Components have no order but that in which they stand.
        take, (N, G) = self.backend.xp.take, model
        G = take(take(G, order, axis=1), order, axis=2)
        model = Quadratic(take(N, order, axis=1), G)
        new, told = self.rule(self.backend, take(X, order, axis=1), model, penalty)
        return take(new, self.backend.xp.argsort(order), axis=1), told


@cache
def shuffled_of(backend: Backend, rule: Telling, loss: Loss, watch: Stop | None) -> Shuffled:
    """The one `Shuffled` with these fields, as `iteration_of`."""
    return Shuffled(backend, rule, loss, watch)


def shuffled_batch(
    orders: Any, problem: Problem, options: Options, W0: Array, H0: Array, **more: Any
) -> Batch:
    """A `Batch` of one run whose iterations have these orders (iterations, 2, d), on the host."""
    batch = Batch(problem, options, W0, H0, step_of=shuffled_of, **more)
    whole = np.asarray([orders], dtype=np.int32), np.zeros(1, dtype=np.int32)
    orders, done = (problem.backend.asarray(x, x.dtype) for x in whole)
    batch.loop.state = (*batch.loop.state, orders, done)
    return batch
