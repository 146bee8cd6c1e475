"""Files of tables: text, parquet and feather, read by pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...dataset import Dataset
from ..limits import check_growth
from .cells import MISSING, heads_names, is_padded, is_text
from .guesses import Unclear, header_of
from .table import Table, asked
from .text import Head, head_of, opened

if TYPE_CHECKING:
    from pandas import DataFrame


def read_text(
    path: Path,
    *,
    header: bool | None = None,
    index: bool | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    columns: str | Sequence[str] | None = None,
    long: bool | None = None,
) -> Dataset:
    """A table of text, with the names above and before it if it has such."""
    try:
        table = _text_table(path, header, index, head_of(path, sep, decimal))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it is no UTF-8 (byte {error.start}); write it so, e.g. by iconv -f cp1252 -t utf-8"
        ) from None
    return table.dataset(index, columns, long)


def _text_table(path: Path, header: bool | None, index: bool | None, head: Head) -> Table:
    """A table of text, its first column as it stands if it may have names."""
    top, words = header, "header row"
    try:
        if head.ended and head.short and index is None:
            raise Unclear("its last column is empty", "index", *ENDED)
        if head.ended and head.short and index:
            head = replace(head, ended=False)
        head = head.without_ends() if head.ended else head
        plain, short = head.plain, head.short
        if header is None:
            top, words = header_of(plain)
    except Unclear as unclear:
        raise asked(unclear, path, head.rows) from None
    if short and not top:
        raise ValueError("its first row has one cell fewer than the others, as a header row has")
    if short and index is False:
        raise ValueError("its header is one cell short of the others, so the first has a name")
    names = ([""] if short else []) + head.rows[0] if top else None
    cells = [row[0] for row in (plain[1:] if top else plain)]
    padded = any(map(is_padded, cells)) and not any(is_padded(x) for row in plain for x in row[1:])
    text = bool(index) or short or padded or any(map(is_text, cells))
    frame = _body(path, head, bool(top), text)
    named = names is not None and heads_names(names[0])
    if not text and frame[0].dtype.kind not in "biu" and (named or frame[0].isna().any()):
        frame = _body(path, head, bool(top), text=True)  # names, perhaps, as they stand
    empty = frame.drop(columns=0).isna().all(axis=1) & frame[0].isin(["", np.nan])
    said = (*head.said, *([words or "header row"] if top else []))
    if frame.shape[1] > 1 and empty.any():
        frame = frame[~empty].reset_index(drop=True)
        said += (f"{int(empty.sum()):,} empty rows left out",)
    _check_last(path, head, frame)
    return Table(path, frame, names, head.rows, said, short)


ENDED = ("takes the first column for names", "the last one for none, as separators end the rows")


def _check_last(path: Path, head: Head, frame: DataFrame) -> None:
    """Raise for a row that is too short, which pandas fills with what is missing."""
    if not frame.iloc[:, -1].isna().any():
        return
    width = len(head.rows[-1]) + head.ended
    with opened(path) as file:
        for number, row in enumerate(head.style.rows(islice(file, head.skipped, None)), 1):
            if row and len(row) < width - (number == 1):
                raise ValueError(f"row {number:,} has {len(row)} cells, but others have {width}")


def read_parquet(
    path: Path,
    *,
    index: bool | None = None,
    columns: str | Sequence[str] | None = None,
    long: bool | None = None,
) -> Dataset:
    """A table in a parquet file."""
    from pyarrow import parquet

    held = parquet.read_metadata(path)
    check_growth(path, 8 * held.num_rows * held.num_columns)
    return _of_frame(path, parquet.read_table(path).to_pandas(), index, columns, long)


def read_feather(
    path: Path,
    *,
    index: bool | None = None,
    columns: str | Sequence[str] | None = None,
    long: bool | None = None,
) -> Dataset:
    """A table in a feather file."""
    return _of_frame(path, _feather_frame(path), index, columns, long)


def _feather_frame(path: Path) -> DataFrame:
    """The frame in a feather file, whose pieces are unpacked one by one while it is plausible."""
    import pyarrow
    from pyarrow import feather, ipc

    with path.open("rb") as file:
        packs = file.read(len(ARROW)) == ARROW
    if not packs:  # the first version of the format
        return feather.read_feather(path)
    pieces, size = [], 0
    with ipc.open_file(path) as file:
        for k in range(file.num_record_batches):
            pieces.append(file.get_batch(k))
            size += pieces[-1].nbytes
            check_growth(path, size)
        return pyarrow.Table.from_batches(pieces, file.schema).to_pandas()


ARROW = b"ARROW1"
"""How a feather file of the second version begins."""


def _of_frame(
    path: Path,
    frame: DataFrame,
    index: bool | None,
    columns: str | Sequence[str] | None,
    long: bool | None,
) -> Dataset:
    """A frame of pandas that has a header, and an index if that is more than a count."""
    import pandas as pd

    if not len(frame) or not frame.shape[1]:
        raise ValueError("it holds no numbers")
    counts = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    names = [str(x) for x in frame.columns]
    if not (counts and (frame.index.start, frame.index.step) == (0, 1)):
        before = ["|".join(map(str, x)) if isinstance(x, tuple) else str(x) for x in frame.index]
        names.insert(0, "|".join(str(x) for x in frame.index.names if x is not None))
        index = True if index is None else index
        frame = frame.reset_index(drop=True)
        frame.insert(0, None, before)
    frame.columns = pd.RangeIndex(len(names))
    shown = [names, *(list(map(str, row)) for row in frame.head(3).itertuples(index=False))]
    return Table(path, frame, names, shown, ()).dataset(index, columns, long)


def _body(path: Path, head: Head, top: bool, text: bool) -> DataFrame:
    """The rows below the header; the first column as it stands if it is `text`."""
    import pandas as pd

    numbers = range(int(text), len(head.rows[-1]) + head.ended)
    with opened(path) as file:
        for _ in islice(file, head.skipped):
            pass
        passed = head.tall if top else 0
        while passed:
            passed -= bool(next(file).strip())  # blank lines are none of the header's
        try:
            frame = pd.read_csv(
                file,
                header=None,
                sep=r"\s+" if head.style.sep == " " else head.style.sep,
                decimal=head.style.decimal,
                skipinitialspace=True,
                dtype={0: str} if text else None,
                keep_default_na=False,  # nothing is missing among names
                na_values=dict.fromkeys(numbers, sorted(MISSING)),
                low_memory=False,
                **exactly(pd.__version__),
            )
        except pd.errors.EmptyDataError:
            raise ValueError("it holds no numbers") from None
    if text:
        frame[0] = frame[0].str.strip()
    if text and all(map(head.style.is_number, frame[0])):  # of which pandas leaves decimals
        frame[0] = frame[0].map(head.style.plain)
    if head.ended and frame.pop(frame.shape[1] - 1).notna().any():
        raise ValueError("its first rows end with a separator, others with a cell more")
    return frame


def exactly(version: str) -> dict[str, Any]:
    """What makes pandas of a version read each number as the nearest one; since 3.1 all do."""
    before = tuple(int(part) for part in version.split(".")[:2]) < (3, 1)
    return {"float_precision": "round_trip"} if before else {}
