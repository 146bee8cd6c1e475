"""The call that most people make, `NMF(k, random_state=0).fit_transform(X)`, beside scikit-learn's.

``pytest bench/test_typical.py`` takes about 10 minutes on 2 cores: ten matrices of the shapes that
people have, both solvers, everything else at its default, with the kernels that numba compiles and
with NumPy's own.
"""

import warnings
from functools import cache

import numpy as np
import pytest
from conftest import machine, timed

from nmf_accel import backends
from nmf_accel.backends.numpy_backend import backend as numpy_backend

ROUNDS = 3


def sparse(shape, density, seed):
    """A sparse matrix, its entries at random places, more of them in the first rows and columns."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    count = int(density * shape[0] * shape[1])
    places = [(size * rng.random(count) ** 2).astype(int) for size in shape]
    return csr_array((rng.lognormal(0, 1, count), tuple(places)), shape=shape)


def low_rank(shape, rank, noise, seed, dtype="float64"):
    """Of so many components, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(0.5, 1, (shape[0], rank)) @ rng.gamma(0.5, 1, (rank, shape[1]))
    return (X + noise * rng.random(shape)).astype(dtype)


def digits():
    from sklearn.datasets import load_digits

    return load_digits().data


def patches():
    """Patches of a photograph, 16 × 16 pixels."""
    from skimage.data import camera
    from skimage.util import view_as_windows

    return view_as_windows(camera() / 255, (16, 16), step=8).reshape(-1, 256)


def spectra():
    """Peaks of ten kinds along 5,000 channels."""
    rng = np.random.default_rng(3)
    channels, centres = np.arange(5000), rng.random((10, 8, 1)) * 5000
    kinds = np.exp(-(((channels - centres) / 40) ** 2)).sum(axis=1)
    return rng.gamma(0.5, 1, (500, 10)) @ kinds + 0.01 * rng.random((500, 5000))


def counts():
    rng = np.random.default_rng(4)
    rates = rng.gamma(0.3, 1, (900, 8)) @ rng.gamma(0.3, 1, (8, 1400))
    return rng.poisson(rates).astype(float)


def ratings():
    """A million ratings from 1 to 5, as those of MovieLens."""
    X = sparse((6040, 3706), 0.045, 5)
    X.data = np.ceil(5 * np.random.default_rng(5).random(X.nnz))
    return X


CASES = {
    "digits 1,797 x 64": (digits, 12),
    "tall 150,000 x 24": (lambda: low_rank((150_000, 24), 6, 0.1, 0), 6),
    "sparse 15,000 x 4,000": (lambda: sparse((15_000, 4_000), 0.01, 1), 15),
    "counts 900 x 1,400": (counts, 8),
    "wide float32 400 x 6,000": (lambda: low_rank((400, 6_000), 12, 0.05, 2, "float32"), 12),
    "patches 3,969 x 256": (patches, 25),
    "faces float32 400 x 4,096": (lambda: low_rank((400, 4_096), 60, 0.3, 6, "float32"), 40),
    "spectra 500 x 5,000": (spectra, 10),
    "text 20,000 x 50,000": (lambda: sparse((20_000, 50_000), 0.001, 7), 20),
    "ratings 6,040 x 3,706": (ratings, 20),
}


@cache
def data(name):
    return CASES[name][0]()


@pytest.mark.parametrize("kernels", ["compiled", "NumPy's own"])
@pytest.mark.parametrize("solver", ["cd", "mu"])
@pytest.mark.parametrize("name", CASES)
def test_the_typical_call(benchmark, beside, name, solver, kernels, monkeypatch):
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    if kernels == "compiled" and not numpy_backend.compiled_kernels():
        pytest.skip("numba is not installed")
    if kernels != "compiled":
        monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    X, rank = data(name), CASES[name][1]
    options = {"solver": solver, "random_state": 0}
    models = NMF(rank, **options), decomposition.NMF(rank, **options)

    def fit(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            model.fit_transform(X)

    beside(lambda: fit(models[0]), {"scikit-learn": timed(fit, models[1])}, ROUNDS)
    about = {"name": name, "rank": rank, "solver": solver, "kernels": kernels}
    about |= {"n_iter": models[0].n_iter_, **machine(backends.get("numpy"))}
    benchmark.extra_info.update(about)
    assert models[0].n_iter_ == models[1].n_iter_
    difference = np.linalg.norm(models[0].components_ - models[1].components_)
    difference /= np.linalg.norm(models[1].components_)
    benchmark.extra_info["difference"] = float(difference)
    assert difference < (1e-2 if X.dtype == np.float32 else 1e-6)
