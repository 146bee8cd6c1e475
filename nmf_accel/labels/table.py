"""Which kinds of labelled matrices there are, among them a factorization for one of its factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from .annotated import AnnDataMatrix, XarrayMatrix
from .base import Described, Labelled, Plain
from .lazy import DaskArray, DaskFrame, PolarsLazyFrame
from .mistaken import AnnDataRaw, Dictionary, FileName, Series
from .names import Names
from .pandas_frame import PandasFrame
from .polars_frame import PolarsFrame


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


LABELLED: dict[str, Callable[[Any], Labelled]] = {
    "pandas.DataFrame": PandasFrame,
    "polars.DataFrame": PolarsFrame,
    "anndata.AnnData": AnnDataMatrix,
    "xarray.DataArray": XarrayMatrix,
    "nmf_accel.Factorization": Factors,
    "dask.Array": DaskArray,
    "dask.DataFrame": DaskFrame,
    "polars.LazyFrame": PolarsLazyFrame,
    **dict.fromkeys(("builtins.str", "pathlib.PurePath"), FileName),
    **dict.fromkeys(("pandas.Series", "polars.Series"), Series),
    "builtins.dict": Dictionary,
    "anndata.Raw": AnnDataRaw,
}
"""The kinds, by the package and the name of the class, so that no library is imported for it."""

DESCRIBED = ("A", "features", "samples")
"""What an object of any class has to have to be taken for a `Described`."""


BOTH = (0, 1)
"""The axes of A that a matrix has which is like A."""


def labelled(x: Any, axes: tuple[int, ...] = BOTH) -> Labelled:
    """What `x` is: a labelled matrix of a library, or a plain one.

    `axes` are those of A that it is to have, (0,) for a W, (1,) for an H.
    """
    found = _kind_of(x)(x)
    part = found.part(axes)
    return found if part is x else labelled(part, axes)


def _kind_of(x: Any) -> Callable[[Any], Labelled]:
    """The kind, from the table or by what it has."""
    # Some sparse matrices of scipy's are dictionaries too.
    classes = [one for one in type(x).__mro__ if one is type(x) or one.__module__ != "builtins"]
    for one in classes:
        kind = LABELLED.get(f"{one.__module__.partition('.')[0]}.{one.__qualname__}")
        if kind is not None:
            return kind
    return Described if all(hasattr(x, name) for name in DESCRIBED) else Plain


def array_of(x: Any) -> Any:
    """A factor as the array that it is, or that within a frame."""
    return labelled(x).matrix("the factor")
