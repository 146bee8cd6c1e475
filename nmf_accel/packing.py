"""Many runs of one matrix, packed into batches as large as the memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import give_back
from .backends.base import Array
from .measures import residual2
from .nmf import progress_bar
from .problem import Problem
from .results import Factorization
from .run import Batch
from .settings import Settings
from .sparse import Sparse
from .store import Row, Store, best_of

BAR = "{l_bar}{bar}| {postfix} [{elapsed}<{remaining}]"


def bytes_per_run(problem: Problem, rank: int) -> int:
    """Memory that one run of a batch takes, at its peak."""
    (m, n), size = problem.shape, problem.dtype.itemsize
    factors = rank * (m + n)
    # The state before and after an iteration, the products in between, the factors on their
    # way in and out; the starts are float64.
    residual = 2 * n * (1 if isinstance(problem.A, Sparse) else -(-m // 32))
    return factors * (6 * size + 8) + (3 * rank**2 + residual) * size


def runs_per_batch(problem: Problem, rank: int, count: int, memory: int | None) -> int:
    """How many of `count` runs of a rank go into each batch; few batches, about equal.

    Raises
    ------
    ValueError
        If not even one run fits into `memory` beside the data.
    """
    size = problem.dtype.itemsize
    free = int(0.8 * problem.backend.free_memory()) if memory is None else memory
    if memory is not None:
        free -= problem.nbytes
    free -= 2 * 2**20 * size  # blocks of the residual
    fit = free // bytes_per_run(problem, rank)
    if fit < 1:
        if memory is not None:
            need = memory - free + bytes_per_run(problem, rank)
            raise ValueError(
                f"memory is {memory:,} bytes, but a run of rank {rank} takes {need:,} here"
            )
        fit = 1  # what is free is an estimate: try
    return -(-count // -(-count // fit))


@dataclass
class Runner:
    """Runs what is missing, batch by batch, and puts it where it belongs."""

    problem: Problem
    reference: Array | Sparse | None
    memory: int | None
    keep: str
    given: Any
    table: list[Row]
    held: dict[tuple[int, int], Factorization]
    store: Store | None

    def go(self, missing: list[Settings], progress: bool) -> None:
        """Run all."""
        batches = list(self.batches(missing))  # refuses what does not fit before anything runs
        work = sum(self.work(s) * s.max_iter for s in missing)
        done = 0
        with progress_bar(work, progress, bar_format=BAR) as move:
            for runs, size in batches:
                text = f"{done}/{len(missing)} runs done, rank {runs[0].rank}"
                batch = self.start(runs, size)
                for count in batch:
                    move(count * self.work(runs[0]) * len(runs), text)
                # Runs that stopped by themselves leave the rest of their work undone.
                left = runs[0].max_iter - batch.iteration
                move(left * self.work(runs[0]) * len(runs), text)
                self.finish(batch, runs)
                done += len(runs)

    def work(self, settings: Settings) -> float:
        """Cost of an iteration of one run, up to a factor."""
        m, n = self.problem.A.shape
        return float(settings.rank * (self.problem.entries + settings.rank * (m + n)))

    def batches(self, missing: list[Settings]) -> Iterator[tuple[list[Settings], int]]:
        """The missing runs, those of a rank together, as many at once as fit; and how many."""
        for rank in dict.fromkeys(s.rank for s in missing):
            runs = [s for s in missing if s.rank == rank]
            size = runs_per_batch(self.problem, rank, len(runs), self.memory)
            for k in range(0, len(runs), size):
                yield runs[k : k + size], size

    def start(self, runs: list[Settings], size: int) -> Batch:
        """A batch of these runs."""
        problem, first = self.problem, runs[0]
        seeds = [s.seed for s in runs]
        if problem.backend.compiles:
            # A smaller last batch would be compiled anew; fill it up with runs to throw away.
            seeds += [first.seed] * (size - len(runs))
        starts = [problem.draw(first.rank, seed, first.init) for seed in seeds]
        W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
        return Batch(problem, first, W0, H0, stride=first.check_every)

    def finish(self, batch: Batch, runs: list[Settings]) -> None:
        """Take in the results of a batch."""
        results = [batch.result(r, s.seed) for r, s in enumerate(runs)]
        rows = [self.row(result) for result in results]
        rank = runs[0].rank
        best = best_of([row for row in self.table if row["rank"] == rank] + rows)[rank]["seed"]
        kept = {
            result.settings["seed"]: self.to_caller(result)
            for result in results
            if self.keep == "all" or (self.keep == "best" and result.settings["seed"] == best)
        }
        if self.store is not None:
            self.store.add(rows, kept)
        else:
            if self.keep == "best" and kept:
                for key in [key for key in self.held if key[0] == rank]:
                    del self.held[key]
            self.held.update({(rank, seed): result for seed, result in kept.items()})
        self.table += rows

    def row(self, result: Factorization) -> Row:
        """The line of a run."""
        summary = result.summary()
        names = ("rank", "seed", "error", "relative_error", "iterations", "converged")
        return {
            **{name: summary[name] for name in names},
            "reference_error": self.reference_error(result),
            **{name: summary[name] for name in ("stopped_because", "seconds", "backend", "device")},
        }

    def reference_error(self, result: Factorization) -> float | None:
        """‖reference − W H‖_F."""
        if self.reference is None:
            return None
        backend = self.problem.backend
        Wt = result.W.mT[None, ...]
        error2 = residual2(backend, self.reference, Wt, result.H[None, ...])
        return float(np.sqrt(backend.to_numpy(error2)[0]))

    def to_caller(self, result: Factorization) -> Factorization:
        """The factorization with its factors of the library of A."""
        W, H = (give_back(x, self.given, self.problem.backend) for x in (result.W, result.H))
        return replace(result, W=W, H=H)
