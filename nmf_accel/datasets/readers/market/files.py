"""Matrix Market files, as sparse as they are, with the names that lie beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...dataset import Dataset, shown
from ..held import Held, in_short, native
from ..limits import check_growth
from ..packed import Bounded, is_packed
from ..sparse import check_shape, checked
from .beside import name_by

SIGN = b"%%matrixmarket"
"""How a file begins, in letters of any size."""
LEAST = {"coordinate": 4, "array": 2}
"""Bytes that an entry takes at least, by format: ``1 1`` or ``1``, and the end of the line."""
ENTRY = 24
"""Bytes that an entry takes in memory: two indices and a number."""
FIELDS = {"complex": complex, "integer": int, "unsigned-integer": int}
"""Types of entries; others are real."""
SAID = {"pattern": "entries without values: each is 1"}
NUMBERS = b"0123456789+-.eE \t\r\n" + b"infatyINFATY"
"""Bytes of which numbers are made, among them infinity and not a number."""
UNENDED = "its last line has no end, and may be cut off"
ENDINGS = ("matrix.mtx", "matrix.mtx.gz", "cells_x_genes.mtx", "cells_x_genes.mtx.gz")
"""Of the matrix in a folder of 10x Genomics, and in one of kb."""


class Entries(Bounded):
    """A file whose entries are numbers: scipy reads 1.5D2 and 1,5 as 1.5 and 1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header: bytes | None = b""

    def look(self, found: bytes) -> None:
        """Raise ValueError for what is no part of a number, below the comments."""
        if self.header is not None:
            self.header += found
            *lines, rest = self.header.split(b"\n")
            below = [k for k, line in enumerate(lines) if line.strip() and line[:1] != b"%"]
            if not below:
                self.header = rest if rest[:1] != b"%" else rest[:1]
                return
            self.header, found = None, b"\n".join([*lines[below[0] :], rest])
        if other := found.translate(None, NUMBERS):
            raise ValueError(
                f"it has {chr(other[0])!r} among its numbers, which are written as 1.5 or 15e-1"
            )


def read_mtx(path: Path) -> Dataset:
    """A Matrix Market file, with the names of features and samples beside it.

    Symmetric ones are made whole. Of entries without a value, each is 1.

    Raises
    ------
    ValueError
        If its header claims more than it holds; if names beside it do not fit.
    """
    from scipy.io import mmread

    said = _check_header(path)
    with Entries(path) as file:
        found = mmread(file)
        file.read()  # up to the checksum of what is packed
    if file.unended:
        said = (*said, UNENDED)
    if hasattr(found, "tocsr"):
        A = checked(found, path)
        if added := found.nnz - A.nnz:
            said = (*said, f"{added:,} entries added to others in their place")
    else:
        A = native(np.asarray(found))
    return name_by(path, Dataset(path.name, A, said=said))


def _check_header(path: Path) -> tuple[str, ...]:
    """Raise unless it has room for the matrix that its header claims; what is to be said of it."""
    from scipy.io import mminfo

    with Bounded(path) as file:
        if file.read(len(SIGN)).lower() != SIGN:
            raise ValueError("it does not begin with %%MatrixMarket")
    with Bounded(path) as file:
        rows, columns, entries, form, field, symmetry = mminfo(file)
    Held.of((rows, columns), FIELDS.get(field, float)).check()
    whole = symmetry == "general"
    written = entries if whole or form == "coordinate" else entries // 2
    size = path.stat().st_size
    if not is_packed(path) and written * LEAST[form] > size + 1:
        raise ValueError(
            f"its header claims {written:,} entries, for which its {size:,} bytes have no room; "
            "it is cut off or damaged"
        )
    check_growth(path, entries * ENTRY)
    if form == "coordinate":
        check_shape(path, (rows, columns))
    said = [SAID[field]] if field in SAID else []
    return (*said, *([] if whole else [f"{symmetry}: made whole"]))


def matrices_in(folder: Path) -> list[Path]:
    """The matrices in a folder as 10x Genomics calls them, each with a prefix perhaps."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS))


def read_tenx_folder(folder: Path) -> Dataset:
    """The matrix of a folder of 10x Genomics, with its names.

    Raises
    ------
    ValueError
        If there are several.
    """
    path, *more = matrices_in(folder)
    if more:
        names = in_short(x.name for x in (path, *more))
        raise ValueError(f"it holds several matrices: {names}; read one of these files")
    try:
        return read_mtx(path)
    except Exception as error:  # libraries raise anything for a damaged file
        raise ValueError(f"{shown(path.name)}: {error}") from error
