"""The folder of a sweep: what is finished is on disk, whole, whatever happens next.

``sweep.json`` says which sweep it is, ``runs.jsonl`` has a line for every finished run, and
``factors/`` the factors that were kept. A run's factors are written before its line, so that
a line speaks of files that exist.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .results import Factorization, atomic_write

KEEP = ("best", "all", "none")

Row = dict[str, Any]


class StoreError(RuntimeError):
    """A folder that cannot take or give a sweep; the message says why."""


def best_of(rows: Iterable[Row]) -> dict[int, Row]:
    """The row with the lowest error at each rank; of equal ones the lowest seed."""
    best: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row["error"], row["seed"])):
        best.setdefault(row["rank"], row)
    return best


@dataclass
class Store:
    """A sweep's folder.

    Attributes
    ----------
    path : Path
    settings : dict
        What all its runs have in common, data and reference by their fingerprints.
    about : dict
        What else is known of the sweep that made it: versions, device, data set.
    rows : list of dict
        The finished runs.
    """

    path: Path
    settings: Row
    about: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def open(cls, path: str | os.PathLike[str], settings: Row, about: Row) -> Store:
        """The folder of this very sweep, made if it is not there.

        Raises
        ------
        StoreError
            If it holds another sweep, naming what differs, or cannot be written.
        """
        path = Path(path)
        if (path / "sweep.json").exists():
            store = cls.read(path)
            store.must_match(settings)
        else:
            store = cls(path, settings, about)
        try:
            (path / "factors").mkdir(parents=True, exist_ok=True)
            store.write_head()
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error}") from error
        return store

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Store:
        """What a folder holds, also while a sweep is writing to it.

        Raises
        ------
        StoreError
            If it is not a sweep's.
        """
        path = Path(path)
        try:
            head = json.loads((path / "sweep.json").read_text())
            settings, about = head["settings"], head["about"]
        except FileNotFoundError:
            raise StoreError(f"{path} holds no sweep: there is no sweep.json in it") from None
        except (ValueError, KeyError) as error:
            raise StoreError(f"{path / 'sweep.json'} is damaged: {error!r}") from error
        return cls(path, settings, about, _read_rows(path / "runs.jsonl"))

    def must_match(self, settings: Mapping[str, Any], other: str = "this sweep") -> None:
        """Raise if `settings` are not the store's."""
        differ = [
            f"{name} is {self.settings.get(name)!r} there and {settings.get(name)!r} in {other}"
            for name in sorted({*settings, *self.settings})
            if self.settings.get(name) != settings.get(name)
        ]
        if differ:
            raise StoreError(f"{self.path} holds another sweep: {'; '.join(differ)}")

    def write_head(self) -> None:
        """Write ``sweep.json``."""
        head = {"settings": self.settings, "about": self.about}
        with atomic_write(self.path / "sweep.json") as file:
            file.write(json.dumps(head, indent=1).encode())

    def factors(self, rank: int, seed: int) -> Path:
        """Where the factors of a run lie, if they were kept."""
        return self.path / "factors" / f"rank-{rank}-seed-{seed}.npz"

    def add(self, rows: list[Row], factorizations: Mapping[int, Factorization]) -> None:
        """Take in a finished batch: factors by seed first, then the lines, then tidy up."""
        for row in rows:
            if row["seed"] in factorizations:
                factorizations[row["seed"]].save(self.factors(row["rank"], row["seed"]))
        self._append(rows)
        self.rows += rows
        if self.settings["keep"] == "best":
            best = {(rank, row["seed"]) for rank, row in best_of(self.rows).items()}
            for key in {(row["rank"], row["seed"]) for row in self.rows} - best:
                self.factors(*key).unlink(missing_ok=True)

    def _append(self, rows: list[Row]) -> None:
        path = self.path / "runs.jsonl"
        with path.open("ab+") as file:
            _drop_broken_line(file)
            file.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())


def _read_rows(path: Path) -> list[Row]:
    """The whole lines of a file; of runs that are there twice, the first."""
    rows: dict[tuple[int, int], Row] = {}
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows.setdefault((row["rank"], row["seed"]), row)
        except (ValueError, KeyError) as error:
            raise StoreError(f"{path}, line {number} is damaged: {error!r}; remove it") from error
    return list(rows.values())


def _drop_broken_line(file: Any) -> None:
    """Cut off what a crash left behind the last whole line."""
    file.seek(0)
    content = file.read()
    if not content.endswith(b"\n"):
        file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def merge(paths: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Store:
    """One store with the runs of several, which must be of one sweep.

    Raises
    ------
    StoreError
        If settings or data differ, naming which, or `out` holds a sweep already.
    """
    stores = [Store.read(path) for path in paths]
    if not stores:
        raise StoreError("nothing to merge: name at least one folder")
    for other in stores[1:]:
        stores[0].must_match(other.settings, str(other.path))
    if (Path(out) / "sweep.json").exists():
        raise StoreError(f"{out} holds a sweep already; merge into a new folder")
    merged = Store.open(out, stores[0].settings, stores[0].about)
    home: dict[tuple[int, int], Store] = {}
    for store in stores:
        for row in store.rows:
            home.setdefault((row["rank"], row["seed"]), store)
    rows = [
        row for store in stores for row in store.rows if home[row["rank"], row["seed"]] is store
    ]
    wanted = {(r["rank"], r["seed"]) for r in best_of(rows).values()}
    for key, store in home.items():
        source = store.factors(*key)
        if source.exists() and (merged.settings["keep"] == "all" or key in wanted):
            with source.open("rb") as old, atomic_write(merged.factors(*key)) as new:
                shutil.copyfileobj(old, new)
    merged.add(sorted(rows, key=lambda row: (row["rank"], row["seed"])), {})
    return merged
