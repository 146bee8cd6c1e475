"""A matrix whose products with some rows are known, and with others are not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Array, Library
from .around import Around
from .base import Matrix


class Known(NamedTuple):
    """What is known of the products Y A for the rows of a Y (R, d, m).

    Attributes
    ----------
    asked : index array
        The rows of Y whose products are computed.
    held : index array
        Those that are always the same.
    order : (d,) index array
        Where each row of the result stands among those computed, those known, and a zero.
    products : (1, k, n) array, optional
        The products with those that are held; None if there are none.
    """

    asked: Array
    held: Array
    order: Array
    products: Array | None = None

    @classmethod
    def of(cls, held: NDArray[np.bool_], unneeded: NDArray[np.bool_], library: Library) -> Known:
        """The rows that are held, and those of the result that nobody needs, which become zero."""
        asked, rows = np.flatnonzero(~held & ~unneeded), np.flatnonzero(held)
        order = np.empty(held.size, dtype=np.intp)
        order[asked] = np.arange(asked.size)
        order[rows] = asked.size + np.arange(rows.size)
        order[unneeded] = asked.size + rows.size
        return cls(*(library.xp.asarray(index) for index in (asked, rows, order)))

    def multiplied(self, A: Matrix, Y: Array) -> Known:
        """The same with the products of the rows that are held, Y being (1, d, m)."""
        if not self.held.shape[0]:
            return self
        return self._replace(products=A.left(A.library.xp.take(Y, self.held, axis=1)))


@dataclass(frozen=True, eq=False, repr=False)
class Partly(Around):
    """A matrix, and what is known of the products with it and with its transpose."""

    matrix: Matrix
    here: Known
    there: Known

    kind = "partly known"

    @property
    def T(self) -> Partly:
        return Partly(self.matrix.T, self.there, self.here)

    @property
    def by_columns(self) -> bool:  # type: ignore[override]  # a constant elsewhere
        """As the matrix itself."""
        return self.matrix.by_columns

    def columns(self, block: slice) -> Partly:
        """Some columns; of the blocks, whose products are added up, the first brings the known."""
        here, there = self.here, self.there
        if here.products is not None:
            here = here._replace(products=here.products[..., block])
        if there.products is not None and block.start:
            there = there._replace(products=0 * there.products)
        return Partly(self.matrix.columns(block), here, there)

    def left(self, Y: Array) -> Array:
        """Y A of each run, Y (R, d, m): (R, d, n), with zeros where nobody asks for it."""
        xp, here, (runs, n) = self.library.xp, self.here, (Y.shape[0], self.shape[1])
        rows = [xp.zeros((runs, 1, n), dtype=Y.dtype)]
        if here.products is not None:
            rows.insert(0, xp.broadcast_to(here.products, (runs, *here.products.shape[1:])))
        if here.asked.shape[0]:
            rows.insert(0, self.matrix.left(xp.take(Y, here.asked, axis=1)))
        product: Array = xp.take(xp.concat(rows, axis=1), here.order, axis=1)
        return product

    def aside(self, X: Array) -> Array | None:
        """⟨Y A, X⟩ of each run over the rows of Y that are held, X (R, d, n): (R,)."""
        library, (_, held, _, products) = self.library, self.here
        if products is None:
            return None
        X = library.xp.take(X, held, axis=1)
        return library.inner(library.xp.broadcast_to(products, X.shape), X)
