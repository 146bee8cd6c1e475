"""The file of a factorization: its arrays, and a record of all else."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends.exchange import to_numpy
from ..files import atomic_write
from ..labels import array_of

FORMAT = 1
"""Of newer ones an older version reads nothing; further arrays it leaves out."""
ARRAYS = ("W", "H", "errors", "W0", "H0", "features", "samples", "components")
"""What is stored as an array, if it is there; of frames the numbers."""


MAGIC = {b"PK": "npz", b"\x93N": "npy"}
"""How files of NumPy's begin."""


def is_factorization(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `write` wrote, by what it holds."""
    try:
        with zipfile.ZipFile(path) as file:
            return {"record.npy", "W.npy", "H.npy"} <= set(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def write(path: str | os.PathLike[str], held: Mapping[str, Any]) -> None:
    """Write what a factorization holds, atomically."""
    arrays = {name: held[name] for name in ARRAYS if held[name] is not None}
    stored: dict[str, Any] = {name: to_numpy(array_of(x)) for name, x in arrays.items()}
    record = {name: x for name, x in held.items() if name not in ARRAYS}
    record["settings"] = dict(record["settings"])
    with atomic_write(path) as file:
        np.savez(file, record=np.array(json.dumps({"format": FORMAT, **record})), **stored)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write` wrote.

    Raises
    ------
    ValueError
        If the file is not a factorization, or a newer version of nmf_accel wrote it.
    """
    # Opened here, since NumPy forgets to close a file that is damaged.
    with open(path, "rb") as opened:
        kind = MAGIC.get(opened.read(2))
        if kind is None:
            raise ValueError(f"{os.fspath(path)} is not a factorization, an .npz that save() wrote")
        opened.seek(0)
        file = np.load(opened, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError(f"{os.fspath(path)} is not a factorization; it holds one array")
        if "record" not in file:
            raise ValueError(f"{os.fspath(path)} is not a factorization; it holds {file.files}")
        record: dict[str, Any] = json.loads(str(file["record"]))
        arrays = {name: file[name] for name in ARRAYS if name in file}
    if (version := record.pop("format")) > FORMAT:
        raise ValueError(
            f"{os.fspath(path)} has format {version}, newer than {FORMAT}; upgrade nmf-accel"
        )
    return {**arrays, **record}
