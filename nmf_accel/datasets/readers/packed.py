"""Text that may be packed, and is not unpacked without end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..dataset import shown
from .limits import check_growth

OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
"""What unpacks a file, by the ending of its name."""
PIECE = 2**20
"""Bytes to read at once."""


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its name."""
    return path.suffix.lower() in OPENERS


class Bounded:
    """The bytes of a file, unpacked if its name says so, as long as they are plausible.

    The last line has an end in any case, since scipy reads beyond the file where that is missing.

    Raises
    ------
    ValueError
        When it has given more bytes than a file of that size may hold.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.given = 0
        self.last = b"\n"
        self.unended = False
        self.file: Any = OPENERS.get(path.suffix.lower(), open)(path, "rb")

    def __enter__(self) -> Bounded:
        return self

    def __exit__(self, *raised: object) -> None:
        self.file.close()

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes: at most `size`, or all."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        found: bytes = self.file.read(size)
        self.given += len(found)
        check_growth(self.path, self.given)
        self.look(found)
        if not found and self.last != b"\n":
            found, self.unended = b"\n", True
        self.last = found[-1:] or self.last
        return found

    def look(self, found: bytes) -> None:
        """Raise ValueError for bytes that may not be; here there are none."""


def lines(path: Path) -> list[str]:
    """The lines of a file of text, without empty ones at its end.

    Raises
    ------
    ValueError
        If it is no text in UTF-8, or packed and damaged.
    """
    try:
        with Bounded(path) as file:
            text = file.read().decode("utf-8-sig")
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"{shown(path.name)} beside it cannot be read: {error}") from error
    return text.rstrip().splitlines()
