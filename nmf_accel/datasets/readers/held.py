"""Which of the arrays of a file is the matrix, asked before any of them is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

NUMBERS = "biuf"
COUNTED = NUMBERS + "c"
"""Kinds of dtypes of arrays that can be meant, be they matrices or not."""
REFUSED = {
    "c": "complex numbers, which NMF does not take; save their magnitudes, numpy.abs(A)",
    "O": "objects, which are not opened: they may run code; save numbers, A.astype(float)",
    "V": "records, not a matrix; save their numbers as a 2-D array",
}
"""Why a kind of dtype is refused; the others are dates and text."""
ROOM = 150
"""Characters that names may take in a message."""


class Held(NamedTuple):
    """An array of a file that is not read yet: its shape and dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, shape: Iterable[int] | None, dtype: DTypeLike) -> Held:
        """It, of what a library says of an array; no shape is that of nothing."""
        return cls(tuple(int(k) for k in (() if shape is None else shape)), np.dtype(dtype))

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_matrix(self) -> bool:
        """Whether it is 2-D and of real numbers."""
        return len(self.shape) == 2 and self.dtype.kind in NUMBERS

    def check(self, name: str = "") -> None:
        """Raise ValueError unless it is a matrix with entries; `name` says which array it is."""
        it = f"it holds an array {name}".rstrip()
        if self.dtype.kind not in NUMBERS:
            why = REFUSED.get(self.dtype.kind, "no numbers")
            if self.dtype.kind == "O" and not self.shape:
                why = "one object, not opened; a sparse matrix is saved by scipy.sparse.save_npz"
            raise ValueError(f"{it} of dtype {self.dtype}: {why}")
        if len(self.shape) != 2:
            raise ValueError(f"{it} of shape {self.shape}; NMF takes 2-D{_cure(self.shape)}")
        if min(self.shape) < 1:
            raise ValueError(f"{it} of shape {self.shape}, which is empty")


def _cure(shape: tuple[int, ...]) -> str:
    """How an array of that shape becomes a matrix."""
    if not shape:
        return ""
    if len(shape) == 1:
        return ": if it is one sample, save A.reshape(-1, 1)"
    return f": if its first axis is samples, save A.reshape({shape[0]}, -1).T"


def choose(held: Mapping[str, Held], asked: str | None) -> tuple[str, tuple[str, ...]]:
    """The name of the array to read, and what is to be said of the choice.

    It is the one that was asked for, the only one, one called A, or the only matrix, if none of the
    others is larger. Where there are matrices, single rows and columns are none beside them.

    Raises
    ------
    ValueError
        If there is none, none of that name, or several.
    """
    if asked is not None:
        if asked not in held:
            raise ValueError(f"it holds no array {asked!r}; it holds {listed(held)}")
        return asked, ()
    if not held:
        raise ValueError("it holds no array")
    if len(held) == 1 or "A" in held:
        name = next(iter(held)) if len(held) == 1 else "A"
    else:
        name = _only_matrix(held)
    return name, () if len(held) == 1 else (f"array {name}, of {len(held)}",)


def _only_matrix(held: Mapping[str, Held]) -> str:
    """The name of the one array that can be meant."""
    sizes = {name: math.prod(x.shape) for name, x in held.items() if x.dtype.kind in COUNTED}
    by_size = sorted(sizes, key=lambda name: -sizes[name])
    vectors = [name for name in by_size if held[name].is_matrix and sizes[name] > 1]
    matrices = [name for name in vectors if min(held[name].shape) > 1] or vectors
    if not matrices:
        raise ValueError(f"it holds no matrix (2-D, of numbers), but {listed(held)}")
    name = matrices[0]
    if len(matrices) > 1 or sizes[by_size[0]] > sizes[name]:
        raise ValueError(
            f"it holds several arrays: {listed({x: held[x] for x in by_size})}; choose one by "
            f"--array NAME (array={name!r})"
        )
    return name


def listed(held: Mapping[str, Held]) -> str:
    """Arrays with their shapes, as many as a line has room for."""
    return in_short(f"{name} ({_size(array.shape)})" for name, array in held.items())


def in_short(words: Iterable[str]) -> str:
    """Words by commas, as many as a line has room for, and how many more there are."""
    words = list(words)
    ends = accumulate(len(word) + 2 for word in words)
    shown = [word for word, end in zip(words, ends, strict=True) if end <= ROOM]
    if left := len(words) - len(shown):
        shown.append(f"{left} more")
    return ", ".join(shown) or "nothing"


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def native(A: NDArray[Any]) -> NDArray[Any]:
    """An array in the machine's order of bytes, else as it is."""
    return A.astype(A.dtype.newbyteorder("="), copy=False)
