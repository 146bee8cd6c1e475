"""All factorizations of a study: sweeps, whose stores keep them on disk."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.problem import flops
from ..intake import Given, prepare
from ..options import COMMON
from ..progress import Part, Progress
from ..results import Factorization
from ..sweeps import Here, Packing, Sweep, SweepResult, planned_runs, readable
from .settings import StudySettings


def cost(shape: tuple[int, ...], rank: int, max_iter: int) -> float:
    """Operations of a run on a matrix of that shape, if nothing of it can be spared."""
    return max_iter * flops(shape, math.prod(shape), rank)


@dataclass(frozen=True)
class Runs:
    """Where the factorizations of a study come from.

    Attributes
    ----------
    settings : StudySettings
    folder : Path, optional
        Keeps finished runs, in a folder for each matrix and settings, which is a sweep's. A run
        that is there is loaded, not made again.
    progress : Progress
    """

    settings: StudySettings
    folder: Path | None = None
    progress: Progress = field(default_factory=Progress)

    def factorize_ranks(
        self, A: Any, ranks: Iterable[int], name: str, seed: int | None = None
    ) -> dict[int, Factorization]:
        """Factorize `A` at each rank.

        Parameters
        ----------
        A : (m, n) array
        ranks : iterable of int
        name : str
            Of the matrix, for the folder.
        seed : int, optional
            Of the random start; by default the study's.
        """
        seed = self.settings.seed if seed is None else seed
        ranks = list(ranks)
        result = self.sweep(A, ranks, [seed], name)
        return {rank: result.factorization(rank, seed) for rank in ranks}

    def sweep(
        self,
        A: Any,
        ranks: Iterable[int],
        seeds: Iterable[int],
        name: str,
        keep: str = "all",
        **options: Any,
    ) -> SweepResult:
        """Factorize `A` at each rank from each seed: the one place where a study runs the loop.

        Parameters
        ----------
        A : (m, n) array
        ranks, seeds : iterable of int
        name : str
            Of the matrix, for the folder.
        keep : {'all', 'best', 'none'}
            Whose factors are kept.
        **options
            As for `nmf_accel.sweep`, in the place of the study's own or beside them.
        """
        # Every error is recorded.
        plan = planned_runs(
            ranks, seeds, {**self.settings.run_options, "check_every": 1, **options}
        )
        given, where = Given(A), (getattr(self.settings, x) for x in ("dtype", "backend", "device"))
        problem = prepare(given, *where, folds=plan[0].folds)
        sweep = Sweep(given, plan, Here(Packing(problem)), keep)
        whole = sum(cost(problem.shape, run.rank, run.max_iter) for run in plan)
        bar = Part(self.progress, whole / sweep.cost(plan))
        with self._kept(sweep, name):
            bar.skip(sweep.cost(plan) - sweep.cost(sweep.missing))
            result = sweep.run(bar, f"{name}: ")
        asked = {(run.rank, run.seed) for run in plan}  # the folder may have more
        rows = [row for row in result.table if (row["rank"], row["seed"]) in asked]
        return replace(result, table=rows)

    @contextmanager
    def _kept(self, sweep: Sweep, name: str) -> Iterator[None]:
        """Keep the runs of a sweep in its folder, if there is to be one."""
        if self.folder is None:
            yield
            return
        with sweep.kept_in(self.folder / f"{name}-{_digest(sweep)}", {"matrix": name}):
            self._take_over(sweep, name)
            yield

    def _take_over(self, sweep: Sweep, name: str) -> None:
        """Take in what a version before sweeps' folders left, of the same data and settings."""
        assert self.folder is not None
        same = {
            "data_sha256": sweep.given.fingerprint,
            "backend": sweep.problem.backend.name,
            "dtype": sweep.problem.dtype.name,
            **{name: sweep.settings[name] for name in self.settings.run_options},
        }
        for run in sweep.missing:
            same |= {"rank": run.rank, "seed": run.seed}
            path = self.folder / f"{name}-rank-{run.rank}-seed-{run.seed}.npz"
            if readable(path):
                found = Factorization.load(path)
                if all(found.settings.get(key) == value for key, value in same.items()):
                    sweep.take_in(sweep.place.measured([found]))

    def __repr__(self) -> str:
        return f"<Runs of {self.settings.dataset}, in {self.folder}>"


def _digest(sweep: Sweep) -> str:
    """A short name for the data and settings of a sweep, and its backend."""
    # What is a default does not count, so that an option to come does not change the name.
    settings = {
        name: value
        for name, value in sweep.settings.items()
        if name not in COMMON or value != COMMON[name].default
    }
    settings["backend"] = sweep.problem.backend.name
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
