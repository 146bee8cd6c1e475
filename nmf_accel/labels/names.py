"""Names of rows, columns and components: arrays of str."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.str_]

LINES = ("row", "column")
"""What runs along each axis of a matrix."""


class Labels(NamedTuple):
    """Names of the rows and of the columns of a matrix (m, n).

    Attributes
    ----------
    features : (m,) array of str, optional
    samples : (n,) array of str, optional
    """

    features: Names | None = None
    samples: Names | None = None

    def line(self, axis: int, index: int) -> str:
        """Row (axis 0) or column (axis 1) number `index`, and its name: ``row 3 ('TP53')``."""
        names = self[axis]
        name = "" if names is None else f" ({str(names[index])!r})"
        return f"{LINES[axis]} {index}{name}"

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the names, to tell some from others; None where there are none."""
        if self.features is None and self.samples is None:
            return None
        names = [None if side is None else side.tolist() for side in self]
        return hashlib.sha256(json.dumps(names).encode()).hexdigest()

    def place(self, row: int, column: int) -> str:
        """The place of an entry, and what its row and column are called."""
        named = [
            f", {line} {str(names[index])!r}"
            for line, names, index in zip(LINES, self, (row, column), strict=True)
            if names is not None
        ]
        return f"({row}, {column}){''.join(named)}"


NAMELESS = Labels()


INDEX_TITLES = ("Unnamed: 0", "", "__index_level_0__")
"""What pandas, polars and pyarrow call a column that was an index without a title."""
LONG, MOST_BYTES = 10_000, 256_000_000
"""Letters of a name that is refused, if an array of as long ones were larger than so many bytes."""


def names_of(values: Iterable[Any]) -> Names:
    """`values` as an array of str.

    Raises
    ------
    ValueError
        If one is so long that the array, which has room for it at each place, would be huge.
    """
    names = [str(value) for value in values]
    longest = max(names, key=len, default="")
    nbytes = 4 * len(longest) * len(names)  # NumPy's letters have 4 bytes
    if len(longest) > LONG and nbytes > MOST_BYTES:
        raise ValueError(
            f"name {names.index(longest)} of {len(names):,}, {longest[:20]!r}…, has "
            f"{len(longest):,} letters, and all would take as much room: {nbytes / 1e9:.3g} GB; "
            "shorten it"
        )
    return np.array(names, dtype=np.str_)


def make_unique(names: Iterable[str]) -> list[str]:
    """`names`, those that came before with ``.1``, ``.2``, … behind, as R's ``make.unique`` does.

    Examples
    --------
    >>> make_unique(["a", "b", "a", "a", "a.1"])
    ['a', 'b', 'a.2', 'a.3', 'a.1']
    """
    names = [str(name) for name in names]
    taken, unique = set(names), []
    following: dict[str, int] = {}
    for name in names:
        number = following.get(name, 0)
        while number and f"{name}.{number}" in taken:
            number += 1
        following[name] = number + 1
        unique.append(f"{name}.{number}" if number else name)
        taken.add(unique[-1])
    return unique


def component_names(rank: int, known: Iterable[Any] | None = None) -> Names:
    """The names of the components: those `known` of the first ones, c1, c2, … of the others."""
    known = [] if known is None else [str(name) for name in known][:rank]
    names = [*known, *(f"c{k}" for k in range(len(known) + 1, rank + 1))]
    return names_of(make_unique(names))
