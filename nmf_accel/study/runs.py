"""All factorizations of a study: sweeps, whose stores keep them on disk."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.problem import flops
from ..intake import Given, prepare
from ..options import COMMON
from ..progress import Part, Progress
from ..results import Factorization
from ..sweeps import Here, Packing, Sweep, planned_runs, readable
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
        """Factorize `A` at each rank: the one place where a study runs the loop.

        Parameters
        ----------
        A : (m, n) array
        ranks : iterable of int
        name : str
            Of the matrix, for the folder.
        seed : int, optional
            Of the random start; by default the study's.
        """
        ranks, settings = list(ranks), self.settings
        seed = settings.seed if seed is None else seed
        given = Given(A)
        problem = prepare(given, settings.dtype, settings.backend, settings.device)
        options = {**settings.run_options, "check_every": 1}  # every error is recorded
        sweep = Sweep(given, planned_runs(ranks, [seed], options), Here(Packing(problem)), "all")
        whole = sum(cost(problem.shape, rank, settings.max_iter) for rank in ranks)
        bar = Part(self.progress, whole / sweep.cost(sweep.plan))
        with self._kept(sweep, name):
            bar.skip(sweep.cost(sweep.plan) - sweep.cost(sweep.missing))
            result = sweep.run(bar, f"{name}: ")
            return {rank: result.factorization(rank, seed) for rank in ranks}

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
            **self.settings.run_options,
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
