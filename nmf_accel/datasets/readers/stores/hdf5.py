"""HDF5 files: the single-cell ones, and any whose arrays are matrices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...dataset import Dataset
from ..held import Held, choose
from ..names import names_beside
from .groups import Store
from .heaps import text_checker
from .pandas_frames import FRAMES
from .single_cell import KINDS, Kind


def read_hdf5(path: Path, *, array: str | None = None, layer: str | None = None) -> Dataset:
    """A matrix of an HDF5 file, or what a single-cell file in it holds.

    Raises
    ------
    ValueError
        If it has several matrices, and none was chosen; if an option says nothing of such a file.
    """
    return _read(path, (*KINDS, FRAMES, ARRAYS), array=array, layer=layer)


def read_h5ad(path: Path, *, layer: str | None = None) -> Dataset:
    """X of an AnnData file, or one of its layers, as genes × cells."""
    return _read(path, KINDS[:1], layer=layer)


def read_loom(path: Path, *, layer: str | None = None) -> Dataset:
    """The matrix of a loom file, or one of its layers, as genes × cells."""
    return _read(path, KINDS[-1:], layer=layer)


def _read(path: Path, kinds: tuple[Kind, ...], **asked: str | None) -> Dataset:
    import h5py

    check_text = text_checker(path)
    with h5py.File(path, "r") as file:
        return read_store(
            Store(file, path, path.stat().st_size, check_text=check_text), kinds, **asked
        )


def read_store(store: Store, kinds: tuple[Kind, ...], **asked: str | None) -> Dataset:
    """What the first of some kinds that knows a store reads of it.

    Raises
    ------
    ValueError
        If none knows it, or an option says nothing of that kind.
    """
    kind = next((kind for kind in kinds if kind.knows(store.root)), None)
    if kind is None:
        others = [
            f"; it is {kind.words}: rename it to .h5" for kind in KINDS if kind.knows(store.root)
        ]
        words = " or ".join(kind.words for kind in kinds)
        raise ValueError(f"it is not {words}{''.join(others[:1])}")
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name != kind.takes:
            raise ValueError(f"it is {kind.words}, of which the option {name} says nothing")
    data = kind.read(store, **given)
    return replace(data, said=(*data.said, *store.notes))


def read_arrays(store: Store, array: str | None = None) -> Dataset:
    """The one matrix of an HDF5 file, that called A, or the one that was chosen by its path."""
    import h5py

    nodes: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            nodes[name] = node

    store.root.visititems(visit)
    return read_one(store, nodes, array)


def read_one(store: Store, nodes: dict[str, Any], array: str | None) -> Dataset:
    """One of the arrays of a store, by their paths."""
    held = {name: Held.of(node.shape, node.dtype) for name, node in nodes.items()}
    name, said = choose(held, array.strip("/") if array else None)
    A = store.dense(nodes[name], name)
    found, more = names_beside(name, held)
    features, samples = (
        store.names(nodes[x], A.shape[side], x) if x else None for side, x in enumerate(found)
    )
    return Dataset(store.path.name, A, features=features, samples=samples, said=(*said, *more))


ARRAYS = Kind("an HDF5 file of arrays", lambda root: True, read_arrays, "array")
