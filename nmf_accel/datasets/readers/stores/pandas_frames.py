"""Frames that pandas wrote to HDF5, in its fixed format: rows become features."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dataset import Dataset, Names
from ..held import Held, choose
from .groups import Store, as_text, is_group, keys
from .single_cell import Kind

MARK = "pandas_type"
"""The attribute of a group that is a frame, a series or a table of pandas."""
PLAIN = {"string", "integer", "float"}
"""Kinds of labels that are read; others are objects, which may run code, or dates."""
CURE = "which is not read; save it by to_parquet"


def read_frame(store: Store, array: str | None = None) -> Dataset:
    """The one frame of pandas in an HDF5 file, or the one that was chosen by its key.

    Raises
    ------
    ValueError
        If it has several columns of unlike dtypes, or its labels are no text or numbers.
    """
    groups = frames_in(store.root)
    held = {name: _held(group) for name, group in groups.items()}
    name, said = choose(held, array.strip("/") if array else None)
    group = groups[name]
    _check(name, group)
    A = store.dense(group["block0_values"], name)
    features = _labels(store, name, group["axis1"], A.shape[0])
    samples = _labels(store, name, group["axis0"], A.shape[1])
    return Dataset(
        store.path.name, A, features=features, samples=samples, said=(*said, "a frame of pandas")
    )


def frames_in(root: Any) -> dict[str, Any]:
    """The groups of an HDF5 file that pandas wrote, by their keys."""
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if is_group(node) and MARK in node.attrs:
            found[name] = node

    root.visititems(visit)
    return found


def _held(group: Any) -> Held:
    """The shape of a frame, as far as it can be told."""
    sides = [len(group[axis]) for axis in ("axis1", "axis0") if axis in keys(group)]
    dtype = group["block0_values"].dtype if "block0_values" in keys(group) else "f8"
    return Held.of(sides, dtype)


def _check(name: str, group: Any) -> None:
    """Raise unless it is one block of numbers."""
    kind = as_text(group.attrs[MARK])
    blocks = sum(key.endswith("_values") for key in keys(group))
    if kind != "frame" or not keys(group) >= {"axis0", "axis1", "block0_values"}:
        raise ValueError(f"it holds {name}, a {kind} of pandas, {CURE}")
    if blocks != 1 or not np.array_equal(group["axis0"][...], group["block0_items"][...]):
        raise ValueError(
            f"it holds {name}, a frame of pandas with columns of {blocks} types, {CURE}"
        )


def _labels(store: Store, name: str, axis: Any, count: int) -> Names | None:
    """The labels of an axis; none if they count from 0."""
    kind = as_text(axis.attrs.get("kind", ""))
    if kind not in PLAIN:
        raise ValueError(f"it holds {name}, a frame of pandas with labels of kind {kind}, {CURE}")
    values = store.column(axis, count, "its labels")
    if kind == "integer" and np.array_equal(values, np.arange(count)):
        return None
    return store.as_names(values)


FRAMES = Kind("an HDF5 file of pandas", lambda root: bool(frames_in(root)), read_frame, "array")
