"""Groups of arrays as HDF5 and zarr have them, read piece by piece, each held against the file."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Names
from ..held import Held, native
from ..limits import check_growth
from ..names import as_names
from ..sparse import check_shape, checked
from .conventions import as_meant, attributes_of


@dataclass(frozen=True)
class Store:
    """An opened file or folder of groups and arrays.

    Attributes
    ----------
    root : h5py.Group or zarr.Group
    path : Path
    packed : int
        Bytes that it takes on the disk.
    notes : list of str
        What is to be said of the arrays that were read.
    check_text : callable
        Raises before text is read that is damaged.
    """

    root: Any
    path: Path
    packed: int
    notes: list[str] = field(default_factory=list)
    check_text: Callable[[], None] = lambda: None

    def __contains__(self, name: str) -> bool:
        return name in self.root

    def __getitem__(self, name: str) -> Any:
        return self.root[name]

    def dense(self, node: Any, name: str = "") -> NDArray[Any]:
        """The matrix that is an array of the store.

        Raises
        ------
        ValueError
            If it is no matrix, or claims more than the store can hold.
        """
        Held.of(node.shape, node.dtype).check(name)
        A, said = as_meant(native(np.asarray(self._entries(node))), attributes_of(node))
        self.notes.extend(said)
        return A

    def sparse(self, group: Any, shape: Any, kind: str) -> Any:
        """The sparse matrix of a group with ``data``, ``indices`` and ``indptr``.

        Parameters
        ----------
        group : h5py.Group or zarr.Group
        shape : array of 2 int
        kind : {'csr', 'csc'}

        Raises
        ------
        ValueError
            If its parts do not fit each other or the store.
        """
        from scipy import sparse

        m, n = check_shape(self.path, shape, self.packed)
        lengths = {part: group[part].shape for part in ("data", "indices", "indptr")}
        count = {"csr": m, "csc": n}[kind] + 1
        if lengths["indptr"] != (count,) or lengths["data"] != lengths["indices"]:
            raise ValueError(
                f"its sparse matrix of {m} × {n} has parts of {lengths}; it is damaged"
            )
        data, indices, pointers = (native(self._entries(group[part])) for part in lengths)
        if data.size <= np.iinfo(indices.dtype).max:  # else scipy widens the indices to match
            pointers = pointers.astype(indices.dtype, copy=False)
        make = {"csr": sparse.csr_array, "csc": sparse.csc_array}[kind]
        A = make((data, indices, pointers), shape=(m, n))
        return checked(A, self.path, self.packed)

    def names(self, node: Any, count: int, what: str) -> Names:
        """So many names, from an array of text, or in a group with codes or a mask.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        if "categories" in keys(node):
            known = self.names(node["categories"], node["categories"].shape[0], what)
            codes = self.column(node["codes"], count, what)
            if not np.isin(codes, range(-1, known.size)).all():
                raise ValueError(f"its names of {what} have codes of none; it is damaged")
            found: Names = np.append(known, "")[codes]  # −1 is a missing name
            return found
        node = node["values"] if "values" in keys(node) else node
        if (node.dtype.metadata or {}).get("vlen", str) not in (str, bytes):
            raise ValueError(f"its names of {what} are lists, not text; it is damaged")
        return self.as_names(self.column(node, count, what))

    def as_names(self, values: Any) -> Names:
        """Names from text, bytes or numbers."""
        return as_names(self.path, map(as_text, values), self.packed)

    def column(self, node: Any, count: int, what: str) -> Any:
        """An array of one entry for each of so many things."""
        if node.shape != (count,):
            raise ValueError(
                f"its names of {what} are of shape {node.shape}, but there are {count:,}"
            )
        return self._entries(node)

    def _entries(self, node: Any) -> Any:
        """All of an array, when a store of that size may hold it."""
        if node.dtype.kind == "O":
            self.check_text()
        itemsize = node.dtype.itemsize
        pieces = (getattr(node, name, None) for name in ("shape", "chunks", "shards"))
        sizes = [math.prod(piece) for piece in pieces if piece]
        check_growth(self.path, itemsize * max(sizes, default=0), self.packed)
        self.notes.extend(absent_in_words(node))
        check_filters(node)
        return node[...]


def absent_in_words(node: Any) -> list[str]:
    """What is said of files of an array that are not there.

    zarr writes no chunk that is all zeros, and misses none that is lost. It counts the chunks of a
    shard also where they lie beyond the edge.
    """
    if not hasattr(node, "nchunks_initialized"):
        return []
    piece = getattr(node, "shards", None) or node.chunks
    count = math.prod(-(-side // step) for side, step in zip(node.shape, piece, strict=True))
    absent = count - node.nchunks_initialized // (math.prod(piece) // math.prod(node.chunks))
    what = "chunks" if piece == node.chunks else "shards"
    return [f"{absent:,} of {count:,} {what} not there: {node.fill_value}"] if absent else []


def check_filters(node: Any) -> None:
    """Raise for an array of HDF5 that is packed in a way that this machine cannot unpack."""
    if not hasattr(getattr(node, "id", None), "get_create_plist"):
        return
    import h5py

    plist = node.id.get_create_plist()
    for k in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(k)
        if not h5py.h5z.filter_avail(code):
            with suppress(ImportError):  # it brings more filters as it is imported
                import_module("hdf5plugin")
        if not h5py.h5z.filter_avail(code):
            called = as_text(name) or f"filter {code}"
            raise ValueError(f"it is compressed by {called}; pip install hdf5plugin")


def is_group(node: Any) -> bool:
    """Whether it is a group, not an array."""
    return hasattr(node, "keys")


def keys(node: Any) -> set[str]:
    """The names in a group; an array has none."""
    return set(node.keys()) if is_group(node) else set()


def as_text(value: Any) -> str:
    """Text, which h5py gives as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
