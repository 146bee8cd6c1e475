"""Sparse matrices of files: what they store must lie inside the shape that they claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .held import Held
from .limits import check_growth

POINTER = 8
"""Bytes that a sparse matrix takes for each row or column, at most."""


def check_shape(path: Path, shape: Any, packed: int | None = None) -> tuple[int, int]:
    """The shape of a sparse matrix, when a file of that size may hold such a one.

    Raises
    ------
    ValueError
        If it is not 2-D, is empty, or has so many rows or columns that it must be damaged.
    """
    sides = tuple(int(k) for k in shape)
    Held.of(sides, float).check()
    check_growth(path, POINTER * sum(sides), packed)
    return sides[0], sides[1]


def checked(A: Any, path: Path, packed: int | None = None) -> Any:
    """A sparse matrix of a file as CSR or CSC, when its indices lie inside it.

    Raises
    ------
    ValueError
        If they do not, or its entries are no real numbers.
    """
    check_shape(path, A.shape, packed)
    Held.of(A.shape, A.dtype).check()
    if hasattr(A, "check_format"):  # COO and DIA are checked when they are made
        A.check_format(full_check=True)
    return A if A.format == "csc" else A.tocsr()
