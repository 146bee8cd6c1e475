"""Sweeps: ranks × seeds of one matrix, the runs of a rank packed into batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from .backends.base import Array
from .nmf import check_delta, progress_bar
from .problem import Problem, as_matrix, check_entries, fingerprint, prepare, residual2
from .results import Factorization
from .run import Batch, Settings, record
from .starts import random_start
from .store import KEEP, Row, Store, best_of

BAR = "{l_bar}{bar}| {postfix} [{elapsed}<{remaining}]"


@dataclass
class SweepResult:
    """What a sweep found.

    Attributes
    ----------
    table : list of dict
        One row a run, ordered by rank and seed: rank, seed, error, relative_error,
        reference_error (against the reference, else None), iterations, converged,
        stopped_because, seconds (its share of its batch's wall time), backend, device.
    factorizations : dict
        Those kept, by (rank, seed).
    store : Store, optional
        The folder, where the sweep had one.
    skipped : int
        Runs that the folder already had.
    """

    table: list[Row]
    factorizations: dict[tuple[int, int], Factorization] = field(default_factory=dict)
    store: Store | None = None
    skipped: int = 0

    def best_row(self, rank: int) -> Row:
        """The row with the lowest error at that rank.

        Raises
        ------
        KeyError
            If there is no run of that rank.
        """
        rows = [row for row in self.table if row["rank"] == rank]
        if not rows:
            ranks = sorted({row["rank"] for row in self.table})
            raise KeyError(f"no run of rank {rank}; there are ranks {ranks}")
        return min(rows, key=lambda row: (row["error"], row["seed"]))

    def best(self, rank: int) -> Factorization:
        """The factorization with the lowest error at that rank.

        Raises
        ------
        KeyError
            If there is no run of that rank, or its factors were not kept.
        """
        key = (rank, self.best_row(rank)["seed"])
        if key in self.factorizations:
            return self.factorizations[key]
        if self.store is None or not self.store.factors(*key).exists():
            raise KeyError(f"the factors of rank {rank} were not kept; sweep with keep='best'")
        return Factorization.load(self.store.factors(*key))

    def summary(self) -> list[dict[str, Any]]:
        """Per rank: the number of runs, and median, min and max of their errors over seeds."""
        return summarize(self.table)


def summarize(table: list[Row]) -> list[dict[str, Any]]:
    """Per rank: runs, and {error, relative_error, reference_error}_{median, min, max}."""
    rows = []
    for rank in sorted({row["rank"] for row in table}):
        runs = [row for row in table if row["rank"] == rank]
        row: dict[str, Any] = {"rank": rank, "runs": len(runs)}
        for name in ("error", "relative_error", "reference_error"):
            values = [run[name] for run in runs if run[name] is not None]
            for statistic in ("median", "min", "max"):
                value = float(getattr(np, statistic)(values)) if values else None
                row[f"{name}_{statistic}"] = value
        rows.append(row)
    return rows


def best_rank(summary: list[dict[str, Any]]) -> int | None:
    """The rank whose median error against the reference is lowest, if there is a reference."""
    rows = [row for row in summary if row["reference_error_median"] is not None]
    if not rows:
        return None
    return int(min(rows, key=lambda row: float(row["reference_error_median"]))["rank"])


def draw(store: Store) -> None:
    """Write ``sweep.png`` and ``sweep.svg`` into a sweep's folder, once there are runs."""
    from . import plots  # late: matplotlib is slow to import

    if store.rows:
        figure = plots.sweep(summarize(store.rows))
        for ending in ("png", "svg"):
            plots.save(figure, store.path / f"sweep.{ending}")


def sweep(
    A: Any,
    ranks: Iterable[int],
    seeds: int | Iterable[int] = 5,
    *,
    max_iter: int = 1000,
    tol: float = 0.0,
    check_every: int = 10,
    delta: float = 1e-9,
    reference: Any = None,
    dtype: Any = None,
    backend: str | None = None,
    memory: int | None = None,
    keep: str = "best",
    store: str | os.PathLike[str] | None = None,
    about: dict[str, Any] | None = None,
    progress: bool = False,
) -> SweepResult:
    """Factorize one matrix at many ranks from many seeds.

    The runs of a rank go through the loop together, so that A is read once per half-step for
    all of them. Each gives what `nmf` gives with its rank and seed.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`.
    ranks : iterable of int
        Each once.
    seeds : int or iterable of int
        So many, from 0; or which.
    max_iter, tol, check_every, delta, dtype, backend
        As for `nmf`; every run stops by itself. Errors are recorded every `check_every`
        iterations.
    reference : (m, n) array, optional
        What A should have been (the images without noise): ‖reference − W H‖_F is reported.
    memory : int, optional
        Most bytes that the sweep may take on the device; by default 80 % of what is free.
    keep : {'best', 'all', 'none'}
        Whose factors are kept: the best run's of each rank, all, or none.
    store : path, optional
        Folder to keep the runs in. A sweep that was interrupted goes on where it was; one
        with other settings or data is refused.
    about : dict, optional
        What to write of the data into the store.
    progress : bool
        Show one progress bar for the whole sweep on stderr.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a setting out of range.
    nmf_accel.BackendError
        If the backend that was asked for cannot run on this machine.
    nmf_accel.StoreError
        If the folder holds another sweep, or is damaged.
    """
    plan = _plan(ranks, seeds, keep, max_iter, tol, check_every, delta)
    problem = prepare(A, dtype, backend)
    check_delta(problem, delta)
    reference = None if reference is None else _checked_reference(problem, reference)
    folder = None
    if store is not None:
        settings = {k: v for k, v in asdict(plan[0]).items() if k not in ("rank", "seed")}
        settings |= {"dtype": problem.dtype.name, "keep": keep, "data": fingerprint(A)}
        settings["reference"] = None if reference is None else fingerprint(reference)
        folder = Store.open(store, settings, {**record(plan[0], problem), **(about or {})})
    result = SweepResult(list(folder.rows) if folder else [], store=folder)
    done = {(row["rank"], row["seed"]) for row in result.table}
    missing = [s for s in plan if (s.rank, s.seed) not in done]
    result.skipped = len(plan) - len(missing)
    with problem.backend.scope(problem.A):
        runner = _Runner(problem, reference, memory, keep, result, problem.backend.owns(A))
        runner.go(missing, progress)
    if folder is not None:
        draw(folder)
    result.table.sort(key=lambda row: (row["rank"], row["seed"]))
    return result


def _plan(
    ranks: Iterable[int], seeds: int | Iterable[int], keep: str, *numbers: Any
) -> list[Settings]:
    """The settings of every run, by rank and seed."""
    if isinstance(seeds, (int, np.integer)):
        if seeds < 1:
            raise ValueError(f"seeds is {seeds}; at least one is needed")
        seeds = range(int(seeds))
    axes = {"ranks": list(ranks), "seeds": list(seeds)}
    for name, values in axes.items():
        if not values:
            raise ValueError(f"{name} is empty; at least one is needed")
        twice = sorted({x for x in values if values.count(x) > 1})
        if twice:
            raise ValueError(f"{name} has {', '.join(map(str, twice))} more than once")
    if keep not in KEEP:
        raise ValueError(f"keep is {keep!r}; it must be one of {', '.join(KEEP)}")
    return [Settings(rank, seed, *numbers) for rank in axes["ranks"] for seed in axes["seeds"]]


def _checked_reference(problem: Problem, reference: Any) -> Array:
    reference = as_matrix(reference, "reference")
    if reference.shape != problem.shape:
        raise ValueError(f"reference has shape {reference.shape}, but A has {problem.shape}")
    with problem.backend.scope(problem.A):
        reference = problem.backend.asarray(reference, problem.A.dtype)
        check_entries(problem.backend, reference, "reference")
    return reference


def bytes_per_run(problem: Problem, rank: int) -> int:
    """Memory that one run of a batch takes, at its peak."""
    (m, n), size = problem.shape, problem.dtype.itemsize
    factors = rank * (m + n)
    # The state before and after an iteration, the products in between, the factors on their
    # way in and out; the starts are float64.
    return factors * (6 * size + 8) + 3 * rank**2 * size


def runs_per_batch(problem: Problem, rank: int, count: int, memory: int | None) -> int:
    """How many of `count` runs of a rank go into each batch, as few and as equal as possible.

    Raises
    ------
    ValueError
        If not even one run fits into `memory` beside the data.
    """
    size = problem.dtype.itemsize
    free = int(0.8 * problem.backend.free_memory()) if memory is None else memory
    if memory is not None:
        free -= problem.A.shape[0] * problem.A.shape[1] * size
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
class _Runner:
    """Runs what is missing, batch by batch, and puts it where it belongs."""

    problem: Problem
    reference: Array | None
    memory: int | None
    keep: str
    result: SweepResult
    on_device: bool

    def go(self, missing: list[Settings], progress: bool) -> None:
        """Run all."""
        batches = list(self.batches(missing))  # refuses what does not fit before anything runs
        work = float(sum(self.work(s) * s.max_iter for s in missing))
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
        return float(settings.rank * (m * n + settings.rank * (m + n)))

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
        starts = [random_start(problem.shape, first.rank, seed, problem.mean) for seed in seeds]
        W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
        return Batch(problem, first, W0, H0, stride=first.check_every)

    def finish(self, batch: Batch, runs: list[Settings]) -> None:
        """Take in the results of a batch."""
        results = [batch.result(r, s.seed) for r, s in enumerate(runs)]
        rows = [self.row(result) for result in results]
        table, rank = self.result.table, runs[0].rank
        best = best_of([row for row in table if row["rank"] == rank] + rows)[rank]["seed"]
        kept = {
            result.settings["seed"]: self.to_host(result)
            for result in results
            if self.keep == "all" or (self.keep == "best" and result.settings["seed"] == best)
        }
        if self.result.store is not None:
            self.result.store.add(rows, kept)
        else:
            held = self.result.factorizations
            if self.keep == "best" and kept:
                for key in [key for key in held if key[0] == rank]:
                    del held[key]
            held.update({(rank, seed): result for seed, result in kept.items()})
        table += rows

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
        Wt = backend.xp.matrix_transpose(result.W)[None, ...]
        error2 = residual2(backend, self.reference, Wt, result.H[None, ...])
        return float(np.sqrt(backend.to_numpy(error2)[0]))

    def to_host(self, result: Factorization) -> Factorization:
        """The factorization with its factors where A is."""
        if self.on_device:
            return result
        backend = self.problem.backend
        return replace(result, W=backend.to_numpy(result.W), H=backend.to_numpy(result.H))
