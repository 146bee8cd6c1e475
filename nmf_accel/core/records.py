"""What the runs of a batch recorded, and which of them are done."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..options import Options

Floats = NDArray[np.float64]
Runs = NDArray[np.intp]
"""Indices of runs."""


class Records:
    """The histories of R runs that began together, and how each stands with its stopping rule.

    Parameters
    ----------
    runs : int
        R.
    options : Options
        Of all the runs.
    first : (R,) array, optional
        The stopping rule's number at the start; by default that of the first iteration.
    every : int
        Iterations between two records.

    Attributes
    ----------
    iteration : int
        Iterations done.
    n_iter : (R,) array
        The same of each run, until it stopped.
    seconds : (R,) array
        Wall time, shared out among the runs that were going.
    watched : (R,) array
        The number that the stopping rule follows, as last recorded.
    going, converged : (R,) array
        Whether the run goes on; whether it met `tol`.
    stopped_because : list of str
        Why each run ended; empty while it goes on.
    """

    def __init__(self, runs: int, options: Options, first: Floats | None, every: int) -> None:
        self.options = options
        self.first = first
        self.every = every
        self.iteration = 0
        self.n_iter = np.zeros(runs, dtype=int)
        self.seconds = np.zeros(runs)
        self.watched = np.full(runs, np.nan)
        self.going = np.ones(runs, dtype=bool)
        self.converged = np.zeros(runs, dtype=bool)
        self.stopped_because = [""] * runs
        self._last = np.array(self.watched if first is None else first)  # at the last check
        self._errors: list[Floats] = []  # of each chunk, (records, R)
        self._counts = np.zeros(runs, dtype=int)  # how many of these belong to each run
        self._first_chunk = (0, 0.0)  # its iterations and seconds, some perhaps of a compiler

    def take(self, slots: Runs, count: int, recorded: Floats, seconds: float) -> int:
        """Take over what a chunk of the loop recorded, and stop the runs that are done.

        Parameters
        ----------
        slots : (S,) array
            The run in each slot of the loop.
        count : int
            Iterations of the chunk.
        recorded : (records, measures, S) array
            The error is the first measure; what the stopping rule follows, the last.
        seconds : float
            That the chunk took.

        Returns
        -------
        int
            Iterations until the last run stopped, or all of the chunk's.
        """
        here = self.going[slots]
        runs, watched = slots[here], recorded[:, -1, here]
        first = recorded[0, -1].copy() if self.first is None else self.first
        ends, met, last = self._check(runs, count, watched, first[runs])
        done, records = int(ends.max()), -(-ends // self.every)
        errors = np.full((records.max(), self.going.size), np.nan)
        errors[:, slots] = recorded[: len(errors), 0]
        after = copy.copy(self)
        if not self._errors:
            after._first_chunk = (count, seconds / runs.size)
        after.first = first
        after._errors = [*self._errors, errors]
        after._counts = added(self._counts, runs, records)
        after._last = put(self._last, runs, last)
        after.watched = put(self.watched, runs, watched[records - 1, np.arange(runs.size)])
        after.n_iter = added(self.n_iter, runs, ends)
        after.seconds = added(self.seconds, runs, seconds / count / runs.size * ends)
        after.iteration += done
        after.converged = put(self.converged, runs, met)
        after.going, after.stopped_because = self.going.copy(), [*self.stopped_because]
        options = self.options
        sentence = options.stopping.sentence
        after._stop(runs[met], sentence.format(tol=options.tol, check_every=options.check_every))
        if after.iteration == options.max_iter:
            after.stop(f"max_iter = {options.max_iter} reached")
        vars(self).update(vars(after))  # in one step: Ctrl-C may come between any two
        return done

    def _check(
        self, runs: Runs, count: int, watched: Floats, first: Floats
    ) -> tuple[Runs, NDArray[np.bool_], Floats]:
        """Hold runs against `tol` at every check of a chunk.

        Of each: after how many iterations of the chunk it ends, whether since it met `tol`, and its
        number at the last check.
        """
        each, tol = self.options.check_every, self.options.tol
        checks = np.arange(each - self.iteration % each, count + 1, each)
        if not (tol and checks.size):
            return np.full(runs.size, count), np.zeros(runs.size, dtype=bool), self._last[runs]
        now = watched[-(-checks // self.every) - 1]
        last = np.concatenate([self._last[None, runs], now[:-1]])
        with np.errstate(invalid="ignore"):  # what overflowed is refused by `Batch`
            at = self.options.stopping.met(first, last, now, tol)
        met = np.asarray(at.any(axis=0))
        return np.where(met, checks[at.argmax(axis=0)], count), met, now[-1]

    def stop(self, because: str) -> None:
        """Stop all the runs that are going."""
        self._stop(np.flatnonzero(self.going), because)

    def _stop(self, runs: Runs, because: str) -> None:
        self.going[runs] = False
        for r in runs:
            self.stopped_because[r] = because

    @property
    def error(self) -> Floats:
        """The errors last recorded, of the runs that were going: (R,)."""
        last: Floats = self._errors[-1][-1]
        return last

    def errors(self, r: int) -> Floats:
        """All errors recorded of a run."""
        if len(self._errors) > 1:
            self._errors = [np.concatenate(self._errors)]
        return self._errors[0][: self._counts[r], r].copy()

    def seconds_per_iteration(self, r: int) -> float:
        """Without the first chunk, if there is another."""
        skip, skipped = self._first_chunk
        if skip >= self.n_iter[r]:
            return float(self.seconds[r] / self.n_iter[r])
        return float((self.seconds[r] - skipped) / (self.n_iter[r] - skip))


def put(numbers: Any, runs: Runs, found: Any) -> Any:
    """A copy of the numbers of all runs, with those found of some."""
    after = numbers.copy()
    after[runs] = found
    return after


def added(numbers: Any, runs: Runs, found: Any) -> Any:
    """A copy of the numbers of all runs, with those found of some added."""
    return put(numbers, runs, numbers[runs] + found)
