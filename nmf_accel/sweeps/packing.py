"""Many runs of one matrix, packed into batches as large as the memory allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Batch, Problem, too_little
from ..options import Options
from ..progress import Part, Progress
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
    beside : int
        Bytes of these that are taken already, beside A: by a reference.
    kept : int
        Bytes of these that results will take.
    sharing : int
        How many processes divide what is free among themselves.
    """

    problem: Problem
    memory: int | None = None
    beside: int = 0
    kept: int = 0
    sharing: int = 1

    def cost(self, run: Options) -> float:
        """Operations of a run, if it goes on to its last iteration."""
        return self.problem.flops(run.rank) * run.max_iter

    def run(
        self, missing: list[Options], bar: Progress, label: str = ""
    ) -> Iterator[list[Factorization]]:
        """Do all of these runs, yielding the results of each batch; the factors on the device."""
        todo = deque(self.batches(missing))  # refuses what does not fit before anything runs
        done = 0
        while todo:
            runs, size = todo.popleft()
            part = Part(bar, self.cost(runs[0]) / runs[0].max_iter * len(runs))
            note = f"{label}{done}/{len(missing)} runs done, rank {runs[0].rank}"
            results = self.attempt(runs, size, part, note)
            if results is None:  # the memory was planned too tightly, or somebody took some
                half = -(-size // 2)
                halves = [(runs[:half], half), (runs[half:], half)]
                todo.extendleft(x for x in reversed(halves) if x[0])
                continue
            yield results
            del results  # or the next ones would be made beside them
            done += len(runs)

    def attempt(
        self, runs: list[Options], size: int, bar: Progress, note: str
    ) -> list[Factorization] | None:
        """The results of a batch; None where there was not enough memory for it.

        Raises
        ------
        MemoryError
            If there was not enough for a batch of one.
        """
        first, backend, counted = runs[0], self.problem.backend, 0
        try:
            with backend.sized_for(size * self.problem.product(first.rank)):
                batch = self.start(runs, size)
                for count in batch:
                    counted += count
                    bar.add(count, note)
                # Runs that stopped by themselves leave the rest of their work undone.
                bar.add(first.max_iter - batch.records.iteration, note)
                return [batch.result(r, run.seed) for r, run in enumerate(runs)]
        except Exception as error:
            if not backend.out_of_memory(error):
                raise
            if size == 1:
                raise too_little(self.problem, first) from error
        bar.add(-counted, note)
        backend.release_memory()
        return None

    def batches(self, missing: list[Options]) -> Iterator[tuple[list[Options], int]]:
        """The missing runs, those of a rank together, as many at once as fit; and how many."""
        for rank in dict.fromkeys(run.rank for run in missing):
            runs = [run for run in missing if run.rank == rank]
            size = runs_per_batch(
                self.problem,
                runs[0],
                len(runs),
                self.memory,
                self.beside,
                self.kept,
                self.sharing,
            )
            for k in range(0, len(runs), size):
                yield runs[k : k + size], size

    def start(self, runs: list[Options], size: int) -> Batch:
        """A batch of these runs."""
        problem, first = self.problem, runs[0]
        seeds = [run.seed for run in runs]
        if problem.backend.recompiles_for_shapes:
            # A smaller last batch would be compiled anew; fill it up with runs to throw away.
            seeds += [first.seed] * (size - len(runs))
        problem = problem.leaving_out(seeds, first.folds)
        starts = [problem.draw(first.rank, seed, first.init) for seed in seeds]
        W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
        return Batch(problem, first, W0, H0, record_every=first.check_every)
