"""A sweep that is planned: what of it is missing, and where that is to go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..callers import warn_caller
from ..core import Problem, record
from ..intake import Given, fingerprint
from ..options import COMMON, Options
from ..progress import Progress
from ..results import Factorization, Interrupted
from .here import Finished, Here
from .store import KEEP, NAMES, Key, Row, Store, key_of, listed
from .table import SweepResult
from .workers import WorkerError


@dataclass(repr=False)
class Sweep:
    """A sweep that is planned: what is missing, and where it is to go.

    Attributes
    ----------
    given : Given
        The data.
    plan : list of Options
        All its runs.
    place : Here
        Where they are computed.
    keep : {'best', 'all', 'none'}
    result : SweepResult
        What there is so far.
    """

    given: Given
    plan: list[Options]
    place: Here
    keep: str
    result: SweepResult = field(default_factory=lambda: SweepResult([]))

    def __post_init__(self) -> None:
        self.result.options = self.options

    @property
    def problem(self) -> Problem:
        """The data, made ready."""
        return self.place.problem

    @property
    def options(self) -> Row:
        """The options that all its runs have in common."""
        return {name: getattr(self.plan[0], name) for name in COMMON}

    @property
    def settings(self) -> Row:
        """What all its runs have in common, matrices by their fingerprints."""
        fixed = self.problem.fixed
        names, reference = self.given.labels.fingerprint, self.place.reference
        held = {"W_fixed": fixed.W, "H_fixed": fixed.H}
        return {
            **self.options,
            "dtype": self.problem.dtype.name,
            "keep": self.keep,
            "data": self.given.fingerprint,
            "reference": reference and reference.given.fingerprint,
            **{name: fingerprint(x) for name, x in held.items() if x is not None},
            **({} if names is None else {NAMES: names}),
        }

    @contextmanager
    def kept_in(self, path: str | os.PathLike[str], about: dict[str, Any]) -> Iterator[None]:
        """Keep the runs in a folder meanwhile, and take over those that it has."""
        about = {**record(self.plan[0], self.problem), **self.place.about, **about}
        with Store.open(path, self.settings, about) as store:
            store.look()
            self.result = SweepResult.of(store)
            todo = {(run.rank, run.seed) for run in self.missing}
            self.result.skipped = sum((run.rank, run.seed) not in todo for run in self.plan)
            yield

    @property
    def missing(self) -> list[Options]:
        """The runs that are not done; of a rank that has none, those whose factors are lost."""
        done = set(map(key_of, self.result.table))
        todo = [run for run in self.plan if (run.rank, run.seed) not in done]
        # What is still to be done of a rank may be better than what is lost.
        ranks = {run.rank for run in self.plan} - {run.rank for run in todo}
        lost = [key for key in sorted(self.lost) if key[0] in ranks]
        return todo + [replace(self.plan[0], rank=rank, seed=seed) for rank, seed in lost]

    @property
    def lost(self) -> set[Key]:
        """The runs whose factors should be in the folder, and are not; planned or not."""
        return set() if self.result.store is None else self.result.store.lost

    def _tell(self, runs: list[Options]) -> None:
        """Warn of those runs that are done again."""
        again = self.lost & {(run.rank, run.seed) for run in runs}
        if again and self.result.store is not None:
            faults = map(self.result.store.told, sorted(again))
            warn_caller(f"{listed(faults)}; done again")

    def cost(self, runs: Iterable[Options]) -> float:
        """Operations of some runs, if they go on to their last iterations."""
        return sum(map(self.place.cost, runs))

    def run(self, bar: Progress, label: str = "") -> SweepResult:
        """Do what is missing; `label` goes before what the bar says."""
        with self.problem.backend.scope(self.problem.A):
            # Once; where what was done again is not the best any more, as on another machine, the
            # factors of what is may be lost as well.
            while missing := self.missing:
                self._tell(missing)
                with closing(self.place.run(missing, bar, label)) as batches:
                    for finished in batches:
                        self.take_in(finished)
                        del finished  # or the next batch would run beside them
        self.result.table.sort(key=key_of)
        return self.result

    def interrupted(self) -> Interrupted:
        """What Ctrl-C leaves: the finished runs, of which a folder knows best."""
        result = self._finished
        done = len(result.table)
        return Interrupted(result, f"interrupted after {done} of {len(self.plan)} runs")

    def without(self, error: WorkerError) -> WorkerError:
        """What a worker that is lost leaves: likewise."""
        result = self._finished
        kept = "in its result" if result.store is None else f"in {result.store.path}"
        found = WorkerError(
            f"{error}; {len(result.table)} of {len(self.plan)} runs are finished, and {kept}"
            + ("" if result.store is None else ": the same command does the rest")
        )
        found.result = result
        return found

    @property
    def _finished(self) -> SweepResult:
        """The finished runs, in their order."""
        result = self.result
        if result.store is not None:
            result = SweepResult.of(Store.read(result.store.path), result.skipped)
        result.table.sort(key=key_of)
        return result

    def take_in(self, finished: list[Finished]) -> None:
        """Keep what is to be kept of finished runs."""
        rows = [row for row, _ in finished]
        new = set(map(key_of, rows))
        wanted = KEEP[self.keep]([*(x for x in self.result.table if key_of(x) not in new), *rows])
        kept = {
            key_of(row): self._to_caller(result)
            for row, result in finished
            if result is not None and key_of(row) in wanted
        }
        self.result.add(rows, kept, wanted)

    def _to_caller(self, result: Factorization) -> Factorization:
        """The factorization with its factors of the kind of A, and its names."""
        return self.given.dress(result, self.problem.backend, self.problem.fixed.names)

    def __repr__(self) -> str:
        return f"<Sweep of {len(self.plan)} runs, {len(self.missing)} of them to do>"
