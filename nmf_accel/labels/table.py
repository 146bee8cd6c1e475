"""Which kinds of labelled matrices there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .annotated import AnnDataMatrix, XarrayMatrix
from .base import Described, Labelled, Plain
from .factors import Factors
from .lazy import DaskArray, DaskFrame, PolarsLazyFrame
from .mistaken import AnnDataRaw, Dictionary, FileName, Series
from .pandas_frame import PandasFrame
from .polars_frame import PolarsFrame

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
