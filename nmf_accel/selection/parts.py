"""Some rows and columns of a matrix, as a matrix by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..intake import Given, weighed
from ..matrices import Frame, Raw, RawDense, RawSparse, Side
from ..types import Index


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """Some rows and columns of A where it lies, and what is known of them.

    Attributes
    ----------
    raw : Raw
        The entries.
    known : Raw, optional
        Their weights, or the entries themselves where only those that are stored are known; None
        where all of A is known.
    """

    raw: Raw
    known: Raw | None

    @classmethod
    def of(cls, given: Given) -> Part:
        """All of A."""
        raw, weights = weighed(given)
        if weights is None:
            return cls(raw, None)
        return cls(raw, RawDense(weights, raw.library) if isinstance(raw, RawDense) else raw)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns it has."""
        return self.raw.shape

    def cut(self, rows: Index, columns: Index) -> Part:
        """These rows and columns of it."""
        sides = zip(self.shape, (rows, columns), strict=True)
        frame = Frame(*(Side(size, index) for size, index in sides))
        return Part(self.raw.cut(frame), None if self.known is None else self.known.cut(frame))

    def nonzero(self, rows: Index, columns: Index) -> tuple[Index, Index]:
        """Those of these rows and columns that are not zero, nor unknown, where they meet."""
        return _nonzero(self.cut(rows, columns).raw, rows, columns)

    def known_in(self, rows: Index, columns: Index) -> tuple[Index, Index]:
        """Those of these rows and columns of which something is known where they meet."""
        known = self.cut(rows, columns).known
        return (rows, columns) if known is None else _nonzero(known, rows, columns)

    @property
    def passed(self) -> dict[str, Any]:
        """It as `sweep` and `project` take it: A, and what goes beside it."""
        found = {"A": _matrix_of(self.raw), "unknown": "zero"}
        if isinstance(self.known, RawSparse):
            found["zeros"] = "missing"
        elif self.known is not None:
            found["weights"] = self.known.stored
        return found

    @property
    def turned(self) -> dict[str, Any]:
        """Its transpose, likewise."""
        return {name: x.T if name in ("A", "weights") else x for name, x in self.passed.items()}

    @property
    def given(self) -> Given:
        """It as if the caller had passed it."""
        passed = self.passed
        return Given(passed.pop("A"), **passed)

    @property
    def weight(self) -> float:
        """The sum of the weights of its entries, which are 1 where it has none."""
        if self.known is None or 0 in self.shape:
            return float(np.prod(self.shape))
        if isinstance(self.known, RawSparse):
            return float(self.known.stored.shape[0])
        return float(self.raw.library.xp.sum(self.known.stored))


def _matrix_of(raw: Raw) -> Any:
    """The matrix itself, of its library."""
    return raw.csr if isinstance(raw, RawSparse) else raw.stored


def _nonzero(raw: Raw, rows: Index, columns: Index) -> tuple[Index, Index]:
    """Which of these rows and columns, which are those of a matrix, are not zero throughout."""
    if 0 in raw.shape:
        return rows[:0], columns[:0]
    of_rows, of_columns = raw.nonzero()
    return rows[of_rows], columns[of_columns]
