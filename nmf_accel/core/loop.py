"""The loop under way: chunks of iterations on a backend, and what they recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..backends.base import LONGEST_CHUNK, UNROLLED
from ..losses import NONE, Loss, Penalties
from ..solvers import Telling
from ..stopping import Stop
from ..types import State
from .held import held_in
from .iteration import StepOf, iteration_of
from .problem import Problem

MOST_CHECKS = 128
"""Most checks that a chunk may go ahead of."""


class Loop:
    """A loop under way: `advance` it, read its `state`.

    Parameters
    ----------
    problem : Problem
    rule : Telling
    start : tuple of arrays
        The first state, see `Problem.start`.
    delta : float
        Added to the l1 of the rule: for 'mu'; 0 for the others.
    loss : Loss
    penalties : (Penalty, Penalty)
        On H and on W.
    record_every : int
        Record after as many iterations, and after the last one.
    watch : Stop, optional
        A stopping rule whose number is recorded beside the error.
    step_of : callable
        `iteration_of` or `extrapolated_of`.
    own : tuple of arrays
        What such a step has at the end of its state.
    """

    def __init__(
        self,
        problem: Problem,
        rule: Telling,
        start: State,
        delta: float = 0.0,
        *,
        loss: Loss,
        penalties: Penalties = (NONE, NONE),
        record_every: int = 1,
        watch: Stop | None = None,
        step_of: StepOf = iteration_of,
        own: State = (),
    ) -> None:
        self.problem = problem
        self.rule = rule
        self.delta = delta
        self.penalties = penalties
        self.record_every = record_every
        self.watch = watch
        self.step_of = step_of
        self.facts = problem.facts(loss)
        self.held = held_in(problem, loss, start[0].shape[-2])
        # Some backends take care of the error's accuracy for nothing.
        self._measure(loss.direct() if problem.backend.skips_unneeded else loss)
        self.at: tuple[State, int] = (self.step.begin(start) + own, 0)
        self.before: tuple[State, int] | None = None

    @property
    def state(self) -> State:
        """As it is now."""
        return self.at[0]

    @state.setter
    def state(self, state: State) -> None:
        self.at = state, self.done

    @property
    def done(self) -> int:
        """After so many iterations."""
        return self.at[1]

    @property
    def carried(self) -> State:
        """What the loss carries now, if it is at hand."""
        return self.step.carried(self.state)

    def _measure(self, loss: Loss) -> None:
        """Go on with this loss, which is the same one, measured in its own way."""
        self.loss, backend = loss, self.problem.backend
        self.step = self.step_of(backend, self.rule, loss, self.watch)
        constants = (self.problem.A, self.facts, self.delta, self.penalties, self.held)
        self.program = backend.program(self.step, constants)

    def advance(self, count: int) -> NDArray[np.float64]:
        """Run `count` iterations; return what was recorded: (records, measures, runs).

        The measures are the error and, if there is one to `watch`, that rule's number.

        `count` is a multiple of `record_every` or less than it, and at most LONGEST_CHUNK times
        it. Interrupted, it leaves the state as it was before the call.
        """
        backend, every = self.problem.backend, min(self.record_every, count)
        # A single last iteration is counted all the same, or a compiled loop would be compiled
        # again.
        counts = (count // every, every if self.record_every > 1 else None)
        state, measured = self.program(self.state, *counts)
        recorded = np.array(backend.to_numpy(measured)[: count // every], dtype=np.float64)
        values, others = np.split(recorded, [self.step.values], axis=1)
        if not self.loss.trusts(values, self.facts):
            # The errors of this chunk are not to be trusted: run it again, with care. The rule
            # is per iteration and run, so the outcome does not depend on where chunks end.
            self._measure(self.loss.direct())
            return self.advance(count)
        self.at = state, self.done + count  # both at once: Ctrl-C may come between any two
        errors = self.problem.scale.errors_outside(self.loss.errors(values[:, :1]))
        return np.concatenate([errors, others], axis=1)

    def back_to(self, iteration: int) -> None:
        """Go back to an iteration of the last chunk, if it went further."""
        if self.before is not None and self.done != iteration:
            self.at = self.before
            if self.done < iteration:
                self.advance(iteration - self.done)

    def agreed(self, seconds: float) -> float:
        """Seconds that were measured here, as all processes have them that iterate together."""
        return self.problem.backend.agreed(seconds)

    def keep(self, slots: NDArray[np.intp]) -> None:
        """Go on with some of the runs only."""
        xp = self.problem.backend.xp
        self.state = tuple(xp.take(x, xp.asarray(slots), axis=0) for x in self.state)


def chunks(
    loop: Loop,
    max_iter: int,
    every: int | None = None,
    seconds: float = 0.1,
    ahead: float = 0.0,
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Advance `loop` by exactly `max_iter` iterations; yield each chunk's length and records.

    A chunk ends at a multiple of `every`, as a rule at each; of as many as take no longer than
    `ahead` seconds, at the last. Without `every`, a chunk takes about `seconds`, so that a
    progress bar moves and Ctrl-C is heard while the device is kept busy.
    """
    done, count, checks = 0, 1, 1
    while done < max_iter:
        started = time.perf_counter()
        if every is not None:
            count = checks * every - done % every  # a check interval may take several chunks
        count = min(count, max_iter - done, LONGEST_CHUNK * loop.record_every)
        # As often as is recorded, except that the last may be shorter.
        whole = count // loop.record_every * loop.record_every
        count = whole or min(loop.record_every, max_iter - done)
        loop.before = loop.at
        recorded = loop.advance(count)
        done += count
        took = time.perf_counter() - started
        yield count, recorded
        if every is not None:
            took = max(loop.agreed(took), 1e-9)
            checks = max(1, min(4 * checks, MOST_CHECKS, int(checks * ahead / took)))
        else:
            pace = count / max(loop.agreed(time.perf_counter() - started), 1e-9)
            count = max(1, min(int(pace * seconds), 10 * count))
            count -= count % UNROLLED if count > UNROLLED else 0
