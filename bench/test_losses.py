"""Kullback and Leibler's and Itakura and Saito's divergence beside scikit-learn's.

``pytest bench/test_losses.py`` takes 8 minutes on 2 cores. A signal of 1,728 × 2,000 entries, all
positive, from the same start; BLAS with one thread and with as many as there are.
"""

import warnings

import numpy as np
import pytest
from conftest import machine, timed
from threadpoolctl import threadpool_limits

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import backend as numpy_backend

SHAPE = (1728, 2000)
MAX_ITER, ROUNDS = 20, 7
BRIEF = {"MAX_ITER": 2}


def signal(rank, dtype):
    """A matrix of rank `rank` times noise, and a start."""
    rng = np.random.default_rng(0)
    m, n = SHAPE
    A = rng.gamma(0.5, 1, (m, rank)) @ rng.gamma(0.5, 1, (rank, n)) * rng.gamma(5, 0.2, (m, n))
    A += 0.01
    size = np.sqrt(A.mean() / rank)
    starts = (size * rng.random(shape) + 0.01 for shape in ((m, rank), (rank, n)))
    return [x.astype(dtype) for x in (A, *starts)]


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rank", [16, 64])
@pytest.mark.parametrize("loss", ["kullback-leibler", "itakura-saito"])
def test_losses(benchmark, beside, backend, loss, rank, dtype, threads):
    decomposition = pytest.importorskip("sklearn.decomposition")
    A, W0, H0 = signal(rank, dtype)
    X = np.ascontiguousarray(A.T)
    common = {"max_iter": MAX_ITER, "tol": 0}

    def ours():
        with threadpool_limits(threads, "blas"):
            return nmf(A, rank, loss=loss, W0=W0, H0=H0, backend=backend.name, **common)

    def theirs():
        options = {"n_components": rank, "init": "custom", "solver": "mu", "beta_loss": loss}
        starts = np.ascontiguousarray(H0.T), np.ascontiguousarray(W0.T)
        with warnings.catch_warnings(), threadpool_limits(threads, "blas"):
            warnings.simplefilter("ignore")  # that it did not converge
            return decomposition.non_negative_factorization(X, *starts, **options, **common)

    found = beside(ours, {"scikit-learn": timed(theirs)}, ROUNDS)
    about = {"loss": loss, "rank": rank, "dtype": dtype, "threads": threads or "all"}
    benchmark.extra_info.update(shape=SHAPE, max_iter=MAX_ITER, **about, **machine(backend))
    W, H, _ = theirs()
    for mine, other in ((found.H.T, W), (found.W.T, H)):
        difference = np.linalg.norm(mine - other) / np.linalg.norm(other)
        assert difference < (1e-3 if dtype == "float32" else 1e-8)


SPARSE, DENSITY = (20_000, 5000), 0.005


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rank", [16, 64])
@pytest.mark.parametrize("kernels", ["compiled", "NumPy's own"])
def test_sparse_losses(benchmark, beside, rank, dtype, kernels, monkeypatch):
    """Counts, Kullback and Leibler's divergence; BLAS with as many threads as there are."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    if kernels == "compiled" and not numpy_backend.compiled_kernels():
        pytest.skip("numba is not installed")
    if kernels != "compiled":
        monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    A, W0, H0 = counts(rank, dtype)
    X, common = A.T.tocsr(), {"max_iter": MAX_ITER, "tol": 0}

    def ours():
        run = {"loss": "kullback-leibler", "W0": W0, "H0": H0, "backend": "numpy"}
        return nmf(A, rank, **run, **common)

    def theirs():
        options = {"n_components": rank, "init": "custom", "solver": "mu"}
        starts = np.ascontiguousarray(H0.T), np.ascontiguousarray(W0.T)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            return decomposition.non_negative_factorization(
                X, *starts, beta_loss="kullback-leibler", **options, **common
            )

    found = beside(ours, {"scikit-learn": timed(theirs)}, ROUNDS)
    about = {"loss": "kullback-leibler", "rank": rank, "dtype": dtype, "kernels": kernels}
    about |= {"shape": SPARSE, "stored": A.nnz, "max_iter": MAX_ITER}
    benchmark.extra_info.update(**about, **machine(backends.get("numpy")))
    W, H, _ = theirs()
    for mine, other in ((found.H.T, W), (found.W.T, H)):
        difference = np.linalg.norm(mine - other) / np.linalg.norm(other)
        assert difference < (1e-2 if dtype == "float32" else 1e-6)


def counts(rank, dtype):
    """A sparse matrix of counts, and a start."""
    sparse, rng = pytest.importorskip("scipy.sparse"), np.random.default_rng(0)
    count = int(DENSITY * SPARSE[0] * SPARSE[1])
    places = tuple(rng.integers(0, size, count) for size in SPARSE)
    A = sparse.csr_array((rng.poisson(2, count) + 1.0, places), shape=SPARSE).astype(dtype)
    size = np.sqrt(A.mean() / rank)
    starts = (size * rng.random(x) + 0.01 for x in ((SPARSE[0], rank), (rank, SPARSE[1])))
    return [A, *(x.astype(dtype) for x in starts)]
