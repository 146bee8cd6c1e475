"""A row, which is what is known of a finished run, and what follows from several."""

from __future__ import annotations

import math
import reprlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Key = tuple[int, int]
"""Rank and seed of a run."""


def key_of(row: Row) -> Key:
    """Rank and seed."""
    return row["rank"], row["seed"]


def best_of(rows: Iterable[Row]) -> dict[int, Row]:
    """The row with the lowest error at each rank; of equal ones the lowest seed."""
    best: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row["error"], row["seed"])):
        best.setdefault(row["rank"], row)
    return best


KEEP: dict[str, Callable[[Iterable[Row]], set[Key]]] = {
    "best": lambda rows: {key_of(row) for row in best_of(rows).values()},
    "all": lambda rows: {key_of(row) for row in rows},
    "none": lambda rows: set(),
}
"""Of which runs the factors are kept, given all rows."""


@dataclass(frozen=True)
class Field:
    """What a value of a row must be.

    Attributes
    ----------
    must : str
        As in "it must be …".
    types : tuple of type
    low, high : float
        Bounds of a number, both reached.
    later : bool
        Whether it came later, so that old rows lack it.
    """

    must: str
    types: tuple[type, ...]
    low: float = -math.inf
    high: float = math.inf
    later: bool = False

    def takes(self, value: Any) -> bool:
        """Whether a value, as JSON gives it, is one."""
        if type(value) not in self.types:  # True is an int, but no number
            return False
        return not isinstance(value, (int, float)) or self.low <= value <= self.high


LARGEST = sys.float_info.max
NUMBER, MAYBE = (int, float), (int, float, type(None))
FIELDS = {
    "rank": Field("a whole number of at least 1", (int,), 1, 2**63),
    "seed": Field("a whole number of at least 0", (int,), 0, 2**63),
    "error": Field("a finite number >= 0", NUMBER, 0, LARGEST),
    "relative_error": Field("a finite number >= 0, or null", MAYBE, 0, LARGEST),
    "iterations": Field("a whole number of at least 0", (int,), 0, 2**63),
    "converged": Field("true or false", (bool,)),
    "held_out": Field("a finite number >= 0, or null", MAYBE, 0, LARGEST, later=True),
    "in_sample": Field("a finite number >= 0, or null", MAYBE, 0, LARGEST, later=True),
    "reference_error": Field("a finite number >= 0, or null", MAYBE, 0, LARGEST),
    "stopped_because": Field("a sentence", (str,)),
    "seconds": Field("a finite number >= 0", NUMBER, 0, LARGEST),
    "backend": Field("a name", (str,)),
    "device": Field("a name", (str,)),
}
"""What a row has; what else it has is not looked at."""


def fault_of(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row, or nothing."""
    for name, field in FIELDS.items():
        if name not in row and not field.later:
            return f"it has no {name}"
        if name in row and not field.takes(row[name]):
            return f"{name} is {reprlib.repr(row[name])}; it must be {field.must}"
    return None
