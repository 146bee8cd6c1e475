"""What the runs of a batch recorded, and which of them are done."""

from __future__ import annotations

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
        if self.first is None:
            self.first = recorded[0, -1].copy()
        ends = self._check(runs, count, watched) if self.options.tol else np.full(runs.size, count)
        done = int(ends.max())
        if not self._errors:
            self._first_chunk = (done, seconds * done / count / runs.size)
        records = -(-ends // self.every)
        errors = np.full((records.max(), self.going.size), np.nan)
        errors[:, slots] = recorded[: len(errors), 0]
        self._errors.append(errors)
        self._counts[runs] += records
        self.watched[runs] = watched[records - 1, np.arange(runs.size)]
        self.n_iter[runs] += ends
        self.seconds[runs] += seconds / count / runs.size * ends
        self.iteration += done
        if self.iteration == self.options.max_iter:
            self.stop(f"max_iter = {self.options.max_iter} reached")
        return done

    def _check(self, runs: Runs, count: int, watched: Floats) -> Runs:
        """Stop those of the runs that meet `tol`; after how many iterations of the chunk each."""
        options, rule = self.options, self.options.stopping
        each = options.check_every
        checks = np.arange(each - self.iteration % each, count + 1, each)
        if not checks.size:
            return np.full(runs.size, count)
        assert self.first is not None  # `take` has seen to that
        now = watched[-(-checks // self.every) - 1]
        last = np.concatenate([self._last[None, runs], now[:-1]])
        met = rule.met(self.first[runs], last, now, options.tol)
        self._last[runs] = now[-1]
        self.converged[runs] = met.any(axis=0)
        self._stop(
            runs[self.converged[runs]],
            rule.sentence.format(tol=options.tol, check_every=options.check_every),
        )
        return np.where(self.converged[runs], checks[met.argmax(axis=0)], count)

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
