"""Zarr: an array, a group of arrays, or AnnData, in a folder or a zip file."""

from __future__ import annotations

import warnings
from operator import itemgetter
from pathlib import Path

from ...dataset import Dataset
from .groups import Store, is_group
from .hdf5 import read_one, read_store
from .single_cell import KINDS, Kind

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files by which a folder is known, of versions 3 and 2."""


def is_zarr(folder: Path) -> bool:
    """Whether a folder is an array or a group of zarr."""
    return any((folder / mark).is_file() for mark in MARKS)


def read_zarr(path: Path, *, array: str | None = None, layer: str | None = None) -> Dataset:
    """A matrix of a zarr folder or zip file, or what a single-cell file in it holds.

    Raises
    ------
    ValueError
        If it has several matrices, and none was chosen; if an option says nothing of such a file.
    """
    import zarr
    from zarr.storage import LocalStore, ZipStore

    files = [path] if path.is_file() else [x for x in path.rglob("*") if x.is_file()]
    packed = sum(x.stat().st_size for x in files)
    with warnings.catch_warnings():
        # Of what is not yet in the standard, or lies beside the arrays: nothing is read wrong.
        warnings.simplefilter("ignore")
        where = ZipStore(path, mode="r") if path.is_file() else LocalStore(path, read_only=True)
        try:
            root = zarr.open(where, mode="r")
            return read_store(Store(root, path, packed), READS, array=array, layer=layer)
        finally:
            where.close()


def _read_array(store: Store, array: str | None = None) -> Dataset:
    if array is not None:
        raise ValueError(f"it is one array, which has no name; leave out the array {array!r}")
    return Dataset(store.path.name, store.dense(store.root))


def _read_group(store: Store, array: str | None = None) -> Dataset:
    members = sorted(store.root.members(max_depth=None), key=itemgetter(0))
    return read_one(store, {name: node for name, node in members if not is_group(node)}, array)


READS = (
    Kind("an array of zarr", lambda root: not is_group(root), _read_array, "array"),
    *KINDS,
    Kind("a group of zarr", lambda root: True, _read_group, "array"),
)
