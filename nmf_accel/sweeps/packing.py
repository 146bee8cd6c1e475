"""Many runs of one matrix, packed into batches as large as the memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Batch, Problem
from ..options import Options
from ..progress import Progress
from ..results import Factorization
from .memory import runs_per_batch


@dataclass(frozen=True)
class Packing:
    """How the runs of a problem go through the loop together.

    Attributes
    ----------
    problem : Problem
    memory : int, optional
        Most bytes to take; by default 80 % of what is free.
    """

    problem: Problem
    memory: int | None = None

    def cost(self, run: Options) -> float:
        """Operations of a run, if it goes on to its last iteration."""
        return self.problem.flops(run.rank) * run.max_iter

    def run(
        self, missing: list[Options], bar: Progress, label: str = ""
    ) -> Iterator[list[Factorization]]:
        """Do all of these runs, yielding the results of each batch; the factors on the device."""
        batches = list(self.batches(missing))  # refuses what does not fit before anything runs
        done = 0
        for runs, size in batches:
            first = runs[0]
            note = f"{label}{done}/{len(missing)} runs done, rank {first.rank}"
            work = self.problem.flops(first.rank) * len(runs)
            batch = self.start(runs, size)
            for count in batch:
                bar.add(count * work, note)
            # Runs that stopped by themselves leave the rest of their work undone.
            bar.add((first.max_iter - batch.iteration) * work, note)
            yield [batch.result(r, run.seed) for r, run in enumerate(runs)]
            del batch  # or the next one would be made beside it
            done += len(runs)

    def batches(self, missing: list[Options]) -> Iterator[tuple[list[Options], int]]:
        """The missing runs, those of a rank together, as many at once as fit; and how many."""
        for rank in dict.fromkeys(run.rank for run in missing):
            runs = [run for run in missing if run.rank == rank]
            size = runs_per_batch(self.problem, rank, len(runs), self.memory)
            for k in range(0, len(runs), size):
                yield runs[k : k + size], size

    def start(self, runs: list[Options], size: int) -> Batch:
        """A batch of these runs."""
        problem, first = self.problem, runs[0]
        seeds = [run.seed for run in runs]
        if problem.backend.recompiles_for_shapes:
            # A smaller last batch would be compiled anew; fill it up with runs to throw away.
            seeds += [first.seed] * (size - len(runs))
        starts = [problem.draw(first.rank, seed, first.init) for seed in seeds]
        W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
        return Batch(problem, first, W0, H0, record_every=first.check_every)
