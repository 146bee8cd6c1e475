"""NumPy's threads share a product with a sparse matrix where it is most of the work."""

import numpy as np
import pytest
from conftest import THREADS, assert_parity, blas_threads
from scipy.sparse import csr_array

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import shared, threads
from nmf_accel.matrices import Dense, RawSparse

pytestmark = pytest.mark.usefixtures("three_threads")
NUMPY = backends.get("numpy")


def dense(A):
    return Dense(A, NUMPY)


def sparse(A):
    return NUMPY.matrix(RawSparse(csr_array(A), NUMPY))


@pytest.mark.parametrize("shape", [(300, 70), (70, 300), (2, 1)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("density", [0.1, 0.01])
def test_threads_share_a_product_with_a_sparse_matrix(shape, transposed, density):
    rng = np.random.default_rng(0)
    whole = rng.random(shape) * (rng.random(shape) < density)
    A = sparse(whole)
    with threads.crew(THREADS) as crew:
        parts = shared.share(A, crew)
        assert len(parts.blocks) <= THREADS
        for _, block in parts.blocks:
            assert not block.nnz or np.shares_memory(block.data, A.matrix.data)
        if density * shape[0] * shape[1] > 1000:
            assert len(parts.blocks) == THREADS
            stored = [block.nnz for _, block in parts.blocks]
            assert max(stored) < 1.5 * min(stored)
        if transposed:
            parts, whole = parts.T, whole.T
        Y = rng.random((5, whole.shape[0]))
        np.testing.assert_allclose(parts.times(Y), Y @ whole, rtol=1e-13)


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_a_sparse_matrix_gives_what_a_dense_one_does(sprites, solver, monkeypatch):
    calls = []
    share = shared.share
    monkeypatch.setattr(shared, "share", lambda *a: calls.append(1) or share(*a))
    for A in (sprites[:, :40], sprites[:, :40].T):
        found, expected = (nmf(X, 4, max_iter=40, solver=solver) for X in (csr_array(A), A))
        assert calls
        calls.clear()
        assert_parity(found.W, expected.W, 1e-10)
        assert_parity(found.H, expected.H, 1e-10)
    assert blas_threads() == THREADS
