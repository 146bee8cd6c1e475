"""What lies in a sweep's folder, and how one writer comes into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...files import FORMER, left_behind, make_folder
from .errors import StoreError
from .kept import NAME
from .lock import Lock

HEAD, LOG, FACTORS, LOCK = "sweep.json", "runs.jsonl", "factors", "sweep.lock"
OURS = r"sweep\.json|runs\.jsonl(?:\.damaged)?"
"""Files that are written under the lock alone, so that what is left of them is nobody's."""


@contextmanager
def locked(path: Path) -> Iterator[Lock]:
    """A sweep's folder, made if it is not there, for one writer; rid of what killed ones left.

    Raises
    ------
    StoreError
        If another process writes to it, or it cannot be written.
    """
    try:
        make_folder(path)
        make_folder(path / FACTORS)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
    with Lock(path / LOCK).held() as lock:
        _sweep_away(path)
        yield lock


def _sweep_away(path: Path) -> None:
    """Remove the temporary files of writers that were killed; nobody else holds the lock."""
    factors = left_behind(path / FACTORS, NAME.pattern, FORMER)
    for file in (*left_behind(path, OURS, FORMER), *factors):
        with suppress(OSError):  # it is in nobody's way
            file.unlink()
