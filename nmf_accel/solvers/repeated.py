"""A rule repeated with the same products with A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backends.base import Backend
from ..losses.penalties import Penalty
from ..types import Array, State
from .base import Rule

SETTLED = 0.1
"""Inner repeats end when a step is shorter than this part of the first (Gillis & Glineur)."""


@dataclass(frozen=True)
class Repeated:
    """A rule, repeated with the same model while it pays (Gillis & Glineur 2012, section 3).

    At most `limit` times; a run ends before that once a repeat moved its X by less than
    SETTLED times what the first one did (their eq. 9, with ε = 0.1).
    """

    rule: Rule
    limit: int

    def __call__(self, backend: Backend, X: Array, model: Any, penalty: Penalty) -> Array:
        """Repeat the rule."""
        xp, runs = backend.xp, X.shape[0]
        accept = backend.kernel("accept", accept_where_going)

        def again(state: State) -> State:
            X, going, first = state
            new = self.rule(backend, X, model, penalty)
            return accept(backend, X, new, going, first, SETTLED**2)

        unknown = xp.full(runs, -1.0, dtype=xp.float64)
        state = (X, xp.ones(runs, dtype=xp.bool), unknown)
        return backend.repeat_while(again, state, self.limit, cheap=True)[0]


def accept_where_going(
    backend: Backend, X: Array, new: Array, going: Array, first: Array, least: float
) -> tuple[Array, Array, Array]:
    """X after a repeat that gave `new`; which runs are `going` on; what the first one moved.

    Those go on that moved at least `least` of the first. It is squared, (R,), and negative as
    long as it is not known.
    """
    xp = backend.xp
    smallest = float(xp.finfo(X.dtype).smallest_normal)
    step = new - X
    moved = backend.inner(step, step)
    first = xp.where(first < 0, moved, first)
    further = going & (moved >= least * first)
    # Compilers flush what is smaller than a normal number to zero, for ever; repeats of
    # 'mu' take entries there and back within some hundred iterations.
    new = xp.where(new >= smallest, new, xp.zeros_like(new))
    return xp.where(going[:, None, None], new, X), further, first


def while_it_pays(rule: Rule, limit: int) -> Rule:
    """The rule, repeated at most `limit` times."""
    return rule if limit == 1 else Repeated(rule, limit)
