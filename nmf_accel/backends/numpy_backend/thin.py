"""Kernels for thin factors, of which BLAS makes little: `compiled_walk`, and who walks.

What `core` makes of losses, rules and models is the reference. The caller's functions are None
where such a walk is no way to go, see `ways`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Dense
from ...types import Array, State, Walked, add
from ..base import Backend
from . import compiled_walk, runs, threads, ways
from .tiles import Ahead, Rule

Floats = NDArray[Any]

AT_ONCE = 2**28
"""Operations between which Ctrl-C is heard."""


def walk(
    multiplicative: bool,
    backend: Backend,
    A: Dense,
    Y: Floats,
    G: Floats,
    X: Floats,
    penalty: Any,
    on: tuple[Floats, Floats] | None,
) -> Walked | None:
    """A pass of coordinate descent on X given Y and G = Y Yᵀ, or an update if `multiplicative`.

    See `types.Walks`.
    """
    crew = threads.walking.get()
    if crew is None:
        return None
    rows, sideways = as_it_lies(A)
    X, Y, G = map(writeable, (X, Y, G))
    (count, d, n), m, real = X.shape, Y.shape[2], X.dtype.type
    rule = rule_of(multiplicative, penalty, X.dtype)
    new = np.empty(X.shape, X.dtype)
    further = new if on is None else np.empty(X.shape, X.dtype)
    before, push = on or (X, np.zeros(count))
    before = writeable(before)

    def some(r: int, part: slice) -> tuple[Floats, ...]:
        N, K = np.zeros((d, m), X.dtype), np.zeros((d, d), X.dtype)
        ahead, ends = Ahead(on is not None, real(push[r]), before[r]), (part.start, part.stop)
        into = new[r], further[r], N, K
        met = compiled_walk.walk(rows, sideways, Y[r], G[r], rule, X[r], ahead, ends, *into)
        return np.asarray(met), N, K

    parts = threads.parts(0, n, crew.several)
    found = [reduce(add, crew.each(partial(some, r), parts)) for r in range(count)]
    return Walked(new, further, *(np.stack(x) for x in zip(*found, strict=True)))


def iterate(
    backend: Backend,
    state: State,
    constants: tuple[Any, ...],
    count: int,
    record_every: int,
) -> tuple[State, Array] | None:
    """Many iterations of coordinate descent, of a matrix so small that Python would take longer.

    Each run goes by itself.
    """
    A, facts, delta, penalties, _ = constants
    if not ways.is_small(A, state[0]):
        return None
    rows = by_rows(A.array), by_rows(A.array.T)
    rules = tuple(rule_of(False, x._replace(l1=x.l1 + delta), A.dtype) for x in penalties)
    old = tuple(map(writeable, state))
    new = tuple(np.empty(x.shape, x.dtype) for x in old)
    together, d = old[0].shape[:2]
    measured = np.empty((count, 2, together))
    longest = max(AT_ONCE // (together * record_every * ways.operations(A, d)), 1)

    def some(part: slice) -> None:
        before = old
        for k in range(0, count, longest):
            mine = (tuple(x[part] for x in both) for both in (before, new))
            into = measured[k : k + longest, :, part]
            compiled_walk.iterate(*rows, facts, rules, *mine, record_every, into)
            before = new

    if together == 1:
        some(slice(1))  # in next to no time
    else:
        with ways.way_for(A, old[0], ways.here()).at_work(A):
            crew = runs.current.get() or threads.Crew()
            crew.each(some, threads.parts(0, together, min(crew.several, together)))
    return new, measured


def residual2(backend: Backend, A: Dense, Wt: Floats, H: Floats) -> NDArray[np.float64] | None:
    """‖A − W H‖² of each run."""
    crew = threads.walking.get()
    if crew is None:
        return None
    rows, sideways = as_it_lies(A)
    Y, X = map(writeable, (H, Wt) if sideways else (Wt, H))

    def some(r: int, part: slice) -> float:
        return float(compiled_walk.residual2(rows, Y[r], X[r], part.start, part.stop))

    parts = threads.parts(0, len(rows), crew.several)
    return np.asarray([sum(crew.each(partial(some, r), parts)) for r in range(len(X))])


def as_it_lies(A: Dense) -> tuple[Floats, bool]:
    """A by rows, or its transpose, and whether it is that."""
    rows: Any = A.array
    sideways = not rows.flags.c_contiguous
    return by_rows(rows.T if sideways else rows), sideways


def by_rows(x: Any) -> Floats:
    """A matrix in the order of rows, not to be written to, whatever the caller's is.

    numba compiles anew for arrays that may be.
    """
    rows: Floats = np.ascontiguousarray(x).view()
    rows.flags.writeable = False
    return rows


def writeable(x: Any) -> Floats:
    """A factor in the order of rows, which may be written to, for the same reason."""
    return np.require(x, requirements=["C", "W"])


def rule_of(multiplicative: bool, penalty: Any, dtype: Any) -> Rule:
    """The rule with a penalty."""
    l1, l2 = (dtype.type(x or 0) for x in (penalty.l1, penalty.l2))
    return Rule(multiplicative, l1, l2, np.finfo(dtype).smallest_normal)


KERNELS: dict[str, Callable[..., Any]] = {
    "descend_along": partial(walk, False),
    "multiply_along": partial(walk, True),
    "descend_through": iterate,
    "walked_residual2": residual2,
}
