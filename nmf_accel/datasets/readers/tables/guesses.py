"""What the rows and columns of a table look like: names, or numbers.

Where both are possible, `Unclear` says what to ask for. Cells are strings, as they stand in a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .cells import AMOUNT, DATE, THING, heads_names, integers, is_number, is_padded, is_text

FEW, MANY, SURE = 3, 5, 10
"""From how many numbers on a pattern says something, more, and much."""


class Unclear(Exception):
    """A table that can be read in two ways.

    Attributes
    ----------
    why : str
        What it looks like.
    option : str
        The option of `read` that decides.
    yes, no : str
        What it makes of the table, being true and false.
    """

    def __init__(self, why: str, option: str, yes: str, no: str) -> None:
        super().__init__(why, option, yes, no)
        self.why, self.option, self.yes, self.no = why, option, yes, no


class Guess(NamedTuple):
    """What a table looks like.

    Attributes
    ----------
    yes : bool
    said : str
        A few words for the user.
    """

    yes: bool
    said: str = ""


def header_of(rows: Sequence[Sequence[str]]) -> Guess:
    """Whether the first row of a table has names.

    Raises
    ------
    Unclear
    """
    first, body = rows[0], rows[1:]
    if not body:
        return Guess(any(map(is_text, first[1:])) or (len(first) == 1 and is_text(first[0])))
    if len(first) == len(body[0]) - 1:
        return Guess(True, "header row, one cell short of the others")
    numeric = [j for j in range(len(first)) if all(is_number(row[j]) for row in body)]
    if not numeric:  # a cell that is no number is somewhere in each column
        return Guess(all(map(is_text, first[1:])), "header row")
    texts = [j for j in numeric if is_text(first[j])]
    if any(j > 0 for j in texts):
        return Guess(True, "header row")
    if texts:
        return Guess(True, _header_of_numbers(first[1:]))
    if first[0].strip() == "":
        whole = integers(row[0] for row in body)
        if numeric[0] > 0 or (whole is not None and len(set(whole)) == len(whole)):
            return Guess(True, _header_of_numbers(first[1:]))
        raise _unclear_header("the first cell is empty, as above names, or missing")
    numbers = [first[j] for j in numeric if j > 0 or not is_text(first[0])]
    below = [[row[j] for j in numeric] for row in body]
    if numeric[0] == 0:
        return _numeric_header(numbers, below)
    if heads_names(first[0]):
        return Guess(True, _header_of_numbers(numbers))
    if _numeric_header(numbers, below, sure=True).yes:
        return Guess(True, _header_of_numbers(numbers))
    if sum(map(is_text, first)) > 1:  # as below; a header would have text over numbers too
        return Guess(False)
    raise _unclear_header(f"{first[0]!r} may stand above names, or be one of them")


def _unclear_header(why: str) -> Unclear:
    return Unclear(why, "header", "takes the first row for names", "for numbers")


def counts_up(found: Sequence[int] | None) -> bool:
    """Whether whole numbers count up, and are enough to say so."""
    if not found or len(found) < FEW:
        return False
    return all(b == a + 1 for a, b in pairwise(found))


def _header_of_numbers(numbers: Sequence[str]) -> str:
    return f"header row of numbers ({numbers[0]}, …)" if len(numbers) else "header row"


def _numeric_header(
    numbers: Sequence[str], others: Sequence[Sequence[str]], sure: bool = False
) -> Guess:
    """Whether a row of numbers has names, by what else could be such a row; `sure`: ask nothing."""
    steps = None if any("e" in cell.lower() for cell in numbers) else _steps(numbers)
    even, whole = _even(steps), integers(numbers)
    alike = sum(_even(_steps(row)) for row in others)
    if even and len(others) == 1 and whole and whole[0] in (0, 1):
        return Guess(False)
    if even and not alike and len(others) > 1:
        return Guess(True, _header_of_numbers(numbers))
    if sure or (even and 2 * alike >= len(others)):  # it is the data's manner
        return Guess(False)
    doubts = {
        "the numbers of the first row go up or down evenly": even,
        "the numbers of the first row go one way, those of no other row do": bool(
            steps and len(numbers) >= (FEW if whole else MANY) and len(others) > 1
        )
        and not any(map(_steps, others)),
        "the first row counts up": _is_next(whole)
        and not any(_is_next(integers(row)) for row in others),
        "the first row has whole numbers, no other row has": bool(whole and len(whole) >= FEW)
        and not any(map(integers, others)),
        "the first row has larger numbers than all others, no two alike": bool(
            whole and len(set(whole)) == len(whole) >= FEW and len(others) >= FEW
        )
        and _above(min(whole or [0]), others),
    }
    for why, holds in doubts.items():
        if holds:
            raise _unclear_header(why)
    return Guess(False)


def _even(steps: Sequence[float] | None) -> bool:
    """Whether there are steps enough, all of one size."""
    return steps is not None and len(steps) >= FEW - 1 and len(set(steps)) == 1


def _is_next(pair: Sequence[int] | None) -> bool:
    """Whether there are two whole numbers, the second after the first."""
    return pair is not None and len(pair) == 2 and pair[1] == pair[0] + 1


def _above(least: int, others: Iterable[Sequence[str]]) -> bool:
    """Whether whole numbers in all other rows are smaller."""
    rows = [integers(row) for row in others]
    return all(row is not None and max(row) < least for row in rows)


def _steps(cells: Sequence[str]) -> list[float] | None:
    """The steps between numbers, if all go up, or all down."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return None
    steps = [round(b - a, 9) for a, b in pairwise(values)]
    one_way = steps and (min(steps) > 0 or max(steps) < 0)
    return steps if one_way else None


