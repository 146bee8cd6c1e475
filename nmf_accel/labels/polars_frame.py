"""Frames of polars: rows are features, columns are samples."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Labelled
from .names import INDEX_TITLES, Labels, make_unique, names_of
from .words import first_of


class PolarsFrame(Labelled):
    """A polars frame, whose first column names the features if it holds strings."""

    @cached_property
    def names(self) -> Any:
        """The column of names, if there is one."""
        import polars

        dtypes = self.passed.dtypes
        named = bool(dtypes) and dtypes[0] in (polars.String, polars.Categorical, polars.Enum)
        return self.passed.to_series(0) if named else None

    @property
    def numbers(self) -> Any:
        """The other columns."""
        return self.passed if self.names is None else self.passed[:, 1:]

    def matrix(self, name: str) -> Any:
        """See `Labelled`. Null becomes NaN."""
        frame = self.numbers
        _refuse_index(name, frame)
        columns = [_numbers_of_polars(column) for column in frame]
        wrong = [frame.columns[k] for k, column in enumerate(columns) if column is None]
        if wrong:
            words = first_of([f"{x!r} ({frame.schema[x]})" for x in wrong], "{}")
            raise TypeError(
                f"{name} has columns that are no numbers: {words}; only the first column may hold "
                f"names; pass {name}.drop({wrong!r})"
            )
        if not columns:
            return np.empty((self.passed.height, 0))
        return np.column_stack(columns)  # type: ignore[arg-type]  # none of them is None

    def by_samples(self, name: str) -> Any:
        """See `Labelled`. Names of samples are no feature."""
        return self.numbers

    @property
    def taken(self) -> str:
        """See `Labelled`."""
        named = "" if self.names is None else f", the column {self.names.name!r} names the features"
        return f"a polars frame: rows are features, columns are samples{named}"

    @cached_property
    def labels(self) -> Labels:
        """See `Labelled`. Names that polars gives by itself are none."""
        default = self.passed.columns == [f"column_{k}" for k in range(self.passed.width)]
        features = None if self.names is None else names_of(self.names)
        return Labels(features, None if default else names_of(self.columns))

    @property
    def rows(self) -> Any:
        """See `Labelled`."""
        return self.names

    @property
    def columns(self) -> Any:
        """See `Labelled`."""
        return self.numbers.columns

    def columns_at(self, where: Any) -> Any:
        """See `Labelled`."""
        return [self.columns[k] for k in np.arange(len(self.columns))[where]]

    def components(self, names: list[str]) -> tuple[Any, Any]:
        """See `Labelled`. There is a column of them where there is one of features."""
        import polars

        above = None if self.names is None else polars.Series("component", names)
        return above, names

    def build(self, x: Any, rows: Any, columns: Iterable[str]) -> Any:
        """See `Labelled`."""
        import polars

        first = [] if rows is None else [rows]
        names = make_unique([*columns, *(series.name for series in first)])
        frame = polars.DataFrame(np.asarray(x), schema=names[: x.shape[1]], orient="row")
        for series in first:
            frame.insert_column(0, series.alias(names[-1]))
        return frame

    def code(self, name: str, axis: int) -> str:
        """See `Labelled`."""
        if axis == 1:
            return f"{name}.columns"
        return "" if self.names is None else f"{name}[{self.names.name!r}]"

    def picked(self, name: str, axis: int, names: str) -> str:
        """See `Labelled`."""
        if axis == 1:
            return f"{name}.select({names})"
        return f"{name}.filter({self.code(name, 0)}.is_in({names}))"


def _refuse_index(name: str, frame: Any) -> None:
    """Raise if a column was an index, which would be taken for a sample.

    That of pyarrow stands last.
    """
    for title in {*frame.columns[:1], *frame.columns[-1:]}.intersection(INDEX_TITLES):
        names = f"polars.col({title!r}).cast(polars.String), polars.exclude({title!r})"
        raise TypeError(
            f"{name} has a column {title!r}, which is an index and no sample; pass "
            f"{name}.drop({title!r}), or {name}.select({names}) if it names the rows"
        )


def _numbers_of_polars(column: Any) -> NDArray[Any] | None:
    """A column as numbers, NaN where they are missing; None if it holds anything else."""
    import polars

    dtype = column.dtype
    if not (dtype.is_numeric() or dtype in (polars.Boolean, polars.Null)):
        return None
    if column.null_count() or dtype.is_decimal():
        column = (column if dtype.is_float() else column.cast(polars.Float64)).fill_null(np.nan)
    found: NDArray[Any] = column.to_numpy()
    return found
