"""What a sweep found: a row a run, and what follows from the rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..options import COMMON
from ..results import Factorization
from .store import Key, Row, Store, best_of, key_of


@dataclass(repr=False)
class SweepResult:
    """What a sweep found.

    Attributes
    ----------
    table : list of dict
        One row a run, ordered by rank and seed: rank, seed, error, relative_error,
        held_out and in_sample (with `folds`, else None), reference_error (against the reference,
        else None), iterations, converged, stopped_because, seconds (its share of its batch's wall
        time), backend, device.
    factorizations : dict
        Those kept, by (rank, seed).
    store : Store, optional
        The folder, where the sweep had one.
    skipped : int
        Runs that the folder already had.
    options : mapping
        The options that all runs have in common, as they were asked for: loss, folds, and so on.
    """

    table: list[Row]
    factorizations: dict[tuple[int, int], Factorization] = field(default_factory=dict)
    store: Store | None = None
    skipped: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> SweepResult:
        """What a folder holds that a sweep has as its `store`, also while it is running.

        Raises
        ------
        nmf_accel.StoreError
            If it is not a sweep's, or is damaged.
        """
        return cls.of(Store.read(folder))

    @classmethod
    def of(cls, store: Store, skipped: int = 0) -> SweepResult:
        """What an open folder holds."""
        options = {name: x for name, x in store.settings.items() if name in COMMON}
        return cls(store.rows, store=store, skipped=skipped, options=options)

    @classmethod
    def checked(cls, result: Any) -> SweepResult:
        """What is one, as it is.

        Raises
        ------
        TypeError
            If it is none, such as the path of its folder.
        """
        if isinstance(result, cls):
            return result
        raise TypeError(
            f"a {type(result).__name__} is no SweepResult; SweepResult.read('rank/') reads one "
            "from its folder, and choice.sweep is that of a RankChoice"
        )

    def add(self, rows: list[Row], kept: dict[Key, Factorization], wanted: set[Key]) -> None:
        """Take in finished runs, also again; of all runs, only the `wanted` factors stay."""
        if self.store is not None:
            self.store.add(rows, kept)
        else:
            held = {**self.factorizations, **kept}
            self.factorizations = {key: x for key, x in held.items() if key in wanted}
        new = set(map(key_of, rows))
        self.table = [row for row in self.table if key_of(row) not in new] + rows

    def best_row(self, rank: int) -> Row:
        """The row with the lowest error at that rank.

        Raises
        ------
        KeyError
            If there is no run of that rank.
        """
        best = best_of(self.table)
        if rank not in best:
            raise KeyError(f"no run of rank {rank}; there are ranks {sorted(best)}")
        return best[rank]

    def best(self, rank: int) -> Factorization:
        """The factorization with the lowest error at that rank.

        Raises
        ------
        KeyError
            If there is no run of that rank, or its factors were not kept.
        nmf_accel.StoreError
            If its factors were kept in a folder, and are lost or damaged there.
        """
        return self._kept(rank, self.best_row(rank)["seed"], "best")

    def factorization(self, rank: int, seed: int) -> Factorization:
        """The factorization of that rank and seed.

        Raises
        ------
        KeyError
            If there is no such run, or its factors were not kept.
        nmf_accel.StoreError
            If its factors were kept in a folder, and are lost or damaged there.
        """
        if (rank, seed) not in map(key_of, self.table):
            raise KeyError(f"no run of rank {rank} and seed {seed}")
        return self._kept(rank, seed, "all")

    def kept(self, rank: int) -> Iterator[Factorization]:
        """The factorizations of a rank that were kept, by their seeds, one after the other.

        Raises
        ------
        KeyError
            If there is no run of that rank.
        nmf_accel.StoreError
            If one was kept in a folder, and is lost or damaged there.
        """
        self.best_row(rank)
        there = self.factorizations.keys() if self.store is None else self.store.wanted
        for seed in sorted(seed for of, seed in there if of == rank):
            yield self._kept(rank, seed, "all")

    def _kept(self, rank: int, seed: int, keep: str) -> Factorization:
        """The factorization of a run, which a sweep with `keep` would have kept."""
        if (rank, seed) in self.factorizations:
            return self.factorizations[rank, seed]
        if self.store is None or (rank, seed) not in self.store.wanted:
            raise KeyError(f"the factors of rank {rank} were not kept; sweep with keep={keep!r}")
        return self.store.load(rank, seed)

    def summary(self) -> list[dict[str, Any]]:
        """Per rank: the number of runs, and median, min and max of their errors over seeds."""
        return summarize(self.table)

    def __repr__(self) -> str:
        ranks = sorted({row["rank"] for row in self.table})
        where = "" if self.store is None else f" in {self.store.path}"
        return f"<SweepResult of {len(self.table)} runs, ranks {ranks}{where}>"


def summarize(table: Iterable[Row]) -> list[dict[str, Any]]:
    """Per rank: runs, and the median, min and max of each error, as in ``error_median``.

    Errors are error, relative_error, held_out and reference_error.
    """
    table, rows = list(table), []
    for rank in sorted({row["rank"] for row in table}):
        runs = [row for row in table if row["rank"] == rank]
        row: dict[str, Any] = {"rank": rank, "runs": len(runs)}
        for name in ("error", "relative_error", "held_out", "reference_error"):
            # Rows of before there were folds do not say.
            values = [run[name] for run in runs if run.get(name) is not None]
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
