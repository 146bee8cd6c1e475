"""Whether the indices of a sparse matrix lie inside it: libraries go where they point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

AT_ONCE = 2**20
"""Indices to look at in one go, so that looking takes no memory to speak of."""


DAMAGED = (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError)
"""What looking at parts raises that are no arrays, or of another shape."""


def check_indices(A: Any, name: str) -> None:
    """Raise unless a sparse matrix may be multiplied and converted; nothing of it is copied.

    Parameters
    ----------
    A : sparse matrix of scipy, cupyx or pydata, in any format
    name : str
        What it is called in messages.

    Raises
    ------
    ValueError
        If it has indices outside its shape, or parts whose lengths do not go together.
    """
    check = FORMATS.get(getattr(A, "format", ""))
    try:
        wrong = check(A) if check else ""
    except DAMAGED as error:
        wrong = f"its parts are not what they should be ({error})"
    if wrong:
        raise ValueError(
            f"{name} is a damaged sparse matrix: {wrong}; make it anew, and write to none of its "
            "parts"
        )


def is_canonical(A: Any) -> bool:
    """Whether the indices of each row of CSR, or column of CSC, rise, without one that is twice.

    Libraries remember an answer that may have become wrong.
    """
    indices, ends = A.indices, A.indptr
    for block in blocks(indices.size - 1):
        after = indices[block.start + 1 : block.stop + 1]
        falls = np.flatnonzero(_on_host(after <= indices[block])) + block.start + 1
        if falls.size:
            starts = _on_host(ends)
            if not (starts[np.searchsorted(starts, falls)] == falls).all():
                return False
    return True


def blocks(size: int) -> Iterator[slice]:
    """Slices that together are so long."""
    return (slice(k, min(k + AT_ONCE, size)) for k in range(0, size, AT_ONCE))


def _compressed(A: Any) -> str:
    """What is wrong with CSR, CSC or BSR."""
    lines, across = A.shape if A.format != "csc" else A.shape[::-1]
    if A.format == "bsr":
        height, width = A.data.shape[1:]
        lines, across = lines // height, across // width
    data, indices, ends = A.data, A.indices, A.indptr
    if data.ndim != (3 if A.format == "bsr" else 1):
        return f"its data are of shape {data.shape}"
    for part, of in (("indices", indices), ("indptr", ends)):
        if of.ndim != 1 or of.dtype.kind not in "iu":
            return f"its {part} are {of.dtype} of shape {of.shape}, which are no indices"
    if ends.size != lines + 1:
        return f"its indptr has {ends.size} numbers, and {lines + 1} are needed"
    if data.shape[0] != indices.size:
        return f"it has {data.shape[0]} entries and {indices.size} indices"
    first, last = int(ends[0]), int(ends[-1])
    if first != 0 or last > indices.size:
        return f"its indptr goes from {first} to {last}, and {indices.size} entries are stored"
    if bool((ends[1:] < ends[:-1]).any()):
        return "its indptr falls, so that a line of it would have less than no entries"
    return _outside(indices[:last], across, "indices")  # those beyond it are none of its own


def _of_coordinates(A: Any) -> str:
    """What is wrong with COO."""
    parts = [A.row, A.col]
    for part, of, size in zip(("row", "col"), parts, A.shape, strict=True):
        if of.ndim != 1 or of.dtype.kind not in "iu":
            return f"its {part} is {of.dtype} of shape {of.shape}, which are no indices"
        if of.shape != A.data.shape:
            return f"it has {A.data.size} entries, and {of.size} numbers in {part}"
        if wrong := _outside(of, size, part):
            return wrong
    return ""


def _of_lists(A: Any) -> str:
    """What is wrong with LIL."""
    for k, (columns, entries) in enumerate(zip(A.rows, A.data, strict=True)):
        if len(columns) != len(entries):
            return f"row {k} has {len(entries)} entries and {len(columns)} indices"
        if columns and not 0 <= min(columns) <= max(columns) < A.shape[1]:
            return f"row {k} has indices outside of its {A.shape[1]} columns"
    return ""


def _of_diagonals(A: Any) -> str:
    """What is wrong with DIA."""
    offsets, data = np.asarray(A.offsets), A.data
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
        return f"its offsets are {offsets.dtype} of shape {offsets.shape}, which are no indices"
    if data.ndim != 2 or data.shape[0] != offsets.size:
        return f"it has {offsets.size} offsets, and data of shape {data.shape}"
    if np.unique(offsets).size != offsets.size:
        return "a diagonal of it is there twice"
    return ""


def _outside(indices: Any, size: int, part: str) -> str:
    """That some indices do not lie within a size, or nothing."""
    if not indices.size:
        return ""
    low, high = int(indices.min()), int(indices.max())
    if low >= 0 and high < size:
        return ""
    return f"its {part} go from {low} to {high}, and must lie from 0 to {size - 1}"


def _on_host(x: Any) -> Any:
    """An array of NumPy or CuPy as NumPy's."""
    return x.get() if hasattr(x, "get") else x


FORMATS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("csr", "csc", "bsr"), _compressed),
    "coo": _of_coordinates,
    "lil": _of_lists,
    "dia": _of_diagonals,
}
"""What is wrong with a matrix of each format whose indices can be, or nothing."""
