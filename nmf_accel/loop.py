"""The Lee-Seung loop, written once for every backend.

W is kept transposed and everything has a leading axis of runs: Wt (R, d, m), H (R, d, n).
One half-step then serves both factors, and R factorizations at once cost one product with A.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from .backends.base import LONGEST_CHUNK, Array, Backend, State
from .measures import (
    TRUSTED_DOWN_TO,
    Penalties,
    Penalty,
    descent_violation,
    product,
    residual2,
    violation2,
)
from .problem import Problem
from .rules import Rule
from .sparse import Sparse


def half_step(
    backend: Backend,
    rule: Rule,
    X: Array,
    Y: Array,
    A: Array | Sparse,
    G: Array,
    delta: Array,
    penalty: Penalty | None = None,
) -> tuple[Array, Array]:
    """Update X (R, d, n) given Y (R, d, m), A (m, n), G = Y Yᵀ; return it and N = Y A."""
    N, l1 = product(backend, Y, A), delta
    if penalty is not None:
        l1 = l1 + penalty.l1
        G = G + penalty.l2 * backend.xp.eye(X.shape[1], dtype=X.dtype)
    return rule(backend, X, N, G, l1), N


@dataclass(frozen=True, eq=False)
class Iteration:
    """One iteration as a pure, hashable function of state = (H, Wt, Wt Wtᵀ).

    Calling it gives the next state and ‖A − W H‖² of each run, from products that the
    iteration needs anyway: ‖A‖² − 2⟨N, Wt⟩ + ⟨WᵀW, HHᵀ⟩. With `careful`, the residual takes
    over, entry by entry, where that formula is inaccurate. With `certify`, it also gives,
    squared, 'kkt': the KKT residual between its two half-steps, where the products with A for
    both gradients are at hand; or 'descent': `descent_violation` of both.

    Compared by identity, see `iteration`.
    """

    backend: Backend
    rule: Rule
    careful: bool = False
    certify: str = ""

    @property
    def measures(self) -> int:
        """Numbers measured of each run."""
        return 1 + bool(self.certify)

    def __call__(
        self,
        state: State,
        A: Array | Sparse,
        norm2: Array,
        trusted: Array,
        delta: Array,
        penalties: Penalties,
    ) -> tuple[State, Array]:
        """Next state and what is measured of it: (measures, runs)."""
        backend, inner = self.backend, self.backend.inner
        constants = (A, delta, penalties or (None, None))
        new, products = self.advance(state, *constants)
        (H, Wt, WtW), (_, N, HHt) = new, products
        error2 = norm2 - 2 * inner(N, Wt) + inner(WtW, HHt)
        if self.careful:
            direct = partial(residual2, backend, A, Wt, H)
            error2 = backend.where(error2 >= trusted, error2, direct)
        if not self.certify:
            return new, error2[None, :]
        found = self.certificate2(state, new, products, constants[-1])
        return new, backend.xp.stack([error2, found])

    def unmeasured(self, state: State, *constants: Array) -> State:
        """Next state, without its error, which nobody asks for."""
        A, _, _, delta, penalties = constants
        return self.advance(state, A, delta, penalties or (None, None))[0]

    def advance(
        self,
        state: State,
        A: Array | Sparse,
        delta: Array,
        penalties: tuple[Penalty | None, Penalty | None],
    ) -> tuple[State, tuple[Array, ...]]:
        """Update H, then W; return the state and the products WᵀA, H Aᵀ and H Hᵀ on the way."""
        backend = self.backend
        H, Wt, WtW = state
        H, M = half_step(backend, self.rule, H, Wt, A, WtW, delta, penalties[0])
        HHt = backend.matmul(H, H.mT)
        Wt, N = half_step(backend, self.rule, Wt, H, A.T, HHt, delta, penalties[1])
        WtW = backend.matmul(Wt, Wt.mT)
        return (H, Wt, WtW), (M, N, HHt)

    def certificate2(
        self,
        old: State,
        new: State,
        products: tuple[Array, ...],
        penalties: tuple[Penalty | None, Penalty | None],
    ) -> Array:
        """What `certify` asks for, squared, of an iteration from `old` to `new`."""
        backend, (of_H, of_W) = self.backend, penalties
        (old_H, old_Wt, WtW), (H, Wt, _), (M, N, HHt) = old, new, products
        if self.certify == "kkt":  # where H is new and W is not
            kkt2 = violation2(backend, H, M, WtW, of_H)
            return kkt2 + violation2(backend, old_Wt, N, HHt, of_W)
        met = descent_violation(backend, old_H, H, M, WtW, of_H)
        return (met + descent_violation(backend, old_Wt, Wt, N, HHt, of_W)) ** 2


@cache
def iteration(backend: Backend, rule: Rule, careful: bool, certify: str) -> Iteration:
    """The one `Iteration` with these fields.

    JAX compares steps at every call. Were it to call Python for that, and Ctrl-C to come just
    then, it would raise a ValueError instead.
    """
    return Iteration(backend, rule, careful, certify)


class Loop:
    """A loop under way: `advance` it, read its `state`.

    Parameters
    ----------
    problem : Problem
    rule : Rule
    W0, H0 : (R, m, d) and (R, d, n) arrays
    delta : float
        For 'mu'; 0 for the others.
    stride : int
        The error is recorded after every `stride` iterations, and after the last one.
    certify : {'', 'kkt', 'descent'}
        What else is recorded, see `Iteration`.
    penalties : (Penalty, Penalty), optional
        On H and on W.
    """

    def __init__(
        self,
        problem: Problem,
        rule: Rule,
        W0: Array,
        H0: Array,
        delta: float,
        stride: int = 1,
        certify: str = "",
        penalties: Penalties = None,
    ) -> None:
        self.problem = problem
        self.rule = rule
        self.stride = stride
        self.certify = certify
        self.delta = delta
        self.penalties = penalties
        self.state = problem.start(W0, H0)
        self.trusted = TRUSTED_DOWN_TO[problem.dtype.name] * problem.norm2
        # Some backends take care for nothing. In others it costs, with strides little: less than
        # to compile it in later.
        self.careful = problem.backend.lazy or (problem.backend.compiles and stride > 1)

    def advance(self, count: int) -> NDArray[np.float64]:
        """Run `count` iterations; return what was recorded: (records, measures, runs).

        The measures are the error and what `certify` asks for.

        `count` is a multiple of the stride or less than it, and at most LONGEST_CHUNK strides.
        Interrupted, it leaves the state as it was before the call.
        """
        problem, backend = self.problem, self.problem.backend
        stride = min(self.stride, count)
        step = iteration(backend, self.rule, self.careful, self.certify)
        constants = (problem.A, problem.norm2, self.trusted, self.delta, self.penalties)
        # A last stride of 1 is one all the same, or a compiled loop would be compiled again.
        strides = (count // stride, stride if self.stride > 1 else None)
        state, measured = backend.iterate(step, self.state, constants, *strides)
        squares = backend.to_numpy(measured)[: count // stride]
        if not self.careful and bool((squares[:, 0] < self.trusted).any()):
            # The errors of this chunk are not to be trusted: run it again, with care. The rule
            # is per iteration and run, so the outcome does not depend on where chunks end.
            self.careful = True
            return self.advance(count)
        self.state = state
        return np.asarray(np.sqrt(squares))

    def keep(self, slots: list[int]) -> None:
        """Go on with some of the runs only."""
        xp = self.problem.backend.xp
        self.state = tuple(xp.take(x, xp.asarray(slots), axis=0) for x in self.state)


def chunks(
    loop: Loop, max_iter: int, every: int | None = None, seconds: float = 0.1
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Advance `loop` by exactly `max_iter` iterations; yield each chunk's length and records.

    A chunk ends at each multiple of `every`; without it, a chunk takes about `seconds`, so that
    a progress bar moves and Ctrl-C is heard while the device is kept busy.
    """
    done, count = 0, 1
    while done < max_iter:
        started = time.perf_counter()
        if every is not None:
            count = every - done % every  # a check interval may take several chunks
        count = min(count, max_iter - done, LONGEST_CHUNK * loop.stride)
        # Whole strides, except that the last may be a shorter one.
        count = count // loop.stride * loop.stride or min(loop.stride, max_iter - done)
        recorded = loop.advance(count)
        done += count
        yield count, recorded
        if every is None:
            pace = count / max(time.perf_counter() - started, 1e-9)
            count = max(1, min(int(pace * seconds), 10 * count))
