"""The text of a table: its encoding, what is packed, its comments, and how its cells are parted."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..limits import check_growth
from ..packed import OPENERS, PIECE, is_packed
from .cells import is_number

LARGE_TEXT = 2**25
"""Bytes of text that any packed file may hold."""

HEAD = 30
"""Rows by which it is told how the cells are parted."""

SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "spaces"}
DEFAULT = {".csv": ",", ".tsv": "\t", ".txt": "\t", ".tab": "\t"}
"""Endings of tables of text, and what separates the cells if more than one thing would do."""
TEXT_ENDINGS = tuple(kind + packed for kind in DEFAULT for packed in ("", *OPENERS))


SAID_SEP = re.compile(r'"?sep=(.)"?')
"""A first line of Excel's, which says what separates the cells."""


class Style(NamedTuple):
    """How a table is written.

    Attributes
    ----------
    sep : str
        Between two cells; a space stands for any number of spaces and tabs.
    decimal : str
        Before the decimals.
    """

    sep: str
    decimal: str = "."

    def rows(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of lines, row by row."""
        if self.sep == " ":
            lines = (line.replace("\t", " ").strip() for line in lines)
        return csv.reader(lines, delimiter=self.sep, skipinitialspace=True)

    def cells(self, lines: Iterable[str]) -> list[list[str]]:
        """All of them."""
        return list(self.rows(lines))

    def lines_of_first(self, lines: list[str]) -> int:
        """How many lines the first row takes, which may have breaks within quotes."""
        if self.sep == " ":
            return 1
        reader = csv.reader(lines, delimiter=self.sep, skipinitialspace=True)
        next(reader)
        return reader.line_num

    def is_number(self, cell: str) -> bool:
        """Whether a cell can be an entry."""
        return is_number(self.plain(cell))

    def plain(self, cell: str) -> str:
        """A cell with a point before its decimals."""
        return cell if self.decimal == "." or "." in cell else cell.replace(self.decimal, ".")


@dataclass(frozen=True)
class Head:
    """The first rows of a table of text.

    Attributes
    ----------
    rows : list of lists of str
        As many cells in each, but the first may have one fewer.
    style : Style
    skipped : int
        Lines of the file before its table.
    tall : int
        Lines that the first row takes; 0 if it is one of those before, behind a #.
    ended : bool
        Whether rows end with a separator.
    said : tuple of str
    """

    rows: list[list[str]]
    style: Style
    skipped: int
    tall: int
    ended: bool
    said: tuple[str, ...]

    @property
    def short(self) -> bool:
        """Whether the first row has a cell fewer than the others."""
        return len(self.rows[0]) < len(self.rows[-1])

    def without_ends(self) -> Head:
        """It without the empty cells behind the last separators."""
        width = len(self.rows[-1]) - 1
        rows = [row[:width] for row in self.rows]
        return replace(self, rows=rows, said=(*self.said, "separators at the ends of rows"))

    @property
    def plain(self) -> list[list[str]]:
        """The rows, with points before decimals."""
        return [[self.style.plain(cell) for cell in row] for row in self.rows]


def _check_unpacked(path: Path) -> None:
    """Raise if a packed file grows beyond measure."""
    size = 0
    with OPENERS[path.suffix.lower()](path) as file:
        while block := file.read(PIECE):
            size += len(block)
            check_growth(path, size, large=LARGE_TEXT)


def opened(path: Path) -> IO[str]:
    """A file of text, unpacked if need be.

    Raises
    ------
    ValueError
        If it is none.
    """
    binary: Any = OPENERS.get(path.suffix.lower(), open)(path, "rb")
    start = binary.read(2**12)
    binary.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.TextIOWrapper(binary, "utf-16", newline="")
    if b"\0" in start:
        binary.close()
        raise ValueError("it is no text")
    return io.TextIOWrapper(binary, "utf-8-sig", newline="")  # a byte-order mark is no cell


def head_of(path: Path, sep: str | None, decimal: str | None) -> Head:
    """The first rows of a table.

    Raises
    ------
    ValueError
        If it has none, they are not of one length, or it grows beyond measure when unpacked.
    """
    if is_packed(path):
        _check_unpacked(path)
    with opened(path) as file:
        before, lines = _first_lines(file)
    if not lines:
        raise ValueError("it holds no numbers")
    ending = _packed_off(path)
    told = [match[1] for line in before if (match := SAID_SEP.fullmatch(line.strip("\r\n")))]
    style = _style_of(lines, ending, sep or (told[0] if told else None), decimal)
    rows = [row for row in style.cells(lines) if row]
    tall = style.lines_of_first(lines)
    comments = [line for line in before if line.startswith("#")]
    said: tuple[str, ...] = ()
    if (title := _behind(comments, style, len(rows[0]))) is not None:
        rows, tall = [title, *rows], 0
        said = ("header row behind a #",)
    elif comments:
        said = (f"{len(comments)} comment line{'s' * (len(comments) > 1)}",)
    _check_lengths(rows)
    ended = _is_ended(rows)
    if style.sep != DEFAULT.get(ending, ",") and len(rows[-1]) > 1:
        said += (f"separated by {SEPARATORS.get(style.sep, repr(style.sep))}",)
    said += ("decimal comma",) * (style.decimal == ",")
    stripped = [[cell.strip() for cell in row] for row in rows]
    return Head(stripped, style, len(before), tall, ended, said)


def _behind(comments: list[str], style: Style, width: int) -> list[str] | None:
    """The header that may stand in the last comment, behind its #."""
    if not comments or width < 2:
        return None
    try:
        (last,) = style.cells([comments[-1].lstrip("#").lstrip()])
    except csv.Error:  # a command of a megabyte is no header
        return None
    fits = len(last) in (width, width - 1) and not all(map(style.is_number, last))
    return last if fits and len(last) > 1 else None


def _is_ended(rows: list[list[str]]) -> bool:
    """Whether rows end with a separator: their last cell is empty, and has no name."""
    body = rows[1:] or rows
    empty = len(body[0]) > 1 and not any(row[-1].strip() for row in body)
    return empty and (len(rows[0]) < len(body[0]) or not rows[0][-1].strip())


def _first_lines(file: IO[str]) -> tuple[list[str], list[str]]:
    """The lines that a file begins with and that say nothing, and the first ones that do."""
    before: list[str] = []
    for line in file:
        said = line.startswith("#") or SAID_SEP.fullmatch(line.strip("\r\n"))
        if line.strip() and not said:
            return before, [line, *islice((x for x in file if x.strip()), HEAD)]
        before.append(line)
    return before, []


def _style_of(lines: list[str], ending: str, sep: str | None, decimal: str | None) -> Style:
    """How a table is written: by which the most rows are of one length, and hold numbers.

    Raises
    ------
    ValueError
        If a decimal comma could be one between thousands.
    """
    if sep is not None and len(sep) != 1:
        sep = {"\\t": "\t", "tab": "\t", "space": " ", "comma": ",", "semicolon": ";"}.get(sep, sep)
        if len(sep) != 1:
            raise ValueError(f"sep is {sep!r}; it must be one character, such as ';', or tab")
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal is {decimal!r}; it must be . or ,")
    default = DEFAULT.get(ending, ",")
    seps = [sep] if sep else [default, *(x for x in SEPARATORS if x != default)]
    styles = [
        Style(s, d)
        for s in seps
        for d in ([decimal] if decimal else [".", ","])
        if s != d or (sep and decimal)
    ]
    best = max(styles, key=lambda style: _fit(style, lines))
    if best.decimal == "," and decimal is None:
        _check_thousands(best, lines)
    return best


def _fit(style: Style, lines: list[str]) -> float:
    """How well lines go with a style: 1 if all rows are of one length and hold numbers."""
    try:
        rows = [row for row in style.cells(lines) if row]
    except csv.Error:
        return -1.0
    body = rows[1:] or rows
    lengths = [len(row) for row in body]
    common = max(set(lengths), key=lengths.count)
    if common == 1:
        # One column is a table too, but what has more goes before it.
        return 0.1 * sum(style.is_number(row[0].strip()) for row in body) / len(body)
    top = {common: 1.0, common - 1: 0.9}.get(len(rows[0]), 0.5)
    if style.sep == " " and any("\t" in line for line in lines):
        top *= 0.5  # then tabs are what separates
    # What is left of another style in the first cells speaks against this one.
    left = sum(any(x in row[0] for x in ";\t|" if x != style.sep) for row in rows) / len(rows)
    cells = [cell.strip() for row in body if len(row) == common for cell in row[1:]]
    numbers = sum(map(style.is_number, cells)) / len(cells)
    return lengths.count(common) / len(body) * numbers * top * (1 - 0.5 * left)


def _check_thousands(style: Style, lines: list[str]) -> None:
    """Raise if all commas could stand between thousands."""
    cells = [cell.strip() for row in style.cells(lines) for cell in row if "," in cell]
    numbers = [cell for cell in cells if style.is_number(cell)]
    if all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for cell in numbers):
        raise ValueError(
            f"{numbers[0]} may have a comma before its decimals, or between its thousands; say "
            "--decimal , for the one (decimal=','), write it without the comma for the other"
        )


def _check_lengths(rows: list[list[str]]) -> None:
    """Raise unless the rows are of one length; the first one may be a cell short."""
    width = len(rows[1] if len(rows) > 1 else rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width and not (number == 1 and len(row) == width - 1 and width > 1):
            raise ValueError(f"row {number} has {len(row)} cells, but row 2 has {width}")


def _packed_off(path: Path) -> str:
    """The ending of a file's name, without that of what packed it."""
    name = path.with_suffix("") if is_packed(path) else path
    return name.suffix.lower()
