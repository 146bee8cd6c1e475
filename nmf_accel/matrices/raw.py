"""A matrix where the caller's data lies: what is checked and cut before a backend takes it over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..types import Array, Index, Library
from .frame import Frame, Side


class Raw(ABC):
    """A matrix (m, n) in a library that a backend stands for, of any real dtype.

    Attributes
    ----------
    library : Library
    """

    kind: ClassVar[str]
    """What it is called in messages."""
    instead: ClassVar[str] = ""
    """What to pass where a backend does not take this kind."""

    library: Library

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(m, n)."""

    @property
    @abstractmethod
    def stored(self) -> Array:
        """The entries that are stored, in an array of any shape; all others are zero."""

    @abstractmethod
    def place(self, index: tuple[int, ...]) -> tuple[int, int]:
        """Row and column of an entry of `stored`."""

    @abstractmethod
    def parts(self) -> list[Array]:
        """The arrays that it consists of; entries first."""

    @abstractmethod
    def astype(self, dtype: np.dtype[Any]) -> Raw:
        """It in float32 or float64; itself if it is."""

    @abstractmethod
    def times(self, number: float) -> Raw:
        """A copy of it, of floats, times a number."""

    @abstractmethod
    def nonzero(self) -> tuple[Index, Index]:
        """Indices of the rows, and of the columns, that are not zero everywhere."""

    @abstractmethod
    def cut(self, frame: Frame) -> Raw:
        """What a frame keeps."""

    @abstractmethod
    def dense(self) -> RawDense:
        """It as an array, with its zeros; itself if it is."""

    @property
    def dtype(self) -> Any:
        """The library's own dtype."""
        return self.stored.dtype

    def frame(self) -> Frame:
        """The frame that keeps the rows and columns that are not zero everywhere."""
        sides = zip(self.shape, self.nonzero(), strict=True)
        return Frame(*(Side(n, None if kept.size == n else kept) for n, kept in sides))

    def __repr__(self) -> str:
        m, n = self.shape
        return f"<raw {self.kind} matrix {m} × {n}, {self.dtype}>"


@dataclass(frozen=True, eq=False, repr=False)
class RawDense(Raw):
    """A matrix as an array (m, n)."""

    array: Array
    library: Library

    kind = "dense"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.array.shape
        return m, n

    @property
    def stored(self) -> Array:
        return self.array

    def place(self, index: tuple[int, ...]) -> tuple[int, int]:
        row, column = index
        return row, column

    def parts(self) -> list[Array]:
        return [self.array]

    def astype(self, dtype: np.dtype[Any]) -> RawDense:
        return RawDense(self.library.asarray(self.array, dtype), self.library)

    def times(self, number: float) -> RawDense:
        return RawDense(self.array * number, self.library)

    def dense(self) -> RawDense:
        return self

    def nonzero(self) -> tuple[Index, Index]:
        kernel = self.library.kernel("nonzero_rows", nonzero_rows)
        return kernel(self.library, self.array), kernel(self.library, self.array.mT)

    def cut(self, frame: Frame) -> RawDense:
        rows = frame.rows.cut(self.library, self.array, 0)
        return RawDense(frame.columns.cut(self.library, rows, 1), self.library)


@dataclass(frozen=True, eq=False, repr=False)
class RawSparse(Raw):
    """A sparse matrix by rows (CSR), without duplicate entries or explicit zeros.

    Attributes
    ----------
    csr : sparse matrix
    library : Library
    csc : sparse matrix, optional
        The same by columns, where the caller had it so.
    """

    csr: Any
    library: Library
    csc: Any = None

    kind = "sparse"
    instead = "pass A.toarray() if it fits in memory"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.csr.shape
        return m, n

    @property
    def stored(self) -> Array:
        entries: Array = self.csr.data
        return entries

    @property
    def squares(self) -> float:
        """‖A‖_F², summed in float64."""
        xp = self.library.xp
        return float(xp.sum(xp.square(self.csr.data), dtype=xp.float64))

    def place(self, index: tuple[int, ...]) -> tuple[int, int]:
        (k,) = index
        row = int((self.csr.indptr <= k).sum()) - 1
        return row, int(self.csr.indices[k])

    def parts(self) -> list[Array]:
        return [self.csr.data, *(x.astype(np.int64) for x in (self.csr.indices, self.csr.indptr))]

    def astype(self, dtype: np.dtype[Any]) -> RawSparse:
        if self.csr.dtype == dtype:
            return self
        return RawSparse(self.csr.astype(dtype), self.library)

    def times(self, number: float) -> RawSparse:
        return RawSparse(self.csr * number, self.library)

    def dense(self) -> RawDense:
        return RawDense(self.csr.toarray(), self.library)

    def by_columns(self) -> Any:
        """It as CSC."""
        return self.csr.tocsc() if self.csc is None else self.csc

    def nonzero(self) -> tuple[Index, Index]:
        ends, columns = (self.library.to_numpy(x) for x in (self.csr.indptr, self.csr.indices))
        stored = np.bincount(columns, minlength=self.shape[1])
        return np.flatnonzero(np.diff(ends)), np.flatnonzero(stored)

    def cut(self, frame: Frame) -> RawSparse:
        """What a frame keeps: as many entries, in the same order."""
        if frame.rows.index is None and frame.columns.index is None:
            return self
        xp, A = self.library.xp, self.csr
        A = A if frame.rows.index is None else A[xp.asarray(frame.rows.index)]
        A = A if frame.columns.index is None else A[:, xp.asarray(frame.columns.index)]
        return RawSparse(A, self.library)


def nonzero_rows(library: Library, A: Array) -> Index:
    """Indices of the rows of A >= 0 that are not zero everywhere."""
    return np.flatnonzero(library.to_numpy(library.xp.max(A, axis=1)))
