"""What of A is left out of the loop, and how it is put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Array, Index, Library, once


@dataclass(frozen=True, eq=False, repr=False)
class Side:
    """The rows of A, or its columns.

    Attributes
    ----------
    size : int
        How many A has.
    index : index array, optional
        Those that are kept, in their order; None for all as they are.
    """

    size: int
    index: Index | None = None

    @once
    def source(self) -> Index | None:
        """For each of this side which of those kept it is, or how many are, for none of them."""
        if self.index is None:
            return None
        source = np.full(self.size, self.index.size)
        source[self.index] = np.arange(self.index.size)
        return source

    @once
    def left_out(self) -> Index:
        """Those that are not kept."""
        if self.index is None:
            return np.arange(0)
        return np.setdiff1d(np.arange(self.size), self.index, assume_unique=True)

    def keep(self, library: Library, x: Array, axis: int = -1) -> Array:
        """The slices of `x` that are kept along an axis of this side's size."""
        if self.index is None:
            return x
        kept: Array = library.xp.take(x, library.xp.asarray(self.index), axis=axis)
        return kept

    def __repr__(self) -> str:
        kept = self.size if self.index is None else self.index.size
        return f"<Side: {kept} of {self.size}>"

    def put_back(self, library: Library, x: Array) -> Array:
        """Undo `keep` along the last axis, with zeros in between."""
        return put_back(library, x, self.source)

    def cut(self, library: Library, A: Array, axis: int) -> Array:
        """`keep` of the matrix whose side it is, which is zero where nothing is kept."""
        return self.keep(library, A, axis)


@dataclass(frozen=True, eq=False, repr=False)
class Standing(Side):
    """A side of which nothing is left out: what is not kept is held at zero where it stands.

    For a matrix that several devices share, whose lines all would move if some were left out. An
    update leaves a factor's zero at zero where A has nothing but zeros, or nothing is known of it,
    and there all sums of such a line are zero: so a loop gives what it would without it.

    Attributes
    ----------
    kept : (size,) array of bool
        Where the matrix is.
    library : Library
        Of that array.
    """

    kept: Any = None
    library: Any = None

    @once
    def left_out(self) -> Index:
        """Those that are not kept."""
        return np.flatnonzero(~self.library.to_numpy(self.kept))

    def keep(self, library: Library, x: Array, axis: int = -1) -> Array:
        """`x`, with zeros along an axis where it is not kept."""
        shape = [1] * x.ndim
        shape[axis] = self.size
        zeros = library.xp.zeros((), dtype=x.dtype)
        held: Array = library.xp.where(library.xp.reshape(self.kept, tuple(shape)), x, zeros)
        return held

    def cut(self, library: Library, A: Array, axis: int) -> Array:
        """The matrix as it is."""
        return A

    def __repr__(self) -> str:
        return f"<Side: all {self.size}, of which some are held at zero>"


def put_back(library: Library, x: Array, source: Index | None) -> Array:
    """The slices of `x` along its last axis at `source`, see `Side`; zeros for none."""
    if source is None:
        return x
    xp = library.xp
    zero = xp.zeros((*x.shape[:-1], 1), dtype=x.dtype)
    whole: Array = xp.take(xp.concat([x, zero], axis=-1), xp.asarray(source), axis=-1)
    return whole


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the rows and columns of the loop's A stand in the A that was given.

    A zero row of A makes the same row of W zero in the first iteration and for ever after, and
    a zero column the same column of H; they act on nothing but the Gram matrix of the start. So
    the loop runs on the other rows and columns alone. (Where a component dies in the very first
    half-step of 'hals', they would act until it revives.)

    Of a matrix with entries that are not known, those of which nothing is are left out: they are
    no part of the loss, and zero in the end.
    """

    rows: Side
    columns: Side

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Frame:
        """Of a matrix of which all is kept."""
        return cls(*map(Side, shape))

    def keep(self, library: Library, H: Array, Wt: Array) -> tuple[Array, Array]:
        """What is kept of H (R, d, n) and of Wt (R, d, m)."""
        return self.columns.keep(library, H), self.rows.keep(library, Wt)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), the shape of A as it was given."""
        return self.rows.size, self.columns.size
