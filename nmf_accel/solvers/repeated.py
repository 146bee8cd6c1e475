"""A rule repeated with the same products with A."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backends.base import Backend
from ..types import Array
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

    def __call__(self, backend: Backend, X: Array, model: Any, l1: Any) -> Array:
        """Repeat the rule."""
        xp, inner = backend.xp, backend.inner
        smallest = float(xp.finfo(X.dtype).smallest_normal)

        def again(state: tuple[Any, ...]) -> tuple[Any, ...]:
            X, going, first, count = state
            new = self.rule(backend, X, model, l1)
            step = new - X
            moved = inner(step, step)
            first = xp.where(count == 0, moved, first)
            further = going & (moved >= SETTLED**2 * first)
            # Compilers flush what is smaller than a normal number to zero, for ever; repeats of
            # 'mu' take entries there and back within some hundred iterations.
            new = xp.where(new >= smallest, new, xp.zeros_like(new))
            new = xp.where(going[:, None, None], new, X)
            return new, further, first, count + 1

        count = xp.zeros(X.shape[0], dtype=xp.int32)
        state = (X, count == 0, xp.zeros(X.shape[0], dtype=xp.float64), count)
        return backend.repeat_while(again, state, self.limit)[0]


def while_it_pays(rule: Rule, limit: int) -> Rule:
    """The rule, repeated at most `limit` times."""
    return rule if limit == 1 else Repeated(rule, limit)
