"""Sweeps: ranks × seeds of one matrix, the runs of a rank packed into batches."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .arrays import fingerprint
from .backends.base import Array
from .packing import Runner
from .problem import Problem, prepare
from .results import Factorization
from .run import record
from .settings import Settings
from .sparse import Sparse
from .store import KEEP, Row, Store


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


def sweep(
    A: Any,
    ranks: Iterable[int],
    seeds: int | Iterable[int] = 5,
    *,
    max_iter: int = 1000,
    tol: float = 0.0,
    check_every: int = 10,
    delta: float | None = None,
    solver: str = "mu",
    inner: int | None = None,
    stop: str = "error",
    init: str = "random",
    l1_W: float = 0.0,
    l2_W: float = 0.0,
    l1_H: float = 0.0,
    l2_H: float = 0.0,
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
    max_iter, tol, check_every, delta, solver, inner, stop, init
    l1_W, l2_W, l1_H, l2_H, dtype, backend
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
    options = {
        "max_iter": max_iter,
        "tol": tol,
        "check_every": check_every,
        "delta": delta,
        "solver": solver,
        "inner": inner,
        "stop": stop,
        "init": init,
    }
    penalties = {"l1_W": l1_W, "l2_W": l2_W, "l1_H": l1_H, "l2_H": l2_H}
    plan = _plan(ranks, seeds, keep, {**options, **penalties})
    problem = prepare(A, dtype, backend)
    plan[0].on(problem)  # refuses what this problem does not allow
    clean = None if reference is None else _checked_reference(problem, reference)
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
        Runner(
            problem=problem,
            reference=clean,
            memory=memory,
            keep=keep,
            given=A,
            table=result.table,
            held=result.factorizations,
            store=folder,
        ).go(missing, progress)
    result.table.sort(key=lambda row: (row["rank"], row["seed"]))
    return result


def _plan(
    ranks: Iterable[int], seeds: int | Iterable[int], keep: str, options: dict[str, Any]
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
    return [Settings(rank, seed, **options) for rank in axes["ranks"] for seed in axes["seeds"]]


def _checked_reference(problem: Problem, reference: Any) -> Array | Sparse:
    options: dict[str, Any] = {"zero": True, "drop": False, "fold": False, "name": "reference"}
    prepared = prepare(reference, problem.dtype, problem.backend.name, **options)
    if prepared.shape != problem.shape:
        raise ValueError(f"reference has shape {prepared.shape}, but A has {problem.shape}")
    return prepared.A
