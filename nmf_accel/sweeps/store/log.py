"""``runs.jsonl``: a line for every finished run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ...files import atomic_write, open_regular
from .errors import StoreError
from .lines import LONGEST, Line
from .rows import Key

BOM = b"\xef\xbb\xbf"
"""What some editors write before a text."""


@dataclass
class Found:
    """What a file of lines holds.

    Attributes
    ----------
    lines : dict
        The lines by rank and seed; of a run that is there twice, the first.
    numbers : dict
        Where they are, counted from 1.
    damaged : dict
        What is wrong with the lines that are no runs, by their numbers.
    tidy : bool
        Whether a line can be written after the last one, and none is there twice.
    missing : bool
        Whether there is no file.
    """

    lines: dict[Key, Line] = field(default_factory=dict)
    numbers: dict[Key, int] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    tidy: bool = True
    missing: bool = False

    def take(self, number: int, text: bytes) -> None:
        """Take in what a line says."""
        try:
            line = Line.decoded(text)
        except ValueError as error:
            self.damaged[number] = str(error)
            return
        if line.key in self.lines:
            self.tidy = False
        else:
            self.lines[line.key], self.numbers[line.key] = line, number


@dataclass(frozen=True)
class Log:
    """The file.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def read(self) -> Found:
        """What it holds; what stands behind the last line's end is what a crash left.

        Raises
        ------
        StoreError
            If it is no file, or cannot be read.
        """
        found = Found()
        try:
            with open_regular(self.path) as file:
                for number, text in enumerate(_texts(file), 1):
                    if not text.endswith(b"\n"):
                        found.tidy = False
                    elif text.strip():
                        found.take(number, text)
        except FileNotFoundError:
            return Found(missing=True)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from error
        return found

    def append(self, lines: Iterable[Line]) -> None:
        """Write lines after the last one."""
        with self.path.open("ab") as file:
            file.write(b"".join(line.encoded for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def aside(self) -> Path:
        """Keep a copy of the file as it is, which is damaged, beside it; the copy's path."""
        path = self.path.with_name(f"{self.path.name}.damaged")
        with open_regular(self.path) as old, atomic_write(path) as new:
            shutil.copyfileobj(old, new)
        return path

    def write(self, lines: Iterable[Line]) -> None:
        """Write all lines anew, atomically."""
        with atomic_write(self.path) as file:
            file.writelines(line.encoded for line in lines)


def _texts(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long only so much as shows it."""
    text = file.readline(LONGEST + 2).removeprefix(BOM)
    while text:
        rest = text
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST)
        yield text if rest is text or not rest else text + b"\n"
        text = file.readline(LONGEST + 2)
