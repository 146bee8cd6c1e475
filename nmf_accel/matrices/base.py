"""What the loop, the losses and the measures ask of A; and A as an array."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from ..types import Array, Library, once
from .frame import Frame

BLOCKS = 32
"""Most blocks of rows of a dense matrix, so that a compiled loop over them stays short."""


class Grid(Protocol):
    """How a library has cut a matrix (m, n) into equal blocks, one a device. Hashable."""

    @property
    def T(self) -> Grid:
        """That of the transpose."""

    @property
    def devices(self) -> int:
        """How many devices have blocks."""

    @property
    def processes(self) -> int:
        """How many processes have blocks."""

    def share(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The shape of the block that each device has of a matrix."""

    def lay(
        self, x: Array, dtype: Any, rows: int | None = None, columns: int | None = None
    ) -> Array:
        """`x` over the devices: its axis `rows` cut as the rows of the matrix are, and so on."""


class Matrix(ABC):
    """A matrix A (m, n) where a backend multiplies with it.

    Attributes
    ----------
    library : Library
        The array library that it belongs to.
    """

    kind: ClassVar[str]
    """What it is called."""
    by_columns: ClassVar[bool] = False
    """Whether it has `columns`."""

    by_entries: ClassVar[bool] = False
    """Whether what it does not store is zero, see `Sparse.sampled`."""

    weights: Any = None
    """Those of the entries, (m, n) or one for all that are known; None where nothing is unknown."""

    folds: Any = None
    """To which fold of what is known each entry belongs, where runs leave one out, see `Seen`."""

    by_run: ClassVar[bool] = False
    """Whether its weights differ from run to run."""

    library: Library

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(m, n)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""

    @property
    @abstractmethod
    def norm2(self) -> float:
        """‖A‖_F², summed in float64."""

    @property
    @abstractmethod
    def T(self) -> Matrix:
        """The transpose, not copied."""

    @property
    @abstractmethod
    def entries(self) -> int:
        """How many entries a product goes through."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory that it takes; of several devices, on each."""

    @property
    def devices(self) -> int:
        """How many devices have a part of it, and compute together."""
        return 1

    @property
    def processes(self) -> int:
        """How many processes have a part of it, and compute together."""
        return 1

    def share(self, shape: tuple[int, int]) -> tuple[int, int]:
        """What a device has of a matrix that lies like this one: all, unless several share it."""
        return shape

    def beside(
        self, x: Array, *, rows: int | None = None, columns: int | None = None, dtype: Any = None
    ) -> Array:
        """`x` where the matrix is, in its dtype or another one.

        Of `x`, the axis `rows` goes with the rows of the matrix, and `columns` with its columns:
        where several devices share it, each has that part of `x` which goes with its own.
        """
        return self.library.asarray(x, dtype or self.dtype)

    @property
    def largest_weight(self) -> float:
        """The largest of the weights."""
        return 1.0

    @property
    def read(self) -> int:
        """Bytes that a product reads of it."""
        return self.dtype.itemsize * self.entries

    @abstractmethod
    def least_block(self, m: int) -> int:
        """Fewest rows of a block in a walk through m rows."""

    @abstractmethod
    def times(self, Y: Array) -> Array:
        """Y A, dense and in the order of rows, for a dense Y (k, m): (k, n)."""

    @property
    def lies_by_columns(self) -> bool:
        """Whether its columns are found faster than its rows, as far as is known."""
        return False

    def columns(self, block: slice) -> Matrix:
        """Some columns, not copied; of a kind whose products may be computed in blocks of these."""
        raise NotImplementedError

    def weights_in(self, block: Any) -> Array:
        """Those of a block of rows, (h, n), or of each run, (R, h, n)."""
        rows: Array = self.weights[block, :]
        return rows

    def weights_of(self, run: int) -> Any:
        """Those of a run, (m, n), of which blocks may be taken."""
        return self.weights

    @property
    def weights_stored(self) -> Array | None:
        """Those of what it stores, of each run, (R, stored), if they differ `by_run`."""
        return None

    @property
    def stored(self) -> Array:
        """The entries that it stores, (stored,), of a kind that is known `by_entries`."""
        raise NotImplementedError

    @property
    def places(self) -> tuple[Array, Array]:
        """The rows and the columns of the entries stored."""
        raise NotImplementedError

    def sampled(self, Y: Array, X: Array) -> Array:
        """The entries of YᵀX where it stores one, Y (R, d, m) and X (R, d, n): (R, stored)."""
        raise NotImplementedError

    def left_with(self, stored: Array, Y: Array) -> Array:
        """Y Q (R, d, n) for Q with other values `stored` (R, stored) at the same places."""
        raise NotImplementedError

    @abstractmethod
    def rows(self, block: slice) -> Array:
        """A block of rows, dense."""

    @abstractmethod
    def whole(self, frame: Frame) -> Any:
        """On the host, with what the frame left out put back: NumPy's array or scipy's matrix."""

    def left(self, Y: Array) -> Array:
        """Y A of each run, Y (R, d, m): (R, d, n). A is read once."""
        runs, d, m = Y.shape
        xp = self.library.xp
        N = self.times(xp.reshape(Y, (runs * d, m)))
        product: Array = xp.reshape(N, (runs, d, self.shape[1]))
        return product

    def aside(self, X: Array) -> Array | None:
        """What of an inner product with X (R, d, n) is left to it, see `Partly`: (R,), or None."""
        return None

    def __repr__(self) -> str:
        m, n = self.shape
        return f"<{self.kind} matrix {m} × {n}, {self.dtype.name}>"


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Matrix):
    """A matrix as an array (m, n) of its library.

    Attributes
    ----------
    array : (m, n) array
    library : Library
    grid : Grid, optional
        How it lies over several devices.
    """

    array: Array
    library: Library
    grid: Grid | None = field(default=None, kw_only=True)

    kind = "dense"
    by_columns = True

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.array.shape
        return m, n

    @once
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(str(self.array.dtype).rpartition(".")[2])

    @property
    def T(self) -> Dense:
        return replace(self, array=self.array.mT, grid=self.grid and self.grid.T)

    @property
    def entries(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.share(self.shape))

    @property
    def devices(self) -> int:
        return 1 if self.grid is None else self.grid.devices

    @property
    def processes(self) -> int:
        return 1 if self.grid is None else self.grid.processes

    def share(self, shape: tuple[int, int]) -> tuple[int, int]:
        return shape if self.grid is None else self.grid.share(shape)

    def beside(
        self, x: Array, *, rows: int | None = None, columns: int | None = None, dtype: Any = None
    ) -> Array:
        if self.grid is None:
            return super().beside(x, dtype=dtype)
        return self.grid.lay(x, dtype or self.dtype, rows, columns)

    @once
    def norm2(self) -> float:
        return float(self.library.inner(self.array, self.array))

    def least_block(self, m: int) -> int:
        return -(-m // BLOCKS)

    def times(self, Y: Array) -> Array:
        return self.library.matmul(Y, self.array)

    @property
    def lies_by_columns(self) -> bool:
        flags = getattr(self.array, "flags", None)  # of NumPy and CuPy
        return flags is not None and bool(flags.f_contiguous and not flags.c_contiguous)

    def columns(self, block: slice) -> Dense:
        return Dense(self.array[:, block], self.library)

    def rows(self, block: slice) -> Array:
        return self.array[block, :]

    def whole(self, frame: Frame) -> Any:
        A = frame.columns.put_back(self.library, self.array)
        return self.library.to_numpy(frame.rows.put_back(self.library, A.mT).mT)
