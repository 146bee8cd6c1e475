"""The folder of a sweep: what is finished is on disk, whole, whatever happens next.

``sweep.json`` says which sweep it is, ``runs.jsonl`` has a line for every finished run, and
``factors/`` the factors that were kept. A run's factors are written before its line, so that
a line speaks of files that exist; ``sweep.lock`` is held by the one process that writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...callers import warn_caller
from ...results import Factorization
from .errors import StoreError, listed
from .folder import FACTORS, HEAD, LOG, locked
from .head import FORMAT, UNWRITTEN, Head
from .kept import NAME, UNREADABLE, Seal, fault_in
from .lines import Line
from .lock import Lock
from .log import Found, Log
from .rows import KEEP, Key, Row, key_of

AGAIN = "the same sweep into this folder does that run again"


@dataclass(repr=False)
class Store:
    """A sweep's folder.

    Attributes
    ----------
    path : Path
    head : Head
        Which sweep it is.
    lines : dict
        The finished runs, by rank and seed.
    present : set
        The runs whose factors are known to be there, whole.
    lock : Lock, optional
        That of the folder, while this may write to it.
    """

    path: Path
    head: Head
    lines: dict[Key, Line] = field(default_factory=dict)
    present: set[Key] = field(default_factory=set)
    lock: Lock | None = None

    @property
    def settings(self) -> Row:
        """What all its runs have in common, data and reference by their fingerprints."""
        return self.head.settings

    @property
    def about(self) -> Row:
        """What else is known of the sweep that made it: versions, device, data set."""
        return self.head.about

    @property
    def rows(self) -> list[Row]:
        """The finished runs."""
        return [line.row for line in self.lines.values()]

    @property
    def log(self) -> Log:
        """The file of the lines."""
        return Log(self.path / LOG)

    @property
    def wanted(self) -> set[Key]:
        """The runs whose factors are to be there."""
        return KEEP[self.settings["keep"]](self.rows)

    @property
    def lost(self) -> set[Key]:
        """Those of them whose factors are not there, as far as was looked: see `look`."""
        return self.wanted - self.present

    @classmethod
    @contextmanager
    def open(cls, path: str | os.PathLike[str], settings: Row, about: Row) -> Iterator[Store]:
        """The folder of this very sweep, made if it is not there, to write to it alone.

        Lines that are damaged are dropped, so that their runs are missing.

        Raises
        ------
        StoreError
            If another process writes to it; if it holds another sweep, naming what differs; if it
            cannot be read or written.

        Warns
        -----
        UserWarning
            Of lines that are dropped.
        """
        path = Path(path)
        with locked(path) as lock:
            log = Log(path / LOG)
            if os.path.lexists(path / HEAD):
                head = Head.read(path / HEAD)
                head.must_match(path, settings, "this sweep")
                found = log.read()
            else:
                head, found = Head(settings, about, UNWRITTEN), log.read()
                must_be_own(found, head, log.path)
            store = cls(path, head, _checked(found, head, log.path), lock=lock)
            try:
                store._mend(found)
            except OSError as error:
                raise StoreError(f"{path} cannot be written: {error}") from error
            try:
                yield store
            finally:
                store.lock = None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Store:
        """What a folder holds, also while a sweep is writing to it.

        Raises
        ------
        StoreError
            If it is not a sweep's, or is damaged.
        """
        path = Path(path)
        head, log = Head.read(path / HEAD), Log(path / LOG)
        found = log.read()
        if found.missing and head.format > 1:
            raise StoreError(
                f"{log.path} is not there; the same sweep into this folder does its runs again"
            )
        if found.damaged:
            number, fault = next(iter(found.damaged.items()))
            raise StoreError(
                f"{log.path}, line {number} is damaged: {fault}; {AGAIN}, or remove the line"
            )
        return cls(path, head, _checked(found, head, log.path))

    def __repr__(self) -> str:
        return f"<Store {self.path}: {len(self.lines)} runs>"

    def factors(self, rank: int, seed: int) -> Path:
        """Where the factors of a run lie, if they were kept."""
        return self.path / FACTORS / f"rank-{rank}-seed-{seed}.npz"

    def fault(self, key: Key) -> str | None:
        """In which way the factors of a run are not there as they were written, or nothing."""
        line, path = self.lines[key], self.factors(*key)
        if line.seal is not None:
            return line.seal.fault(path)
        return fault_in(path, line.row) if line.settings is None else "was never kept"

    def load(self, rank: int, seed: int) -> Factorization:
        """The factors of a run that were kept.

        Raises
        ------
        StoreError
            If they are lost or damaged.
        """
        path = self.factors(rank, seed)
        if (fault := self.fault((rank, seed))) is None:
            try:
                return Factorization.load(path)
            except UNREADABLE as error:
                fault = f"is damaged: {error}"
        raise StoreError(f"{path} {fault}; unless a sweep is writing there, {AGAIN}")

    def told(self, key: Key) -> str:
        """The same as a sentence that begins with the file."""
        return f"{self.factors(*key)} {self.fault(key)}"

    def look(self) -> None:
        """Look which factors are there of those that are to be: every byte of them is read.

        Raises
        ------
        StoreError
            If there is a folder in the place of a file, so that nothing could be written there.
        """
        for key in self.wanted:
            if self.factors(*key).is_dir():
                raise StoreError(f"{self.factors(*key)} is a folder, and no file; remove it")
        self.present = {key for key in self.wanted if self.fault(key) is None}

    def add(self, rows: list[Row], factorizations: Mapping[Key, Factorization]) -> None:
        """Take in finished runs: the factors first, then the lines, then tidy up.

        A run that was done again takes the place of what was there of it.
        """
        if self.lock is None or self.lock.handle is None:
            raise StoreError(f"{self.path} is not open for writing")
        seals = {}
        for key, factorization in factorizations.items():
            path = self.factors(*key)
            if os.path.lexists(path) and not path.is_file():
                path.unlink()  # a pipe or a link to nowhere, which is no file to write to
            factorization.save(path)
            seals[key] = Seal.of(path)
        found = [Line(row, self.head.digest, seals.get(key_of(row))) for row in rows]
        # Those with factors first: of lines of which a crash leaves the first ones alone, the best
        # is then among these.
        found.sort(key=lambda line: line.seal is None)
        new = {line.key: line for line in found}
        if new.keys() & self.lines.keys():
            self.log.write([*{**self.lines, **new}.values()])
        else:
            self.log.append(new.values())
        self.lines |= new
        self.present |= seals.keys()
        self.tidy()

    def tidy(self) -> None:
        """Remove the factors of runs that are not kept any more."""
        wanted = self.wanted
        if len(wanted) < len(self.lines):
            names = filter(None, map(NAME.fullmatch, os.listdir(self.path / FACTORS)))
            there = {(int(name[1]), int(name[2])) for name in names}
            for key in (there & self.lines.keys()) - wanted:
                self.factors(*key).unlink(missing_ok=True)
            self.present &= wanted

    def _mend(self, found: Found) -> None:
        """Bring the files of a folder to what is written today, the head last."""
        if found.damaged:
            faults = [f"line {number} is damaged: {x}" for number, x in found.damaged.items()]
            warn_caller(
                f"{self.log.path}: {listed(faults)}; dropped, so that those of their runs that are "
                f"asked for are done again; the file as it was is {self.log.aside().name}"
            )
        if found.missing and self.head.format > 1:
            warn_caller(
                f"{self.log.path} is not there; those of its runs that are asked for are done again"
            )
        if found.damaged or found.missing or not found.tidy:
            self.log.write(self.lines.values())
        self.tidy()
        if self.head.format != FORMAT:
            self.head = Head(self.settings, self.about)
            self.head.write(self.path / HEAD)


def must_be_own(found: Found, head: Head, path: Path) -> None:
    """Raise if lines that lie in a folder without a head may be of another sweep."""
    for number, fault in found.damaged.items():
        raise StoreError(
            f"{path} lies beside no {HEAD}, and line {number} is damaged: {fault}; take a new "
            "folder"
        )
    for key, line in found.lines.items():
        if line.settings != head.digest:
            says = "is of another sweep" if line.settings else "does not say of which sweep it is"
            raise StoreError(
                f"{path} lies beside no {HEAD}, and line {found.numbers[key]} {says}; take a new "
                f"folder, or bring {HEAD} back"
            )


def _checked(found: Found, head: Head, path: Path) -> dict[Key, Line]:
    """The lines, which are of the sweep that the head speaks of.

    Raises
    ------
    StoreError
        If one is not.
    """
    for key, line in found.lines.items():
        if line.settings not in (None, head.digest):
            raise StoreError(
                f"{path}, line {found.numbers[key]} is of a sweep with other settings than "
                f"{HEAD} says; one of the two is not of this folder: bring the other back, or "
                "take a new folder"
            )
    return found.lines
