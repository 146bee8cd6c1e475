"""One store of several."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ...callers import warn_caller
from ...files import atomic_write, open_regular
from .errors import StoreError, listed
from .folder import HEAD, LOG, locked
from .head import Head
from .kept import Seal
from .lines import Line
from .lock import Lock
from .log import Log
from .rows import Key, key_of
from .store import Store

ROUNDING = 0.02
"""By how much errors of the same run may differ without being told: two machines round otherwise,
and in float32 a thousand iterations carry that so far."""


def merge(paths: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Store:
    """One store with the runs of several, which must be of one sweep.

    Of a run that several have, that of the folder named first is taken, of those that keep its
    factors, if any does. Factors are copied first
    and held against what was written, then the lines, and the head last: what was interrupted is no
    store, and the same call does it again. If `out` holds that very merge already, it is left so.

    Parameters
    ----------
    paths : iterable of path
    out : path

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        If settings or data differ, naming which; if factors that are to be kept are lost or
        damaged; if `out` holds anything else, or another process writes there.

    Warns
    -----
    UserWarning
        If errors of the same run differ by more than 2 %.
    """
    stores = [Store.read(path) for path in paths]
    if not stores:
        raise StoreError("nothing to merge: name at least one folder")
    for other in stores[1:]:
        stores[0].head.must_match(stores[0].path, other.settings, str(other.path))
    merging = Merging(stores)
    with locked(Path(out)) as lock:
        return merging.into(Path(out), lock)


class Merging:
    """What is to be merged.

    Parameters
    ----------
    stores : list of Store
        Of one sweep.

    Attributes
    ----------
    head : Head
        That of the first.
    home : dict
        From which store each run is taken.
    """

    def __init__(self, stores: list[Store]) -> None:
        self.head = Head(stores[0].settings, stores[0].about)
        self.home: dict[Key, Store] = {}
        # Where errors of equal runs differ by rounding, the best of one store may not be that of
        # another, which did not keep its factors.
        for store in stores:
            self.home = {**dict.fromkeys(store.wanted, store), **self.home}
        for store in stores:
            self.home = {**dict.fromkeys(store.lines, store), **self.home}
        differ = []
        for store in stores:
            for key, line in store.lines.items():
                first = self.home[key]
                a, b = first.lines[key].row["error"], line.row["error"]
                if abs(a - b) > ROUNDING * max(a, b):
                    rank, seed = key
                    where = f"{a:.6g} in {first.path} and {b:.6g} in {store.path}"
                    differ.append(f"rank {rank}, seed {seed} has error {where}")
        if differ:
            warn_caller(f"{listed(differ)}; the former are taken")

    @property
    def lines(self) -> dict[Key, Line]:
        """All runs, without their factors."""
        digest = self.head.digest
        return {key: Line(self.home[key].lines[key].row, digest) for key in sorted(self.home)}

    def into(self, out: Path, lock: Lock) -> Store:
        """Write it into a folder."""
        if os.path.lexists(out / HEAD):
            return self.done(out)
        self.must_take_up(out)
        merged = Store(out, self.head, self.lines, lock=lock)
        # Looked at before anything is written, and again when they are copied.
        for key in sorted(merged.wanted):
            self.must_have(key)
        for key in sorted(merged.wanted):
            seal = self.copied(key, merged.factors(*key))
            merged.lines[key] = Line(merged.lines[key].row, self.head.digest, seal)
        merged.log.write(merged.lines.values())
        merged.tidy()
        self.head.write(out / HEAD)
        return Store.read(out)

    def done(self, out: Path) -> Store:
        """The store that is in a folder, if it is this one."""
        found = Store.read(out)
        rows = sorted(found.rows, key=key_of)
        found.look()
        same = found.settings == self.head.settings
        if not same or rows != [x.row for x in self.lines.values()] or found.lost:
            raise StoreError(f"{out} holds a sweep already; merge into a new folder")
        return found

    def must_take_up(self, out: Path) -> None:
        """Raise if a folder without a head has runs that this merge did not bring there."""
        found = Log(out / LOG).read()
        own = self.lines
        strange = list(found.damaged)
        for key, line in found.lines.items():
            mine = own.get(key)
            if mine is None or (line.settings, line.row) != (mine.settings, mine.row):
                strange.append(found.numbers[key])
        if strange:
            raise StoreError(
                f"{out / LOG} lies beside no {HEAD}, and line {strange[0]} is no run of the "
                "folders to merge; merge into a new folder"
            )

    def must_have(self, key: Key) -> None:
        """Raise if the factors of a run are not where they should be."""
        store = self.home[key]
        if store.fault(key) is not None:
            raise StoreError(f"{store.told(key)}; {self.cure(key)}")

    def cure(self, key: Key) -> str:
        """What to do where the factors of a run are not there."""
        store = self.home[key]
        if key in store.wanted:
            return f"the same sweep into {store.path} does that run again, and then merge"
        return "they are best only with other folders; name the folders in another order"

    def copied(self, key: Key, path: Path) -> Seal:
        """Copy the factors of a run, unless they are there."""
        store = self.home[key]
        source, seal = store.factors(*key), store.lines[key].seal
        if seal is None or seal.fault(path) is not None:
            try:
                with open_regular(source) as old, atomic_write(path) as new:
                    shutil.copyfileobj(old, new)
            except FileNotFoundError as error:
                raise StoreError(f"{source} is not there any more; merge again") from error
        copy = Seal.of(path)
        if seal is not None and copy != seal:
            path.unlink()
            raise StoreError(f"{source} changed while it was copied; merge again")
        return copy
