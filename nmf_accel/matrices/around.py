"""A matrix that does what another one does, but for what it knows better."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array, Library
from .base import Matrix
from .frame import Frame


class Around(Matrix):
    """What is made around another matrix, for a step; it is that matrix, as far as it says nothing.

    Attributes
    ----------
    matrix : Matrix
    """

    matrix: Matrix

    @property
    def library(self) -> Library:  # type: ignore[override]  # a field elsewhere
        return self.matrix.library

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.matrix.dtype

    @property
    def norm2(self) -> float:
        return self.matrix.norm2

    @property
    def entries(self) -> int:
        return self.matrix.entries

    @property
    def nbytes(self) -> int:
        return self.matrix.nbytes

    @property
    def devices(self) -> int:
        return self.matrix.devices

    @property
    def processes(self) -> int:
        return self.matrix.processes

    def share(self, shape: tuple[int, int]) -> tuple[int, int]:
        return self.matrix.share(shape)

    def beside(
        self, x: Array, *, rows: int | None = None, columns: int | None = None, dtype: Any = None
    ) -> Array:
        return self.matrix.beside(x, rows=rows, columns=columns, dtype=dtype)

    def least_block(self, m: int) -> int:
        return self.matrix.least_block(m)

    @property
    def lies_by_columns(self) -> bool:
        return self.matrix.lies_by_columns

    def rows(self, block: slice) -> Array:
        return self.matrix.rows(block)

    def times(self, Y: Array) -> Array:
        return self.matrix.times(Y)

    def whole(self, frame: Frame) -> Any:
        return self.matrix.whole(frame)
