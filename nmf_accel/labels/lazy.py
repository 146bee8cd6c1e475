"""What holds no numbers yet: refused, with what to type for them."""

from __future__ import annotations

import math
from typing import ClassVar, NoReturn

from .base import Plain


class Lazy(Plain):
    """Something that would have to be computed first, which only the caller can want."""

    cure: ClassVar[str] = "compute()"

    @property
    def what(self) -> str:
        """What it is."""
        return "not computed yet"

    def matrix(self, name: str) -> NoReturn:
        """Raise, at once."""
        raise TypeError(f"{name} is {self.what}; pass {name}.{self.cure} if it fits in memory")

    def by_samples(self, name: str) -> NoReturn:
        """Raise, at once."""
        self.matrix(name)

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return False


class DaskArray(Lazy):
    """A dask array."""

    @property
    def what(self) -> str:
        """What it is, and its size if that is known."""
        size = float(self.passed.nbytes)
        known = "of unknown size" if math.isnan(size) else f"of {size / 1e9:.3g} GB"
        return f"a dask array {known}, which is not computed yet"


class DaskFrame(Lazy):
    """A dask frame, whose size dask itself does not know."""

    @property
    def what(self) -> str:
        """What it is."""
        count = self.passed.npartitions
        return f"a dask frame in {count} partition{'s' * (count > 1)}, which is not computed yet"


class PolarsLazyFrame(Lazy):
    """A query of polars."""

    cure = "collect()"

    @property
    def what(self) -> str:
        """What it is."""
        return "a LazyFrame of polars, which is not computed yet"