def index_of(name: str | None, cells: Sequence[str], others: Iterable[Sequence[str]]) -> Guess:
    """Whether the first column of a table has names.

    Parameters
    ----------
    name : str, optional
        What stands above it; None without a header row.
    cells : sequence of str
        The column.
    others : iterable of sequences of str
        Some of the other columns.

    Raises
    ------
    Unclear
    """
    called = f' "{name.strip()}"' if name and name.strip() else ""
    ask = ("index", "takes the first column for names", "for a sample")
    texts, unlike = sum(map(is_text, cells)), len(set(cells)) == len(cells)
    if texts and (2 * texts >= len(cells) or (name is not None and heads_names(name))):
        return Guess(True, f"index column{called}")
    if texts:
        bad = next(cell for cell in cells if is_text(cell))
        raise Unclear(f"some cells of the first column are no numbers, such as {bad!r}", *ask)
    if name is not None and heads_names(name):
        if unlike or not called:
            return Guess(True, f"index column{called or ', unnamed'}")
        raise Unclear(f"the first column is called{called}, but has the same more than once", *ask)
    if not unlike or len(cells) < FEW:
        return Guess(False)
    found, others = integers(cells), list(others)
    beside = [integers(column) for column in others]
    if counts_up(found):
        if any(map(counts_up, beside)):  # it is the data's manner
            return Guess(False)
        return Guess(True, f"index column{called}, counting up")
    if not beside:
        return Guess(False)
    doubts = {
        "some cells of the first column begin with zeros": any(map(is_padded, cells)),
        "only the first column goes one way from row to row": bool(
            len(cells) >= MANY and _steps(cells)
        )
        and not any(map(_steps, others)),
        "only the first column has whole numbers, no two alike": found is not None
        and not any(beside),
        "only the first column has no two numbers alike": found is not None
        and len(found) >= SURE
        and not any(x and len(set(x)) == len(x) for x in beside),
    }
    for why, holds in doubts.items():
        if holds:
            raise Unclear(why, *ask)
    return Guess(False)


def seems_long(
    names: Sequence[str] | None,
    columns: Sequence[Sequence[str]],
    sizes: Sequence[int],
    pairs: int,
    count: int,
) -> bool:
    """Whether a table looks like one entry a row: two names and a number, perhaps a date.

    Parameters
    ----------
    names : sequence of str, optional
        Its header row.
    columns : sequence of sequences of str
        Some cells of its three or four columns.
    sizes : sequence of int
        How many different cells the first two have.
    pairs : int
        How many different pairs.
    count : int
        How many rows there are.
    """
    rows, cols, values, *dates = columns
    dated = bool(dates) and _are_dates(names[3] if names else None, dates[0])
    bare = [re.sub(r"[_ .-]?id$", "", name.strip().lower()) for name in (names or [])[:3]]
    known = sum(bool(name and (THING.fullmatch(name) or AMOUNT.fullmatch(name))) for name in bare)
    sides = all(all(map(is_text, x)) or integers(x) is not None for x in (rows, cols))
    if (dates and not dated) or not sides or any(map(is_text, values)) or pairs < count:
        return False
    repeat = max(sizes) < count
    often = repeat and count >= 2 * SURE and 4 * min(sizes) <= count
    return known == FEW or (repeat and (dated or known == FEW - 1)) or often


def _are_dates(name: str | None, cells: Sequence[str]) -> bool:
    """Whether a column says when: by its name, or as seconds since 1970."""
    if name is not None and DATE.fullmatch(name):
        return True
    found = integers(cells)
    return found is not None and min(found) > 10**8
