"""The Lee-Seung loop, written once for every backend.

W is kept transposed and everything has a leading axis of runs: Wt (R, d, m), H (R, d, n).
One half-step then serves both factors, and R factorizations at once cost one product with A.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .backends.base import LONGEST_CHUNK, Array, Backend, State
from .problem import Problem, residual2
from .rules import Rule

TRUSTED_DOWN_TO = {"float64": 1e-5, "float32": 1.5e-2}
"""Squared relative error below which the free formula for it has cancelled too much.

Its rounding error is at most 2.4 eps ‖A‖² (measured on CryptoPunks, ranks 16 to 256); above these
bounds that is less than 1e-10 (float64) and 1e-5 (float32) of the error reported.
"""


def half_step(
    backend: Backend, rule: Rule, X: Array, Y: Array, A: Array, G: Array, delta: Array
) -> tuple[Array, Array]:
    """Update X (R, d, n) given Y (R, d, m), A (m, n), G = Y Yᵀ; return it and N = Y A."""
    runs, rank, m = Y.shape
    # One product for all runs: A is read once.
    N = backend.matmul(Y.reshape(runs * rank, m), A).reshape(X.shape)
    return rule(backend, X, N, G, delta), N


@dataclass(frozen=True)
class Iteration:
    """One iteration as a pure, hashable function of state = (H, Wt, Wt Wtᵀ).

    Calling it gives the next state and ‖A − W H‖² of each run, from products that the
    iteration needs anyway: ‖A‖² − 2⟨N, Wt⟩ + ⟨WᵀW, HHᵀ⟩. With `careful`, the residual is
    computed as well and takes over, entry by entry, where that formula is inaccurate.
    """

    backend: Backend
    rule: Rule
    careful: bool = False

    def __call__(
        self, state: State, A: Array, norm2: Array, trusted: Array, delta: Array
    ) -> tuple[State, Array]:
        """Next state and squared error of each run."""
        backend, xp = self.backend, self.backend.xp
        H, Wt, WtW = state
        H, _ = half_step(backend, self.rule, H, Wt, A, WtW, delta)
        HHt = backend.matmul(H, xp.matrix_transpose(H))
        Wt, N = half_step(backend, self.rule, Wt, H, xp.matrix_transpose(A), HHt, delta)
        WtW = backend.matmul(Wt, xp.matrix_transpose(Wt))
        error2 = norm2 - 2 * backend.inner(N, Wt) + backend.inner(WtW, HHt)
        if self.careful:
            error2 = xp.where(error2 >= trusted, error2, residual2(backend, A, Wt, H))
        return (H, Wt, WtW), error2


class Loop:
    """A loop under way: `advance` it, read its `state`."""

    def __init__(self, problem: Problem, rule: Rule, W0: Array, H0: Array, delta: float) -> None:
        self.problem = problem
        self.rule = rule
        self.state = problem.start(W0, H0)
        self.careful = False
        trusted = TRUSTED_DOWN_TO[problem.dtype.name] * problem.norm2
        self.constants = (problem.A, problem.norm2, trusted, delta)

    def advance(self, count: int) -> NDArray[np.float64]:
        """Run `count` iterations, at most LONGEST_CHUNK, and return their errors (count, runs).

        Interrupted, it leaves the state as it was before the call.
        """
        backend = self.problem.backend
        step = Iteration(backend, self.rule, self.careful)
        state, errors2 = backend.iterate(step, self.state, self.constants, count)
        error2 = backend.to_numpy(errors2)[:count]
        if not self.careful and bool((error2 < self.constants[2]).any()):
            # The errors of this chunk are not to be trusted: run it again, with care. The rule
            # is per iteration and run, so the outcome does not depend on where chunks end.
            self.careful = True
            return self.advance(count)
        self.state = state
        return np.asarray(np.sqrt(error2))


def chunks(
    loop: Loop, max_iter: int, every: int | None = None, seconds: float = 0.1
) -> Iterator[NDArray[np.float64]]:
    """Advance `loop` by exactly `max_iter` iterations, yielding the errors chunk by chunk.

    A chunk ends at each multiple of `every`; without it, a chunk takes about `seconds`, so that
    a progress bar moves and Ctrl-C is heard while the device is kept busy.
    """
    done, count = 0, 1
    while done < max_iter:
        started = time.perf_counter()
        if every is not None:
            count = every - done % every  # a check interval may take several chunks
        count = min(count, max_iter - done, LONGEST_CHUNK)
        errors = loop.advance(count)
        done += count
        yield errors
        if every is None:
            pace = count / max(time.perf_counter() - started, 1e-9)
            count = max(1, min(int(pace * seconds), 10 * count))
