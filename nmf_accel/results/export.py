"""W and H as files that other programs open."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from ..files import atomic_write
from ..labels import Names, make_unique

if TYPE_CHECKING:
    from .factorization import Factorization


class Table(NamedTuple):
    """A factor with its names.

    Attributes
    ----------
    name : str
        ``W`` or ``H``.
    corner : str
        What its rows are: ``feature`` or ``component``.
    rows, columns : list
        Their names, each once; numbers from 0 where they have none.
    values : array
    """

    name: str
    corner: str
    rows: list[Any]
    columns: list[Any]
    values: NDArray[Any]


def tables_of(result: Factorization) -> list[Table]:
    """W and H."""
    W, H = result.to_arrays()
    features = _names(result.features, len(W))
    samples = _names(result.samples, H.shape[1])
    components = result.component_names
    # A column may not be called as that of the names is, or a reader would rename it.
    return [
        Table("W", "feature", features, _beside("feature", components), W),
        Table("H", "component", components, _beside("component", samples), H),
    ]


def _names(names: Names | None, count: int) -> list[Any]:
    """Names, each once, or numbers from 0."""
    return list(range(count)) if names is None else make_unique(names.tolist())


def _beside(corner: str, names: list[Any]) -> list[Any]:
    return make_unique([corner, *names])[1:]


def _write_text(delimiter: str, table: Table, path: Path) -> None:
    """A table as text; a number is the shortest text that is it again in float64."""
    names = map(str, (*table.rows, *table.columns))
    # Of the names that need quotes, Python leaves out those with a bare carriage return.
    bare = any("\r" in name for name in names)
    quoting: Any = csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow([table.corner, *table.columns])
        for name, row in zip(table.rows, table.values, strict=True):
            writer.writerow([name, *row.tolist()])
        text.detach()  # which writes what is left, and leaves the file open


def _write_parquet(table: Table, path: Path) -> None:
    """A table as parquet, by pandas and pyarrow."""
    try:
        import pandas
        import pyarrow  # noqa: F401  which pandas would ask for in other words
    except ImportError as error:
        raise ImportError(
            f"parquet takes {error.name}: pip install 'nmf-accel[files]'", name=error.name
        ) from error
    index = pandas.Index(table.rows, name=table.corner)
    columns = list(map(str, table.columns))
    with atomic_write(path) as file:
        pandas.DataFrame(table.values, index, columns).to_parquet(file)


def _tables(ending: str, write: Callable[[Table, Path], None]) -> Callable[..., list[Path]]:
    """Both factors as files of such an ending."""

    def export(result: Factorization, folder: Path) -> list[Path]:
        written = []
        for table in tables_of(result):
            written.append(folder / f"{table.name}.{ending}")
            write(table, written[-1])
        return written

    return export


def _export_csv(table: Table, path: Path) -> None:
    _write_text(",", table, path)


def _export_tsv(table: Table, path: Path) -> None:
    _write_text("\t", table, path)


def _export_npz(result: Factorization, folder: Path) -> list[Path]:
    path = folder / "factorization.npz"
    result.save(path)
    return [path]


EXPORTS: dict[str, Callable[[Factorization, Path], list[Path]]] = {
    "csv": _tables("csv", _export_csv),
    "tsv": _tables("tsv", _export_tsv),
    "parquet": _tables("parquet", _write_parquet),
    "npz": _export_npz,
}
"""The kinds of files: a function from a factorization and a folder to the paths written."""
