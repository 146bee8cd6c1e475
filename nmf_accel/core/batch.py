"""Runs under way: a batch of factorizations of one matrix, each of which stops by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..losses import Loss
from ..options import Options
from ..results import Factorization
from ..types import NO_WALKS, Array, State, Walks, once
from .extrapolated import extrapolated_of
from .folds import leaving_out, mean_errors
from .iteration import StepOf, iteration_of
from .loop import Loop, chunks
from .problem import Point, Problem
from .recording import record
from .records import Records
from .settling import delta_inside, penalties_inside, settle, why_solver

AHEAD = 0.002
"""Seconds that a run may go ahead of the checks of its `tol`; it goes back to where that was met.

So a run of short iterations is not held up by being looked at after each.
"""


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
    step_of : callable, optional
        Gives the step, see `StepOf`; by default that of the options.
    own : tuple of arrays
        What such a step has at the end of its state, the first axis being that of the runs.

    Attributes
    ----------
    norm : float
        What the errors are relative to.
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
        step_of: StepOf | None = None,
        own: State = (),
    ) -> None:
        self.problem = problem
        self.why_solver = why_solver(options, problem)
        delta = delta_inside(options, problem) if options.method.uses_delta else 0.0
        self.options = options = settle(options, problem)
        self.every = options.check_every if checked or options.tol else None
        self.ahead = 0.0 if checked or record_every > 1 else AHEAD
        loss, stop, scale = problem.loss(options), options.stopping, problem.scale
        self.norm = scale.norm_outside(loss.norm(problem.A, problem.mean))
        penalties = penalties_inside(options, problem)
        needed = options.tol > 0 or stop.certifies
        self.watch = stop if needed and stop.own else None
        step_of = step_of or step_for(options, loss, self._walks(loss))
        if problem.left_out is not None:
            step_of, own = leaving_out(step_of), (*own, problem.left_out)
        W0, H0 = problem.fixed.into(problem.A, W0, H0)
        state = problem.start(loss, W0, H0)
        start = Point(problem, W0, H0, loss, penalties)
        first = stop.first(start) if needed else None
        if needed and first is None:
            record_every = 1  # `tol` is relative to the first iteration
        runs = W0.shape[0]
        self.records = Records(runs, options, first, record_every)
        del start  # with the copies that it may have of the factors
        self.slots = np.arange(runs)  # which run is in each slot of the loop
        self.kept: dict[int, tuple[Array, Array]] = {}  # W, H of runs that stopped before others
        self.loop = Loop(
            problem,
            options.rule(self.watch),
            state,
            delta,
            loss=loss,
            penalties=penalties,
            record_every=record_every,
            watch=self.watch,
            step_of=step_of,
            own=own,
        )

    def _walks(self, loss: Loss) -> Walks:
        """The kernels that may do its iterations: nothing is held, and no model is asked for."""
        plain = loss.walks and not self.problem.fixed
        told = self.watch is None or self.watch.told
        return self.options.walks if plain and told else NO_WALKS

    def __iter__(self) -> Iterator[int]:
        """Iterate to the end of all runs, yielding the length of every chunk done."""
        started = time.perf_counter()
        records = self.records
        # Longer chunks are easier to share among threads, and neither the bar of a sweep nor
        # Ctrl-C, which loses the batch, is in a hurry.
        each, ahead = (0.1, self.ahead) if records.going.size == 1 else (1.0, 0.0)
        for count, recorded in chunks(self.loop, self.options.max_iter, self.every, each, ahead):
            done = records.take(self.slots, count, recorded, time.perf_counter() - started)
            self._refuse_overflow(recorded, done)
            if done < count:
                self.loop.back_to(records.iteration)
            self.loop.before = None  # what was there before takes memory
            self._keep_stopped()
            yield done
            if not records.going.any():
                return
            self._compact()
            started = time.perf_counter()

    def _refuse_overflow(self, recorded: NDArray[np.float64], done: int) -> None:
        """Raise if what the loop recorded in so many iterations of a chunk is not finite.

        What is finite there and no number outside was refused by `Scale` before.
        """
        if not np.isfinite(recorded[: -(-done // self.records.every)]).all():
            raise FloatingPointError(
                f"the iteration overflowed {self.problem.dtype.name} after iteration "
                f"{self.records.iteration - done}; scale A, for instance divide it by its maximum"
            )

    def _keep_stopped(self) -> None:
        """Keep the factors of runs that stopped while others go on."""
        going = self.records.going
        if going.any():
            for r in self.slots[~going[self.slots]].tolist():
                if r not in self.kept:
                    self.kept[r] = self._factors(r)

    def _compact(self) -> None:
        """Drop stopped runs from the loop once they are so many of it that this pays."""
        going, backend = self.records.going[self.slots], self.problem.backend
        # A compiled loop would have to be compiled again: more than it saves.
        few = np.count_nonzero(going) <= (1 - backend.idle_part) * going.size
        if few and not backend.recompiles_for_shapes:
            self.loop.keep(np.flatnonzero(going))
            self.slots = self.slots[going]

    def _factors(self, r: int) -> tuple[Array, Array]:
        """W (m, d) and H (d, n) of a run as they stand in the loop, copied."""
        return self.problem.factors_of(self.loop.state, int(np.searchsorted(self.slots, r)))

    @once
    def settings(self) -> dict[str, Any]:
        """What is written down of all the runs."""
        why = {"why_solver": self.why_solver} if self.why_solver else {}
        return record(self.options, self.problem) | why

    def result(self, r: int = 0, seed: int | None = None) -> Factorization:
        """The factorization of a run as it stands; its factors are the backend's arrays."""
        problem, records = self.problem, self.records
        W, H = self.kept.get(r) or self._factors(r)
        W_outside, H_outside = problem.scale.factors_outside(problem.backend, W, H)
        own = {} if seed is None else {"seed": seed}
        errors = records.errors(r)
        kkt = held_out = in_sample = None
        if problem.left_out is not None:
            alone = replace(problem, left_out=problem.left_out[r : r + 1])
            loss = problem.loss(self.options)
            point = Point(alone, W[None, ...], H[None, ...], loss)
            held_out, in_sample = mean_errors(point, float(errors[-1]))
        if self.watch and self.watch.certifies:
            kkt = float(records.watched[r])
        return Factorization(
            W=W_outside,
            H=H_outside,
            errors=errors,
            n_iter=int(records.n_iter[r]),
            stride=records.every,
            norm=self.norm,
            kkt=kkt,
            held_out=held_out,
            in_sample=in_sample,
            converged=bool(records.converged[r]),
            stopped_because=records.stopped_because[r],
            seconds=float(records.seconds[r]),
            seconds_per_iteration=records.seconds_per_iteration(r),
            flops_per_iteration=problem.flops(self.options.rank),  # of one inner step
            settings=self.settings | own,
        )

    def certified(self) -> Factorization:
        """The factorization of a batch of one, with the KKT residual where it stands."""
        W, H = self.problem.factors(self.loop.state)
        loss = self.problem.loss(self.options)
        penalties = self.problem.scale.penalties_inside(self.options.penalties)
        here = Point(self.problem, W, H, loss, penalties, self.loop.carried)
        return replace(self.result(), kkt=float(here.kkt[0]))


def step_for(options: Options, loss: Loss, walks: Walks) -> StepOf:
    """What gives the step of an iteration with such options that minimizes this."""
    if options.extrapolate:
        return partial(extrapolated_of, walks=walks._replace(whole=""))
    by_columns = options.by_columns and loss.by_columns
    return partial(iteration_of, by_columns=by_columns, walks=walks)
