"""A factorization in the place of one of its factors, whose names it knows."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from .base import Plain
from .names import Names


class Factor(NamedTuple):
    """A factor and its names, as a `Described` is made of.

    Attributes
    ----------
    A : array
        W or H.
    features, samples : array of str, optional
        The names of its rows and columns, one of which are components.
    """

    A: Any
    features: Names | None
    samples: Names | None


class Factors(Plain):
    """A factorization: its W where the rows of A are asked for, its H where the columns are.

    Factors that come from a file or a sweep's folder are arrays, and only it has their names.
    """

    def part(self, axes: tuple[int, ...]) -> Any:
        """See `Labelled`."""
        from .table import array_of  # late: the table has this kind too

        result = self.passed
        parts = {
            (0,): lambda: Factor(array_of(result.W), result.features, result.components),
            (1,): lambda: Factor(array_of(result.H), result.components, result.samples),
        }
        return parts[axes]() if axes in parts else result

    def matrix(self, name: str) -> NoReturn:
        """Raise: it is two matrices."""
        raise TypeError(
            f"{name} is a Factorization, which is two matrices; pass {name}.reconstruct(), "
            f"{name}.W or {name}.H"
        )

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return False
