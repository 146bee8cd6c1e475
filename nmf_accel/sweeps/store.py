"""The folder of a sweep: what is finished is on disk, whole, whatever happens next.

``sweep.json`` says which sweep it is, ``runs.jsonl`` has a line for every finished run, and
``factors/`` the factors that were kept. A run's factors are written before its line, so that
a line speaks of files that exist.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import atomic_write
from ..options import COMMON
from ..results import Factorization

Row = dict[str, Any]
Key = tuple[int, int]
"""Rank and seed of a run."""


class StoreError(RuntimeError):
    """A folder that cannot take or give a sweep; the message says why."""


def best_of(rows: Iterable[Row]) -> dict[int, Row]:
    """The row with the lowest error at each rank; of equal ones the lowest seed."""
    best: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row["error"], row["seed"])):
        best.setdefault(row["rank"], row)
    return best


def key_of(row: Row) -> Key:
    """Rank and seed."""
    return row["rank"], row["seed"]


NAMES = "names"
"""The setting that is the fingerprint of the names of A; it is left out where A has none."""

KEEP: dict[str, Callable[[Iterable[Row]], set[Key]]] = {
    "best": lambda rows: {key_of(row) for row in best_of(rows).values()},
    "all": lambda rows: {key_of(row) for row in rows},
    "none": lambda rows: set(),
}
"""Of which runs the factors are kept, given all rows."""


@dataclass(repr=False)
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
            before = {name: option.before for name, option in COMMON.items()}
            settings = {**before, **settings}
        except FileNotFoundError:
            raise StoreError(f"{path} holds no sweep: there is no sweep.json in it") from None
        except (ValueError, KeyError) as error:
            raise StoreError(f"{path / 'sweep.json'} is damaged: {error!r}") from error
        return cls(path, settings, about, _read_rows(path / "runs.jsonl"))

    def must_match(self, settings: Mapping[str, Any], other: str = "this sweep") -> None:
        """Raise if `settings` are not the store's; names, only if both have any."""
        differ = [
            f"{name} is {self.settings.get(name)!r} there and {settings.get(name)!r} in {other}"
            for name in sorted({*settings, *self.settings} - {NAMES})
            if self.settings.get(name) != settings.get(name)
        ]
        if differ:
            raise StoreError(f"{self.path} holds another sweep: {'; '.join(differ)}")
        names = {x for x in (self.settings.get(NAMES), settings.get(NAMES)) if x is not None}
        if len(names) > 1:
            raise StoreError(
                f"{self.path} holds a sweep of the same numbers, but the rows or columns of A have "
                f"other names there than in {other}; take a new folder, or give A the names that "
                "it had"
            )

    def __repr__(self) -> str:
        return f"<Store {self.path}: {len(self.rows)} runs>"

    def write_head(self) -> None:
        """Write ``sweep.json``."""
        head = {"settings": self.settings, "about": self.about}
        with atomic_write(self.path / "sweep.json") as file:
            file.write(json.dumps(head, indent=1).encode())

    def factors(self, rank: int, seed: int) -> Path:
        """Where the factors of a run lie, if they were kept."""
        return self.path / "factors" / f"rank-{rank}-seed-{seed}.npz"

    def add(self, rows: list[Row], factorizations: Mapping[Key, Factorization]) -> None:
        """Take in finished runs: the factors first, then the lines, then tidy up."""
        for key, factorization in factorizations.items():
            factorization.save(self.factors(*key))
        self._append(rows)
        self.rows += rows
        for key in {key_of(row) for row in self.rows} - KEEP[self.settings["keep"]](self.rows):
            self.factors(*key).unlink(missing_ok=True)

    def forget_unreadable(self) -> None:
        """Forget the runs whose factors should be there and cannot be read."""
        wanted = KEEP[self.settings["keep"]](self.rows)
        lost = {key for key in wanted if not readable(self.factors(*key))}
        if lost:
            self.rows = [row for row in self.rows if key_of(row) not in lost]
            with atomic_write(self.path / "runs.jsonl") as file:
                file.write(_lines(self.rows))

    def _append(self, rows: list[Row]) -> None:
        path = self.path / "runs.jsonl"
        with path.open("ab+") as file:
            _drop_broken_line(file)
            file.write(_lines(rows))
            file.flush()
            os.fsync(file.fileno())


def _read_rows(path: Path) -> list[Row]:
    """The whole lines of a file; of runs that are there twice, the first."""
    rows: dict[Key, Row] = {}
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows.setdefault(key_of(row), row)
        except (ValueError, KeyError) as error:
            raise StoreError(f"{path}, line {number} is damaged: {error!r}; remove it") from error
    return list(rows.values())


def _lines(rows: Iterable[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def readable(path: Path) -> bool:
    """Whether a file holds a whole factorization."""
    try:
        Factorization.load(path)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return False  # not there, cut off, damaged, or of a version to come
    return True


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
    home: dict[Key, Store] = {}
    for store in stores:
        for row in store.rows:
            home.setdefault(key_of(row), store)
    rows = [row for store in stores for row in store.rows if home[key_of(row)] is store]
    for key in KEEP[merged.settings["keep"]](rows):
        source = home[key].factors(*key)
        if source.exists():
            with source.open("rb") as old, atomic_write(merged.factors(*key)) as new:
                shutil.copyfileobj(old, new)
    merged.add(sorted(rows, key=key_of), {})
    return merged
