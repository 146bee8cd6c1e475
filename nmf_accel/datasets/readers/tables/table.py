"""A table of which it is not known yet what its columns are: names, numbers, or entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Dataset, DatasetError, shown
from ..names import as_names, doubled
from .cells import ABOUT, ID, heads_names, integers, is_missing, is_number, is_padded
from .guesses import Unclear, index_of, seems_long
from .selecting import ranges, selected

if TYPE_CHECKING:
    from pandas import DataFrame, Series

LOOKED_AT = 1000
"""Rows by which it is told what a column is."""
COLUMNS = 50
"""Columns that the first one is held against."""
SEVERAL = 8
"""Columns among which further names are looked for."""


@dataclass(frozen=True)
class Table:
    """A table as it stands in a file.

    Attributes
    ----------
    path : Path
    frame : DataFrame
        Its columns are called 0, 1, ….
    names : list of str, optional
        Its header row.
    shown : list of lists of str
        Its first rows, for questions.
    said : tuple of str
    short : bool
        Whether the header row was one cell short, as where the first column has names.
    """

    path: Path
    frame: DataFrame
    names: list[str] | None
    shown: list[list[str]]
    said: tuple[str, ...]
    short: bool = False

    def dataset(
        self, index: bool | None, columns: str | Sequence[str] | None, long: bool | None
    ) -> Dataset:
        """What it holds; what is None is told by what it looks like.

        Raises
        ------
        DatasetError
            If it can be read in two ways.
        ValueError
            If there are cells that are no numbers.
        """
        try:
            if self._is_long(columns, long):
                return self._pivoted(self._sides(columns))
            before, said = self._index(index)
        except Unclear as unclear:
            raise asked(unclear, self.path, self.shown) from None
        titles = self.titles
        if columns is None:
            places = list(range(before, len(titles)))
            if long is None and index is not False:  # else the user has seen to it
                self._check_names_among(places, before)
        else:
            places = selected(columns, titles)
        if not places:
            raise ValueError("it holds names, but no numbers")
        features = self._texts(0) if before else None
        A = self._values(places, features)
        samples = None
        if self.names is not None:
            samples = as_names(self.path, [titles[j] for j in places])
        said = (*self.said, *said, *doubled("features", features), *doubled("samples", samples))
        return Dataset(str(self.path), A, features=features, samples=samples, said=said)

    @property
    def titles(self) -> list[str]:
        """What its columns are called: their header, or their numbers."""
        return self.names or [str(j) for j in range(self.frame.shape[1])]

    def _looked_at(self, j: int) -> list[str]:
        """The first cells of a column."""
        return [_cell(x) for x in self.frame[j].head(LOOKED_AT)]

    def _texts(self, j: int) -> NDArray[np.str_]:
        """A column as names."""
        names = as_names(self.path, [_cell(x) for x in self.frame[j]])
        broken = np.flatnonzero(np.char.find(names, "\n") >= 0)
        if broken.size:
            raise ValueError(
                f"the name of row {broken[0] + 1} runs over several lines, {names[broken[0]]!r}: "
                "take out quotes that do not belong together"
            )
        return names

    def _sides(self, columns: str | Sequence[str] | None) -> list[int]:
        """The columns that a table of entries consists of: row, column, value, and perhaps a date.

        A column of names without a header, before them, only counts them.
        """
        if columns is not None:
            return selected(columns, self.titles)
        counted = self.short or (self.names is not None and _is_nameless(self.names[0]))
        return list(range(int(counted), self.frame.shape[1]))

    def _is_long(self, columns: str | Sequence[str] | None, long: bool | None) -> bool:
        if columns is not None and not long:  # who chooses columns has seen what they are
            return False
        places = self._sides(columns)
        if long is not None or len(places) not in (3, 4):
            if long and len(places) not in (3, 4):
                raise ValueError(
                    f"a long table has 3 columns: row, column, value; not {len(places)}: name them "
                    "by --columns row,column,value (columns=)"
                )
            return bool(long)
        first = self.frame[places[:2]]
        sizes, pairs = first.nunique().tolist(), len(first) - int(first.duplicated().sum())
        names = [self.titles[j] for j in places] if self.names else None
        cells = [self._looked_at(j) for j in places]
        if seems_long(names, cells, sizes, pairs, len(first)):
            row, column, value = (self.titles[j] for j in places[:3])
            raise Unclear(
                f"it has one entry a row, of ({row}, {column}, {value})",
                "long",
                "makes a sparse matrix of it",
                "takes it as it is",
            )
        return False

    def _index(self, index: bool | None) -> tuple[int, tuple[str, ...]]:
        """How many columns of names there are, 0 or 1, and what to say of them."""
        name = self.names[0] if self.names else None
        if index is not None or self.short:
            called = f' "{name}"' if name else ""
            return int(index is not False), (f"index column{called}",) * (index is not False)
        if self.frame.shape[1] == 1:
            return 0, ()
        others = range(1, min(self.frame.shape[1], 1 + COLUMNS))
        guess = index_of(name, self._looked_at(0), (self._looked_at(j) for j in others))
        return int(guess.yes), (guess.said,) * guess.yes

    def _check_names_among(self, places: list[int], before: int) -> None:
        """Raise for a column beside the first one that stands for names, or for what they are."""
        doubled = before and not self.frame[0].is_unique
        for j in places[: SEVERAL if self.names else 0]:
            title = self.titles[j].strip()
            about = j < SEVERAL and (ID.fullmatch(title) or (before and ABOUT.fullmatch(title)))
            if j > 0 and (about or (doubled and j == 1 and title and heads_names(title))):
                others = [k for k in places if k > j or not ABOUT.fullmatch(self.titles[k])]
                others = [k for k in others if k != j and not ID.fullmatch(self.titles[k])]
                raise ValueError(
                    f'column "{title}" seems to have names, or to tell of them; '
                    f"--columns '{ranges(self.titles, others)}' takes the others, --columns "
                    f"'{ranges(self.titles, places)}' takes it for a sample"
                )

    def _values(self, places: list[int], features: NDArray[np.str_] | None) -> NDArray[Any]:
        """The numbers in some columns; what is missing is NaN."""
        import pandas as pd

        frame = self.frame[places]
        numeric = frame.dtypes.map(pd.api.types.is_numeric_dtype).to_numpy()
        if not numeric.all():
            frame = frame.copy(deep=False)
            for j in np.array(places)[~numeric]:
                frame[j] = self._numbers(int(j), places, features)
        truth = frame.select_dtypes("bool").columns
        if truth.size:
            frame = frame.astype(dict.fromkeys(truth, "uint8"))
        A: NDArray[Any] = frame.to_numpy()
        if A.dtype == object:  # integers of several kinds, or some that are missing
            A = frame.to_numpy(dtype=float, na_value=np.nan)
        return A

    def _numbers(self, j: int, places: list[int], features: NDArray[np.str_] | None) -> Series[Any]:
        """A column of text as numbers, or what is none in it."""
        import pandas as pd

        cells = [_cell(x) for x in self.frame[j]]
        fine = (
            pd.api.types.is_bool_dtype(self.frame[j].dtype) or self.frame[j].dtype.kind not in "mMV"
        )
        bad = next((k for k, cell in enumerate(cells) if not is_number(cell) or not fine), None)
        if bad is None:
            return pd.Series(exact(cells))
        title = self.titles[j]
        row = f"row {bad + 1}" if features is None else f'row {bad + 1} ("{features[bad]}")'
        others = [i for i in places if pd.api.types.is_numeric_dtype(self.frame[i].dtype)]
        cure = f"; --columns '{ranges(self.titles, others)}' takes the others" if others else ""
        if cells[bad].strip(" .-?") == "" or cells[bad].lower() == "n.a.":
            cure += "; if it means that nothing is known, leave it empty"
        raise ValueError(
            f'column "{title}" holds {cells[bad]!r} in {row}, which is no number{cure}'
        )

    def _pivoted(self, places: list[int]) -> Dataset:
        """The sparse matrix of a table of (row, column, value)."""
        import pandas as pd
        from scipy.sparse import coo_array

        rows, columns, entries, *left = (f'"{self.titles[j]}"' for j in places)
        sides = []
        for j, title in zip(places[:2], (rows, columns), strict=True):
            codes, names = _factorized(self.frame[j])
            if (codes < 0).any():
                raise ValueError(
                    f"column {title} is empty in row {np.flatnonzero(codes < 0)[0] + 1}"
                )
            sides.append((codes, as_names(self.path, names)))
        (i, features), (k, samples) = sides
        twice = np.flatnonzero(pd.DataFrame({0: i, 1: k}).duplicated())
        if twice.size:
            t = int(twice[0])
            pair = f"({features[i[t]]}, {samples[k[t]]})"
            raise ValueError(f"{pair} has more than one entry, the second in row {t + 1}")
        values = self._values(places[2:3], None)[:, 0]
        A = coo_array((values, (i, k)), shape=(len(features), len(samples))).tocsr()
        words = f"long: rows {rows}, columns {columns}, entries {entries}"
        words += f", without {', '.join(left)}" if left else ""
        said = (*self.said, words, "what is not in it is zero (--zeros-missing: unknown)")
        return Dataset(str(self.path), A, features=features, samples=samples, said=said)


def exact(cells: Sequence[str]) -> NDArray[Any]:
    """Cells as numbers, each the one that is nearest; NaN where nothing stands."""
    found = integers(cells)
    if found is not None and -(2**63) <= min(found) <= max(found) < 2**63:
        return np.array(found, dtype=np.int64)
    return np.array([np.nan if is_missing(x) else _number(x) for x in cells])


def _number(cell: str) -> float:
    """A cell that is an entry."""
    truth = {"true": 1.0, "false": 0.0}.get(cell.strip().lower())
    return float(cell) if truth is None else truth


def _factorized(column: Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """The number of each cell among the different ones, and these: in order, numbers by size."""
    import pandas as pd

    codes, names = pd.factorize(column, sort=False)
    cells = [_cell(x) for x in names]
    if "" in cells:
        codes = np.where(codes == cells.index(""), -1, codes)
    found = None if any(map(is_padded, cells)) else integers(cells)
    order = sorted(range(len(cells)), key=(found or cells).__getitem__)
    order = [k for k in order if cells[k] != ""]
    places = np.full(len(cells) + 1, -1, dtype=np.intp)  # the last one for what is missing
    places[order] = np.arange(len(order))
    return places[codes], [cells[k] for k in order]


def asked(unclear: Unclear, path: Path, rows: Sequence[Sequence[str]]) -> DatasetError:
    """The question that a table raises which can be read in two ways."""
    lines = [", ".join(row[:6]) + ", …" * (len(row) > 6) for row in rows[:3]]
    table, option = "\n  ".join(lines), unclear.option
    return DatasetError(
        f"{shown(path)} can be read in two ways: {unclear.why}\n  {table}\n"
        f"--{option} {unclear.yes}, --no-{option} {unclear.no} ({option}=True, {option}=False)"
    )


def _is_nameless(title: str) -> bool:
    """Whether a header stands above a column that only counts rows."""
    return title.strip() == "" or title.lower().startswith("unnamed")


def _cell(x: Any) -> str:
    """A cell as it would stand in a file of text."""
    return "" if x is None or (isinstance(x, float) and np.isnan(x)) else str(x)
