"""The same numbers with the same names as every kind of labelled matrix."""

import numpy as np
import pytest

FEATURES = [f"g{k}" for k in range(8)]
SAMPLES = [f"s{k}" for k in range(6)]
A = np.random.default_rng(0).random((8, 6))
A[2] = 0  # a row that the loop leaves out

KINDS = ("pandas", "polars", "anndata", "xarray", "dataset")


def as_kind(kind, A=A, features=FEATURES, samples=SAMPLES):
    """A matrix with names, of that kind."""
    library = pytest.importorskip(kind if kind != "dataset" else "nmf_accel.datasets")
    makers = {
        "pandas": lambda: library.DataFrame(A, list(features), list(samples)),
        "polars": lambda: library.DataFrame(
            {"gene": list(features), **{name: A[:, k] for k, name in enumerate(samples)}}
        ),
        "anndata": lambda: _anndata(library, A, features, samples),
        "xarray": lambda: library.DataArray(
            A, dims=("gene", "cell"), coords={"gene": list(features), "cell": list(samples)}
        ),
        "dataset": lambda: library.Dataset(
            "toy", A, features=np.array(features), samples=np.array(samples)
        ),
    }
    return makers[kind]()


def _anndata(library, A, features, samples):
    import pandas as pd

    obs, var = (pd.DataFrame(index=list(names)) for names in (samples, features))
    return library.AnnData(np.ascontiguousarray(A.T), obs, var)


GIVEN_BACK = {
    "pandas": "pandas",
    "polars": "polars",
    "anndata": "pandas",
    "xarray": "xarray",
    "dataset": "numpy",
}


def library_of(x):
    """The package of a class."""
    return type(x).__module__.partition(".")[0]


def names_of_sides(x):
    """The names along both sides of a frame of any kind."""
    sides = {
        "pandas": lambda: (list(x.index), list(x.columns)),
        "polars": lambda: (x.to_series(0).to_list(), x.columns[1:]),
        "xarray": lambda: tuple(x[dim].to_numpy().tolist() for dim in x.dims),
    }
    return sides[library_of(x)]()


def numbers_of(x):
    """The numbers of a frame of any kind."""
    return {
        "pandas": lambda: x.to_numpy(),
        "polars": lambda: x[:, 1:].to_numpy(),
        "xarray": lambda: x.to_numpy(),
        "numpy": lambda: x,
    }[library_of(x)]()
