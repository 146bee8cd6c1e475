"""Arrays in NumPy's own files, and the sparse matrices that scipy writes into them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...dataset import Dataset
from ..held import Held, choose, native
from ..limits import check_growth
from ..names import as_names, names_beside
from ..stores.groups import as_text

HEAD = 2**14
"""Bytes in which a header ends; NumPy reads none that is longer."""
HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""By version; 3.0 has names of fields in it, and so no matrix."""
MEMBER = "npy"
"""What the names of arrays end with in an ``.npz`` file."""
SPARSE = {"format", "shape", "data"}
FACTORIZATION = {"record", "W", "H"}
"""Members by which the files of `scipy.sparse.save_npz` and `Factorization.save` are known."""


def read_numpy(path: Path, *, array: str | None = None) -> Dataset:
    """The matrix of an ``.npy`` or ``.npz`` file: the content decides which of them it is."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
        file.seek(0)
        return _read_npz(path, file, array) if packed else _read_npy(path, file, array)


def _read_npy(path: Path, file: IO[bytes], asked: str | None) -> Dataset:
    if asked is not None:
        raise ValueError(f"it holds one array, which has no name; leave out the array {asked!r}")
    held, begin = _head(file)
    size = path.stat().st_size
    _check(held, size - begin)
    file.seek(0)
    A = np.lib.format.read_array(file, allow_pickle=False)
    after = size - file.tell()
    said = (f"{after:,} bytes after the array not read",) if after else ()
    return Dataset(path.name, native(A), said=said)


def _read_npz(path: Path, file: IO[bytes], asked: str | None) -> Dataset:
    with zipfile.ZipFile(file) as packed:
        named = ((x.filename.rpartition("."), x) for x in packed.infolist())
        members = {name: member for (name, _, kind), member in named if kind == MEMBER}
        if members.keys() >= SPARSE:
            return Dataset(path.name, _read_sparse(path, packed, members, asked))
        if members.keys() >= FACTORIZATION and asked is None:
            raise ValueError(
                "it holds a factorization that nmf_accel wrote, no data: "
                "nmf_accel.Factorization.load reads it; a factor is chosen by --array W (array='W')"
            )
        held = {}
        for name, member in members.items():
            with packed.open(member) as opened:
                held[name] = _head(opened)[0]
        name, said = choose(held, asked)
        _check_member(path, packed, members[name], name)
        A = native(_load(packed, members[name]))
        text = {x: array for x, array in held.items() if x == name or array.dtype.kind in "US"}
        found, more = names_beside(name, text)
        for x in filter(None, found):
            _check_member(path, packed, members[x], x, matrix=False)
        features, samples = (
            as_names(path, map(as_text, _load(packed, members[x]))) if x else None for x in found
        )
        return Dataset(path.name, A, features=features, samples=samples, said=(*said, *more))


def _load(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    with packed.open(member) as opened:
        return np.lib.format.read_array(opened, allow_pickle=False)


def _check_member(
    path: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, matrix: bool = True
) -> None:
    """Raise unless a member is what its header claims, before it is unpacked.

    A matrix is held against its own packed bytes, parts of one and names against the whole file:
    where all entries are 1, they pack 700 times.
    """
    check_growth(path, member.file_size, member.compress_size if matrix else None)
    with packed.open(member) as opened:
        held, begin = _head(opened)
    _check(held, member.file_size - begin, name, matrix)


def _head(file: IO[bytes]) -> tuple[Held, int]:
    """What the header of an ``.npy`` file claims, and where it ends."""
    head = io.BytesIO(file.read(HEAD))
    version = np.lib.format.read_magic(head)
    if version not in HEADERS:
        raise ValueError(f"it is of version {version} of NumPy's format, which has no matrices")
    shape, _, dtype = HEADERS[version](head)
    return Held.of(shape, dtype), head.tell()


def _check(held: Held, room: int, name: str = "", matrix: bool = True) -> None:
    """Raise unless it is a matrix, if it must be one, and its bytes are there."""
    if matrix:
        held.check(name)
    if not 0 <= held.nbytes <= room:
        raise ValueError(
            f"its header claims an array of shape {held.shape} and {held.nbytes:,} bytes, but "
            f"{room:,} follow; it is cut off or damaged"
        )


def _read_sparse(
    path: Path, packed: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], asked: str | None
) -> Any:
    """What `scipy.sparse.save_npz` wrote."""
    from scipy.sparse import load_npz

    from ..sparse import checked

    if asked is not None:
        raise ValueError(
            f"it holds one sparse matrix, which has no name; leave out the array {asked!r}"
        )
    for name, member in members.items():
        _check_member(path, packed, member, name, matrix=False)
    return checked(load_npz(path), path)
