"""Frames of pandas: rows are features, columns are samples."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Labelled
from .names import INDEX_TITLES, Labels, Names, names_of
from .words import first_of


def names_along(index: Any) -> Names | None:
    """The names in a pandas index; None if it counts from 0 and has no name itself.

    Those of several levels are joined by ``|``.
    """
    import pandas

    default = isinstance(index, pandas.RangeIndex) and (index.start, index.step) == (0, 1)
    if default and index.name is None:
        return None
    if isinstance(index, pandas.MultiIndex):
        return names_of("|".join(map(str, levels)) for levels in index)
    return names_of(index)


class PandasFrame(Labelled):
    """A pandas frame. A default RangeIndex is no names; any other index is kept as it is."""

    def matrix(self, name: str) -> Any:
        """See `Labelled`. Nullable numbers become floats, with NaN for what is missing."""
        frame, dtypes = self.passed, set(self.passed.dtypes)
        _refuse_index(name, frame)
        if self.sparse:
            fills = {dtype.fill_value for dtype in dtypes}
            if fills != {0}:
                raise ValueError(
                    f"{name} is a sparse frame that leaves out {', '.join(map(str, fills))}; "
                    f"pass {name}.sparse.to_dense()"
                )
            return frame.sparse.to_coo()
        if all(isinstance(dtype, np.dtype) and dtype.kind in "biufc" for dtype in dtypes):
            common = np.result_type(*dtypes) if dtypes else None
            return frame.to_numpy(dtype=common)
        columns = [_numbers_of_pandas(column) for _, column in frame.items()]
        wrong = [k for k, column in enumerate(columns) if column is None]
        if wrong:
            _refuse_text(name, frame, wrong)
        return np.column_stack(columns)  # type: ignore[arg-type]  # none of them is None

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        import pandas

        dtypes = set(self.passed.dtypes)
        return bool(dtypes) and all(isinstance(dtype, pandas.SparseDtype) for dtype in dtypes)

    @property
    def taken(self) -> str:
        """See `Labelled`."""
        return "a pandas frame: rows are features, columns are samples"

    @cached_property
    def labels(self) -> Labels:
        """See `Labelled`."""
        return Labels(names_along(self.rows), names_along(self.columns))

    def counted(self, axis: int) -> Names | None:
        """See `Labelled`. A default index is no names, but of rows taken from it they are."""
        size = len((self.rows, self.columns)[axis])
        return None if self.labels[axis] is not None else np.arange(size).astype(np.str_)

    @property
    def rows(self) -> Any:
        """See `Labelled`."""
        return self.passed.index

    @property
    def columns(self) -> Any:
        """See `Labelled`."""
        return self.passed.columns

    def columns_at(self, where: Any) -> Any:
        """See `Labelled`."""
        return self.columns[np.arange(len(self.columns))[where]]

    def components(self, names: list[str]) -> tuple[Any, Any]:
        """See `Labelled`."""
        import pandas

        index = pandas.Index(names)
        return index, index

    def build(self, x: Any, rows: Any, columns: Any) -> Any:
        """See `Labelled`."""
        import pandas

        return pandas.DataFrame(x, index=rows, columns=columns)

    def code(self, name: str, axis: int) -> str:
        """See `Labelled`."""
        return f"{name}.{('index', 'columns')[axis]}"

    def picked(self, name: str, axis: int, names: str) -> str:
        """See `Labelled`."""
        return (f"{name}.loc[{names}]", f"{name}[{names}]")[axis]

    def to_pandas(self, rows: Any, columns: Any) -> Any:
        """See `Labelled`. A copy, to which its owner may write."""
        return self.passed.copy()


def _refuse_index(name: str, frame: Any) -> None:
    """Raise if the first column was an index, which would be taken for a sample."""
    first = frame.columns[0] if frame.shape[1] else None
    if isinstance(first, str) and first in INDEX_TITLES:
        raise TypeError(
            f"{name} has a first column {first!r}, which is an index and no sample; pass "
            f"{name}.set_index({first!r})"
        )


def _numbers_of_pandas(column: Any) -> NDArray[Any] | None:
    """A column as numbers, NaN where they are missing; None if it holds anything else."""
    import pandas

    dtype = column.dtype
    if _is_object(dtype):
        return _exact(column)
    kinds = pandas.api.types
    if not (kinds.is_numeric_dtype(dtype) or kinds.is_bool_dtype(dtype)):
        return None
    plain = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    if column.hasnans:
        plain = plain if plain.kind in "fc" else np.dtype("float64")
        found: NDArray[Any] = column.to_numpy(dtype=plain, na_value=np.nan)
        return found
    # Of what is a number to pandas alone, such as a decimal of Arrow's, NumPy makes floats.
    dtype = plain if plain.kind in "biufc" else np.dtype("float64")
    whole: NDArray[Any] = column.to_numpy(dtype=dtype)
    return whole


def _is_object(dtype: Any) -> bool:
    """Whether a dtype is that of Python's objects."""
    return getattr(dtype, "kind", "") == "O" and isinstance(dtype, np.dtype)


def _exact(column: Any) -> NDArray[Any] | None:
    """A column of Python's objects as numbers, unless one would become another number."""
    known = ~column.isna().to_numpy()
    values = [x.item() if isinstance(x, np.generic) else x for x in column.to_numpy()[known]]
    if not all(isinstance(x, (Real, Decimal)) for x in values):
        return None
    if known.all() and values and all(isinstance(x, int) for x in values):
        whole = np.array(values)
        if whole.dtype.kind in "biu":
            return whole
    found = np.full(len(column), np.nan)
    found[known] = [float(x) for x in values]
    same = all(x == y for x, y in zip(values, found[known].tolist(), strict=True))
    return found if same else None


def _refuse_text(name: str, frame: Any, wrong: list[int]) -> None:
    """Raise for columns of a pandas frame that are no numbers."""
    words = first_of([_described(frame, k) for k in wrong], "{}")
    count, first = f"{len(wrong)} column{'s' * (len(wrong) > 1)}", frame.columns[wrong[0]]
    raise TypeError(
        f"{name} has {count} that {'is' if len(wrong) == 1 else 'are'} no numbers: {words}; pass "
        f"{name}.set_index({first!r}) if it names the rows, {name}.select_dtypes('number'), or "
        f"{name}.astype(float) if they can be read as numbers"
    )


def _described(frame: Any, k: int) -> str:
    """A column's name, its dtype, and of Python's objects one."""
    column = frame.iloc[:, k]
    known = column.dropna().tolist() if _is_object(column.dtype) else []
    example = f", such as {repr(known[0])[:40]}" if known else ""
    return f"{frame.columns[k]!r} ({column.dtype}{example})"
