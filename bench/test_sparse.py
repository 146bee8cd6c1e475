"""A sparse matrix, 100,000 × 20,000 with 0.1 % of its entries, beside scikit-learn.

``pytest bench/test_sparse.py`` takes about 5 minutes on 2 cores.
"""

import resource
import warnings

import numpy as np
import pytest
from conftest import timed
from test_iteration import describe

from nmf_accel import nmf
from nmf_accel.matrices import RawSparse

SHAPE, DENSITY = (100_000, 20_000), 1e-3
MAX_ITER, ROUNDS = 30, 3
BRIEF = {"MAX_ITER": 2}


@pytest.fixture(scope="module")
def X():
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    count = int(DENSITY * SHAPE[0] * SHAPE[1])
    places = tuple(rng.integers(0, size, count) for size in SHAPE)
    return sparse.csr_array((rng.random(count), places), shape=SHAPE)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rank", [16, 64])
@pytest.mark.parametrize("solver", ["mu", "cd"])
def test_sparse(benchmark, beside, backend, X, solver, rank, dtype):
    decomposition = pytest.importorskip("sklearn.decomposition")
    if RawSparse not in backend.kinds:
        pytest.skip(f"{backend.name} takes no sparse matrices")
    A = X.astype(dtype)
    rng = np.random.default_rng(1)
    scale = np.sqrt(A.mean() / rank)
    W, H = (scale * rng.random(s).astype(dtype) for s in ((SHAPE[0], rank), (rank, SHAPE[1])))
    options = {"n_components": rank, "init": "custom", "solver": solver}
    options |= {"tol": 0, "max_iter": MAX_ITER}

    def ours():
        # The iterations alone: the estimator would add the exact W to them.
        own = {"solver": {"cd": "hals"}.get(solver, solver), "backend": backend.name}
        result = nmf(A.T, rank, W0=H.T, H0=W.T, max_iter=MAX_ITER, **own)
        return result.H.T, result.W.T

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            starts = W.copy(), H.copy()
            return decomposition.non_negative_factorization(A, *starts, **options)

    found = beside(ours, {"scikit-learn": timed(theirs)}, ROUNDS)
    describe(benchmark, backend, SHAPE[1], dtype, shape=SHAPE, rank=rank, max_iter=MAX_ITER)
    benchmark.extra_info["solver"] = solver
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    benchmark.extra_info.update(stored=A.nnz, peak_bytes=peak, data="uniform, random places")
    assert peak < SHAPE[0] * SHAPE[1] * 8 / 4, "it has been made dense"
    expected = theirs()
    for mine, other in zip(found, expected[:2], strict=True):
        difference = np.linalg.norm(mine - other) / np.linalg.norm(other)
        assert difference < (1e-2 if dtype == "float32" else 1e-6)
