"""What a labelled matrix of another library is to ours, and how a factor of it is given back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..matrices import is_sparse
from .names import NAMELESS, Labels, Names, names_of


@dataclass(frozen=True, eq=False)
class Labelled(ABC):
    """A matrix as the caller has it, and the names along its sides.

    A side, such as `rows`, is what the caller's library calls its names by: an index, a column, a
    coordinate. `build` makes a matrix of the caller's kind of an array and two sides.

    Attributes
    ----------
    passed : object
        Itself.
    """

    passed: Any

    def part(self, axes: tuple[int, ...]) -> Any:
        """What of it goes with such axes of A, rows (0) or columns (1): itself, if it is one."""
        return self.passed

    @abstractmethod
    def matrix(self, name: str) -> Any:
        """It as an array or sparse matrix (m, n), one sample a column; `name` is for messages.

        Made anew at each call where it has to be made.

        Raises
        ------
        TypeError, ValueError
            If it is no matrix of numbers in memory, with what to pass instead.
        """

    @property
    def sparse(self) -> bool:
        """Whether that matrix is sparse."""
        return False

    @property
    def like(self) -> Any:
        """An array whose library results go back to; None for NumPy."""
        return None

    @property
    def taken(self) -> str:
        """What it was taken for, a sentence; empty where nothing was assumed."""
        return ""

    @cached_property
    def labels(self) -> Labels:
        """The names of its features and samples, where it has any."""
        return NAMELESS

    @property
    def rows(self) -> Any:
        """Its side of features."""
        return None

    @property
    def columns(self) -> Any:
        """Its side of samples."""
        return None

    def counted(self, axis: int) -> Names | None:
        """The numbers from 0, where its library calls the lines along an axis so by itself."""
        return None

    def dimension(self, axis: int) -> str | None:
        """What runs along an axis, such as ``gene``, where its library has a word for it."""
        return None

    def columns_at(self, where: Any) -> Any:
        """Some of `columns`: a slice, indices or a mask."""
        return None

    def components(self, names: list[str]) -> tuple[Any, Any]:
        """The side of components, as rows and as columns."""
        return None, None

    @abstractmethod
    def build(self, x: Any, rows: Any, columns: Any) -> Any:
        """A matrix of the caller's kind, of an array and its sides."""

    def by_samples(self, name: str) -> Any:
        """It as scikit-learn takes it, to which rows are samples; it takes most things as is."""
        return self.passed

    def code(self, name: str, axis: int) -> str:
        """What to type for its names along an axis, if there is a word for it."""
        return ""

    def picked(self, name: str, axis: int, names: str) -> str:
        """What to type for those of its rows, or columns, that have such names."""
        return ""

    def to_pandas(self, rows: Any, columns: Any) -> Any:
        """It as a pandas frame with such names, a copy; with its own names if it is one."""
        import pandas

        return pandas.DataFrame(self.matrix("the factor"), rows, columns, copy=True)


class Plain(Labelled):
    """An array, a sparse matrix, a list: what has no names."""

    def matrix(self, name: str) -> Any:
        """See `Labelled`."""
        return self.passed

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return is_sparse(self.passed)

    @property
    def like(self) -> Any:
        """See `Labelled`."""
        return self.passed

    def build(self, x: Any, rows: Any, columns: Any) -> Any:
        """See `Labelled`."""
        return x


class Described(Plain):
    """An object with a matrix `A`, and names `features` and `samples` or None, such as a Dataset.

    Factors of it are arrays of the library of `A`.
    """

    def matrix(self, name: str) -> Any:
        """See `Labelled`."""
        return self.passed.A

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return is_sparse(self.passed.A)

    @property
    def like(self) -> Any:
        """See `Labelled`."""
        return self.passed.A

    @property
    def taken(self) -> str:
        """See `Labelled`."""
        return "; ".join(getattr(self.passed, "said", ()))

    def by_samples(self, name: str) -> Any:
        """See `Labelled`. Its samples are columns, which none of scikit-learn's would look for."""
        return self.passed.A.T

    @cached_property
    def labels(self) -> Labels:
        """See `Labelled`."""
        found = []
        for side, size in zip(("features", "samples"), np.shape(self.passed.A), strict=False):
            names = getattr(self.passed, side)
            if names is not None and len(names) != size:
                raise ValueError(
                    f"there are {len(names)} names of {side}, but the matrix has {size} {side}"
                )
            found.append(None if names is None else names_of(names))
        return Labels(*found)
