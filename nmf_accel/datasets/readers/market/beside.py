"""Names of rows and columns in files beside a matrix, as 10x Genomics and others put them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ...dataset import Dataset
from ..names import as_names, doubled, feature_types, gene_names
from ..packed import lines

PACKED = ("", ".gz")
GENES, BARCODES = ("features.tsv", "genes.tsv"), ("barcodes.tsv",)
FORMS = (
    ("matrix", GENES, BARCODES),
    ("counts", GENES, BARCODES),
    ("", (".genes.txt",), (".barcodes.txt",)),
)
"""Of 10x, GEO and kb: how the name of the matrix ends, and what stands there in those of its names;
numbers of lines tell the sides.
"""
SIDES = (".mtx_rows", ".rows"), (".mtx_cols", ".cols")
"""What follows the name of the matrix, of its rows and its columns."""
TURNED = "transposed: by its names the file has cells × genes"
SQUARE = "square: features taken for the rows"


def name_by(path: Path, data: Dataset) -> Dataset:
    """A matrix with the names that lie beside its file, if any.

    Raises
    ------
    ValueError
        If there are two files for the same names, or one that fits no side.
    """
    stem = re.sub(r"\.mtx(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    sides = [_found(path.parent, stem, endings) for endings in SIDES]
    forms = [
        [_found(path.parent, stem.removesuffix(end), endings) for endings in names]
        for end, *names in FORMS
        if stem.endswith(end)
    ]
    pairs = [pair for pair in (sides, *forms) if any(pair)]
    there = [file.name for pair in pairs for file in pair if file]
    if not pairs:
        return replace(data, said=(*data.said, "no names beside it"))
    if len(pairs) > 1:
        raise ValueError(f"names beside it are in {', '.join(there)}; move away those not meant")
    rows, columns = (lines(file) if file else None for file in pairs[0])
    tenx = not any(sides)
    data = _turned(data, rows, columns, there, may_turn=tenx)
    features, said = _features(rows, tenx=tenx)
    return _named(path, data, features, columns, (*said, f"names by {', '.join(there)}"))


def _found(folder: Path, prefix: str, endings: tuple[str, ...]) -> Path | None:
    """The one file of such a name that is there."""
    paths = [folder / f"{prefix}{ending}{packed}" for ending in endings for packed in PACKED]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        raise ValueError(f"{names} are beside it; move away those that are not meant")
    return there[0] if there else None


def _turned(
    data: Dataset,
    rows: list[str] | None,
    columns: list[str] | None,
    there: list[str],
    *,
    may_turn: bool,
) -> Dataset:
    """A matrix the way round that fits its names, which say that if it `may_turn`."""
    m, n = data.A.shape
    counts = [None if side is None else len(side) for side in (rows, columns)]

    def fit(*sides: int) -> bool:
        return all(k in (None, size) for k, size in zip(counts, sides, strict=True))

    if fit(m, n):
        return replace(data, said=(*data.said, SQUARE)) if may_turn and m == n else data
    if may_turn and fit(n, m):
        return replace(data, A=data.A.T, said=(*data.said, TURNED))
    have = zip(there, (k for k in counts if k is not None), strict=True)
    words = ", ".join(f"{file} has {count:,} lines" for file, count in have)
    header = any(k in (m + 1, n + 1) for k in counts)
    cure = "take out a header" if header else "move away what does not belong to it"
    raise ValueError(f"its matrix is {m:,} × {n:,}, but {words}; {cure}")


def _features(rows: list[str] | None, *, tenx: bool) -> tuple[list[str] | None, tuple[str, ...]]:
    """Names of features: the first column, or of 10x the symbols in the second one."""
    if rows is None:
        return None, ()
    cells = [row.split("\t") for row in rows]
    ids = [row[0] for row in cells]
    wide = min(map(len, cells), default=0)
    if not tenx or wide < 2:
        return ids, ()
    names, said = gene_names([row[1] for row in cells], ids)
    return names, (*said, *feature_types(row[2] for row in cells if wide > 2))


def _named(
    path: Path,
    data: Dataset,
    rows: list[str] | None,
    columns: list[str] | None,
    said: tuple[str, ...],
) -> Dataset:
    features = None if rows is None else as_names(path, rows)
    samples = None
    if columns is not None:
        samples = as_names(path, [name.partition("\t")[0] for name in columns])
    more = *doubled("features", features), *doubled("samples", samples)
    return replace(data, features=features, samples=samples, said=(*data.said, *said, *more))
