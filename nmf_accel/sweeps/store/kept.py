"""The files of factors that were kept, and whether they are what was written."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...files import open_regular
from ...results import Factorization
from .rows import Row

NAME = re.compile(r"rank-([1-9]\d*)-seed-(\d+)\.npz")
"""What files of factors are called; anything else in their folder is not ours."""
UNREADABLE = (OSError, ValueError)
"""What reading a damaged factorization raises."""


@dataclass(frozen=True)
class Seal:
    """What a file was when it was written.

    Attributes
    ----------
    size : int
        In bytes.
    sha256 : str
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Seal:
        """That of a file as it is.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            return cls(size, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]

    def fault(self, path: Path) -> str | None:
        """In which way a file is not what was written, or nothing."""
        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
            if size != self.size:
                return f"has {size:,} bytes, and {self.size:,} were written"
            changed = Seal.of(path) != self
        except FileNotFoundError:
            return "is not there"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        return "has other bytes than were written" if changed else None


def fault_in(path: Path, row: Row) -> str | None:
    """In which way a file holds no factors of a run, whose row has no seal, or nothing."""
    if not os.path.lexists(path):
        return "is not there"
    try:
        found = Factorization.load(path)
        W, H = found.to_arrays()
        same = (found.rank, found.settings["seed"], found.error) == (
            row["rank"],
            row["seed"],
            row["error"],
        )
        whole = bool(np.isfinite(W).all() and np.isfinite(H).all())
        whole &= [len(W), H.shape[1]] == list(found.settings["shape"])
    except (*UNREADABLE, KeyError, IndexError, TypeError):  # the latter of a file that is of no run
        return "is damaged"
    return None if same and whole else "holds the factors of another run"


def readable(path: Path) -> bool:
    """Whether a file holds a whole factorization."""
    try:
        Factorization.load(path)
    except UNREADABLE:
        return False  # not there, cut off, damaged, or of a version to come
    return True
