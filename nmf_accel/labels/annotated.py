"""Matrices that carry names and more: AnnData's, and arrays of xarray."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..matrices import is_sparse
from .base import Labelled
from .names import Labels, make_unique
from .pandas_frame import PandasFrame, names_along

ELSEWHERE = ("dask", "h5py", "zarr")
"""Libraries whose arrays are not in memory."""


class AnnDataMatrix(PandasFrame):
    """The X of an AnnData, cells × genes, transposed. What is given back are frames of pandas."""

    def matrix(self, name: str) -> Any:
        """See `Labelled`."""
        return self._cells(name).T

    def by_samples(self, name: str) -> Any:
        """See `Labelled`. A frame, so that scikit-learn checks the names."""
        import pandas

        X = self._cells(name)
        make = pandas.DataFrame.sparse.from_spmatrix if is_sparse(X) else pandas.DataFrame
        # A feature that scikit-learn knows by name has to have one of its own.
        return make(X, index=self.columns, columns=make_unique(self.rows))

    def _cells(self, name: str) -> Any:
        """X (cells, genes), in memory."""
        if self.passed.isbacked:  # asked first: to look at X would open the file
            raise TypeError(
                f"{name}.X is not in memory (it is in {self.passed.filename}); pass "
                f"{name}.to_memory()"
            )
        X = self.passed.X
        if X is None:
            layers = list(self.passed.layers)
            if not layers:
                raise ValueError(f"{name}.X is None, and there are no layers: there are no numbers")
            raise ValueError(
                f"{name}.X is None; its layers are {', '.join(map(repr, layers))}: set one, "
                f"{name}.X = {name}.layers[{layers[0]!r}]"
            )
        of = type(X).__module__.partition(".")[0]
        if of in ELSEWHERE or hasattr(X, "to_memory"):
            kind = f"{of}'s {type(X).__name__}"
            raise TypeError(f"{name}.X is not in memory ({kind}); pass {name}.to_memory()")
        return X

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return not self.passed.isbacked and is_sparse(self.passed.X)

    @property
    def taken(self) -> str:
        """See `Labelled`."""
        return "an AnnData, cells × genes: transposed, so features are genes and samples are cells"

    @property
    def rows(self) -> Any:
        """See `Labelled`."""
        return self.passed.var_names

    @property
    def columns(self) -> Any:
        """See `Labelled`."""
        return self.passed.obs_names

    def code(self, name: str, axis: int) -> str:
        """See `Labelled`."""
        return f"{name}.{('var_names', 'obs_names')[axis]}"

    def picked(self, name: str, axis: int, names: str) -> str:
        """See `Labelled`."""
        return (f"{name}[:, {names}]", f"{name}[{names}]")[axis]


class XarrayMatrix(Labelled):
    """An xarray DataArray of two dimensions: features, then samples."""

    def matrix(self, name: str) -> Any:
        """See `Labelled`."""
        array, dims = self.passed, self.passed.dims
        if array.ndim != 2:
            raise ValueError(
                f"{name} must be a matrix (2-D), but its shape is {array.shape}; "
                + _as_matrix(name, dims)
            )
        if array.chunks is not None:
            size = array.nbytes / 1e9
            raise TypeError(
                f"{name} is not in memory: dask would read {size:.3g} GB; pass {name}.compute()"
            )
        return array.data

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return is_sparse(self.passed.data)

    @property
    def taken(self) -> str:
        """See `Labelled`."""
        features, samples = self.passed.dims
        return f"an xarray DataArray: {features!r} are features, {samples!r} are samples"

    @cached_property
    def labels(self) -> Labels:
        """See `Labelled`."""
        indexes = [self.passed.indexes.get(dim) for dim in self.passed.dims]
        return Labels(*(None if index is None else names_along(index) for index in indexes))

    def dimension(self, axis: int) -> str | None:
        """See `Labelled`. Those that xarray gives by itself are none."""
        dim = self.passed.dims[axis]
        return None if dim == f"dim_{axis}" else str(dim)

    def _side(self, axis: int) -> Any:
        """A vector along an axis; what it holds is of no account, only its coordinates."""
        return self.passed.isel({self.passed.dims[1 - axis]: 0}, drop=True)

    @property
    def rows(self) -> Any:
        """See `Labelled`."""
        return self._side(0)

    @property
    def columns(self) -> Any:
        """See `Labelled`."""
        return self._side(1)

    def columns_at(self, where: Any) -> Any:
        """See `Labelled`."""
        return self._side(1)[np.arange(self.passed.shape[1])[where]]

    def components(self, names: list[str]) -> tuple[Any, Any]:
        """See `Labelled`. Their dimension is called ``component``."""
        import xarray

        dim = make_unique([*map(str, self.passed.dims), "component"])[-1]
        side = xarray.DataArray(np.zeros(len(names)), dims=[dim], coords={dim: names})
        return side, side

    def build(self, x: Any, rows: Any, columns: Any) -> Any:
        """See `Labelled`."""
        import xarray

        array = xarray.DataArray(x, dims=[*rows.dims, *columns.dims])
        return array.assign_coords(rows.coords).assign_coords(columns.coords)

    def code(self, name: str, axis: int) -> str:
        """See `Labelled`."""
        return f"{name}.indexes[{self.passed.dims[axis]!r}]"

    def picked(self, name: str, axis: int, names: str) -> str:
        """See `Labelled`."""
        return f"{name}.sel({{{self.passed.dims[axis]!r}: {names}}})"


def _as_matrix(name: str, dims: tuple[Any, ...]) -> str:
    """What to type for a matrix of an array of other dimensions, the first one being samples."""
    if len(dims) < 2:
        return f"pass {name}.expand_dims('sample', -1) for one sample"
    first, *others = dims
    stacked = f"{name}.stack(feature={others!r}).transpose('feature', {first!r})"
    return f"if its first axis is samples, pass {stacked}"
