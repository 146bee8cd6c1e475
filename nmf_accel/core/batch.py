"""Runs under way: a batch of factorizations of one matrix, each of which stops by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..options import Options
from ..results import Factorization
from ..stopping import relative
from ..types import Array
from .extrapolated import extrapolated_of
from .iteration import iteration_of
from .loop import Loop, chunks
from .problem import Point, Problem
from .recording import record
from .settling import settle, why_solver

AHEAD = 0.002
"""Seconds that a run may go ahead of the checks of its `tol`; it goes back to where that was met.

So a run of short iterations is not held up by being looked at after each.
"""


@dataclass
class Run:
    """One run of a batch.

    Attributes
    ----------
    errors : list of (k,) arrays
        Errors recorded, chunk by chunk.
    n_iter : int
        Iterations done.
    watched : float
        The number that the stopping rule follows, as last recorded.
    last : float
        The same at the last check of `tol`.
    seconds : float
        Its share of the wall time.
    first_chunk : (int, float)
        Length and seconds of the first chunk, in which a compiler may have been at work.
    stopped_because : str
        Why it ended; empty while it goes on.
    factors : (W, H), optional
        Kept from when it stopped before others of its batch.
    """

    errors: list[NDArray[np.float64]] = field(default_factory=list)
    n_iter: int = 0
    watched: float = math.nan
    last: float = math.nan
    seconds: float = 0.0
    first_chunk: tuple[int, float] = (0, 0.0)
    converged: bool = False
    stopped_because: str = ""
    factors: tuple[Array, Array] | None = None

    def add(self, count: int, errors: NDArray[np.float64], watched: float, seconds: float) -> None:
        """Record a chunk."""
        if not self.errors:
            self.first_chunk = (count, seconds)
        self.errors.append(errors)
        self.watched = watched
        self.n_iter += count
        self.seconds += seconds

    @property
    def seconds_per_iteration(self) -> float:
        """Without the first chunk, if there is another."""
        skip, skipped = self.first_chunk
        if skip == self.n_iter:
            return self.seconds / self.n_iter
        return (self.seconds - skipped) / (self.n_iter - skip)


class Batch:
    """R runs from different starts that go through the loop together.

    Parameters
    ----------
    problem : Problem
    options : Options
        Of all the runs; its seed is of no account here.
    W0, H0 : (R, m, d) and (R, d, n) arrays
    checked : bool
        End a chunk at every check (every `check_every` iterations).
    record_every : int
        Record after as many iterations.
    """

    def __init__(
        self,
        problem: Problem,
        options: Options,
        W0: Array,
        H0: Array,
        *,
        checked: bool = False,
        record_every: int = 1,
    ) -> None:
        self.problem = problem
        self.why_solver = why_solver(options, problem)
        self.options = options = settle(options, problem)
        self.every = options.check_every if checked or options.tol else None
        self.ahead = 0.0 if checked or record_every > 1 else AHEAD
        self.stop_rule = stop = options.stopping
        loss, penalties = options.objective, options.penalties
        start = Point(problem, W0, H0, loss, penalties)
        needed = options.tol > 0 or stop.certifies
        self.first = stop.first(start) if needed else None
        self.watch = stop if needed and stop.own else None
        if needed and self.first is None:
            record_every = 1  # `tol` is relative to the first iteration
        self.runs = [Run() for _ in range(W0.shape[0])]
        if self.first is not None:
            for run, number in zip(self.runs, self.first, strict=True):
                run.last = float(number)
        self.start_kkt = float(start.kkt[0]) if len(self.runs) == 1 else None
        del start  # its factors on the device, before the loop has its own
        self.slots = list(range(len(self.runs)))  # which run is in each slot of the loop
        self.loop = Loop(
            problem,
            options.rule(self.watch),
            W0,
            H0,
            options.added,
            loss=loss,
            penalties=penalties,
            record_every=record_every,
            watch=self.watch,
            step_of=extrapolated_of
            if options.extrapolate
            else partial(iteration_of, by_columns=options.by_columns),
        )
        self.iteration = 0

    @property
    def going(self) -> list[int]:
        """The runs that have not stopped."""
        return [r for r, run in enumerate(self.runs) if not run.stopped_because]

    def __iter__(self) -> Iterator[int]:
        """Iterate to the end of all runs, yielding the length of every chunk done."""
        started = time.perf_counter()
        # Longer chunks are easier to share among threads, and neither the bar of a sweep nor
        # Ctrl-C, which loses the batch, is in a hurry.
        alone = len(self.runs) == 1
        each, ahead = (0.1, self.ahead) if alone else (1.0, 0.0)
        for count, recorded in chunks(self.loop, self.options.max_iter, self.every, each, ahead):
            seconds = (time.perf_counter() - started) / count
            done = self._record_checks(recorded, count, seconds)
            if done < count:
                self.loop.back_to(self.iteration)
            self._keep_stopped()
            yield done
            if not self.going:
                return
            self._compact()
            started = time.perf_counter()

    def _record_checks(self, recorded: NDArray[np.float64], count: int, seconds: float) -> int:
        """Record a chunk check by check, until all runs have stopped; how many iterations."""
        if self.every is None or count <= self.every - self.iteration % self.every:
            self._record(count, recorded, seconds * count)
            return count
        done = 0
        for end in range(self.every - self.iteration % self.every, count + self.every, self.every):
            end = min(end, count)
            if end > done and self.going:
                self._record(end - done, recorded[done:end], seconds * (end - done))
                done = end
        return done

    def _record(self, count: int, recorded: NDArray[np.float64], seconds: float) -> None:
        """Give each run its part of a chunk, and stop those that are done."""
        if not np.isfinite(recorded).all():
            raise FloatingPointError(
                f"the iteration overflowed {self.problem.dtype.name} after iteration "
                f"{self.iteration}; scale A, for instance divide it by its maximum"
            )
        going = self.going
        self.iteration += count
        watched = recorded[:, -1]  # the rule's number, or the error where it measures none
        if self.first is None:
            self.first = watched[0]
        for slot, r in enumerate(self.slots):
            if r in going:
                now = float(watched[-1, slot])
                self.runs[r].add(count, recorded[:, 0, slot], now, seconds / len(going))
        if self.options.tol and self.iteration % self.options.check_every == 0:
            self._check(going)
        if self.iteration == self.options.max_iter:
            self.stop(f"max_iter = {self.options.max_iter} reached")

    def _check(self, going: list[int]) -> None:
        """Stop the runs that have converged."""
        assert self.first is not None  # with a `tol` it is measured
        options = self.options
        for r in going:
            run, first = self.runs[r], float(self.first[r])
            run.converged = self.stop_rule.met(first, run.last, run.watched, options.tol)
            run.last = run.watched
            if run.converged:
                run.stopped_because = self.stop_rule.sentence.format(
                    tol=options.tol, check_every=options.check_every
                )

    def _keep_stopped(self) -> None:
        """Keep the factors of runs that stopped while others go on."""
        for r in self.slots if self.going else ():
            if self.runs[r].stopped_because and self.runs[r].factors is None:
                self.runs[r].factors = self._factors(r)

    def stop(self, because: str) -> None:
        """Stop all the runs that are going."""
        for r in self.going:
            self.runs[r].stopped_because = because

    def _compact(self) -> None:
        """Drop stopped runs from the loop once they are so many of it that this pays."""
        going, backend = self.going, self.problem.backend
        # A compiled loop would have to be compiled again: more than it saves.
        few = len(going) <= (1 - backend.idle_part) * len(self.slots)
        if few and not backend.recompiles_for_shapes:
            self.loop.keep([self.slots.index(r) for r in going])
            self.slots = going

    def _factors(self, r: int) -> tuple[Array, Array]:
        """W (m, d) and H (d, n) of a run as they stand in the loop, copied."""
        return self.problem.factors_of(self.loop.state, self.slots.index(r))

    def result(self, r: int = 0, seed: int | None = None) -> Factorization:
        """The factorization of a run as it stands; its factors are the backend's arrays."""
        problem, run = self.problem, self.runs[r]
        W, H = run.factors or self._factors(r)
        recorded = record(self.options, problem)
        if seed is not None:
            recorded["seed"] = seed
        if self.why_solver:
            recorded["why_solver"] = self.why_solver
        kkt = None
        if self.watch and self.watch.certifies and self.first is not None:
            kkt = relative(run.watched, float(self.first[r]))
        return Factorization(
            W=W,
            H=H,
            errors=np.concatenate(run.errors),
            n_iter=run.n_iter,
            stride=self.loop.record_every,
            norm=math.sqrt(problem.norm2),
            kkt=kkt,
            converged=run.converged,
            stopped_because=run.stopped_because,
            seconds=run.seconds,
            seconds_per_iteration=run.seconds_per_iteration,
            flops_per_iteration=problem.flops(self.options.rank),  # of one inner step
            settings=recorded,
        )

    def certified(self) -> Factorization:
        """The factorization of a batch of one, with the KKT residual where it stands."""
        assert self.start_kkt is not None  # of a batch of one it is measured
        W, H = self.problem.factors(self.loop.state)
        loss, penalties = self.options.objective, self.options.penalties
        kkt = Point(self.problem, W, H, loss, penalties).kkt[0]
        return replace(self.result(), kkt=relative(kkt, self.start_kkt))
