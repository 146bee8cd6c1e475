"""The file of a factorization: its arrays, and a record of all else."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..backends.exchange import to_numpy
from ..files import atomic_write, open_regular
from ..labels import array_of

T = TypeVar("T")

FORMAT = 1
"""Of newer ones an older version reads nothing; further arrays it leaves out."""
ARRAYS = ("W", "H", "errors", "W0", "H0", "features", "samples", "components")
"""What is stored as an array, if it is there; of frames the numbers."""


MOST = 200
"""How often its size a file may claim to hold; ours are not compressed."""
DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(MemoryError, OverflowError, RecursionError, NotImplementedError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What zipfile, NumPy and json raise of a damaged file."""
MAGIC = {b"PK": "npz", b"\x93N": "npy"}
"""How files of NumPy's begin."""


def is_factorization(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `write` wrote, by what it holds."""
    try:
        with zipfile.ZipFile(path) as file:
            return {"record.npy", "W.npy", "H.npy"} <= set(file.namelist())
    except DAMAGE:
        return False


def write(path: str | os.PathLike[str], held: Mapping[str, Any]) -> None:
    """Write what a factorization holds, atomically."""
    arrays = {name: held[name] for name in ARRAYS if held[name] is not None}
    stored: dict[str, Any] = {name: to_numpy(array_of(x)) for name, x in arrays.items()}
    record = {name: x for name, x in held.items() if name not in ARRAYS}
    record["settings"] = dict(record["settings"])
    with atomic_write(path) as file:
        np.savez(file, record=np.array(json.dumps({"format": FORMAT, **record})), **stored)


def read(path: str | os.PathLike[str], made: Callable[..., T]) -> T:
    """What is made of what `write` wrote, given by its names.

    Raises
    ------
    OSError
        If the file cannot be opened, or is none.
    ValueError
        If the file is not a factorization, is damaged, or a newer version of nmf_accel wrote it.
    """
    name = os.fspath(path)
    with open_regular(path) as opened:
        kind = MAGIC.get(opened.read(2))
        if kind is None:
            raise ValueError(f"{name} is not a factorization, an .npz that save() wrote")
        if kind != "npz":
            raise ValueError(f"{name} is not a factorization; it holds one array")
        opened.seek(0)
        try:
            arrays, others = _arrays(opened)
        except DAMAGE as error:
            raise ValueError(f"{name} is damaged: {error or 'it claims too much'}") from error
    if "record" not in arrays:
        raise ValueError(f"{name} is not a factorization; it holds {sorted([*arrays, *others])}")
    try:
        record = _record(arrays.pop("record"))
    except DAMAGE as error:
        raise ValueError(f"{name} is damaged: its record cannot be read") from error
    if (version := record.pop("format")) > FORMAT:
        raise ValueError(f"{name} has format {version}, newer than {FORMAT}; upgrade nmf-accel")
    if (fault := _fault(arrays, record)) is not None:
        raise ValueError(f"{name} is damaged: {fault}")
    try:
        return made(**arrays, **record)
    except TypeError as error:
        raise ValueError(f"{name} is damaged: {error}") from error


def _arrays(opened: IO[bytes]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of ours in an open .npz, and the names of others."""
    size = os.fstat(opened.fileno()).st_size
    with zipfile.ZipFile(opened) as packed:
        claimed = sum(one.file_size for one in packed.infolist())
    if claimed > MOST * size:
        raise ValueError(f"it has {size:,} bytes and claims to hold {claimed:,}")
    opened.seek(0)
    with np.load(opened, allow_pickle=False) as file:
        ours = [name for name in ("record", *ARRAYS) if name in file]
        return {name: file[name] for name in ours}, [x for x in file.files if x not in ours]


def _record(written: NDArray[Any]) -> dict[str, Any]:
    """All that is no array."""
    record = json.loads(str(written))
    if type(record["format"]) is not int:
        raise ValueError(f"its format is {record['format']!r}")
    return dict(record)


def _fault(arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> str | None:
    """What is wrong with what a factorization holds, or nothing."""
    if not isinstance(record.get("settings"), dict):
        return "it lacks settings"
    if lacks := [name for name in ("W", "H", "errors") if name not in arrays]:
        return f"it lacks {lacks[0]}"
    W, H, errors = (arrays[name] for name in ("W", "H", "errors"))
    kinds = W.dtype.kind + H.dtype.kind + errors.dtype.kind
    if (W.ndim, H.ndim, errors.ndim) != (2, 2, 1) or W.shape[1] != H.shape[0] or kinds != "fff":
        return f"its W {W.shape}, H {H.shape} and errors {errors.shape} are no factorization's"
    return None
