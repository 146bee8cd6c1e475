"""Kullback and Leibler's divergence of a sparse matrix: as of the dense one, never made."""

import tracemalloc

import numpy as np
import pytest
from conftest import THREADS, assert_equals_single_runs, assert_parity, blas_threads
from scipy.sparse import csc_array, csr_array, random_array
from test_divergences import data, divergence

from nmf_accel import backends, nmf, sweep
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import Divergence
from nmf_accel.losses.divergences import deviance_in_blocks


@pytest.mark.usefixtures("kernels", "three_threads")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", [csr_array, csc_array])
@pytest.mark.parametrize("shape", [(40, 600), (600, 40)])
def test_a_sparse_matrix_gives_what_a_dense_one_does(shape, order, dtype):
    A, W0, H0 = data(*shape, zeros=True)
    A[3], A[:, 7] = 0, 0
    settings = {"loss": 1, "max_iter": 60, "backend": "numpy", "dtype": dtype, "l1_H": 0.1}
    found, expected = (nmf(x, 5, W0=W0, H0=H0, **settings) for x in (order(A), A))
    double = dtype == "float64"
    assert_parity(found.W, expected.W, 1e-10 if double else 1e-3)
    assert_parity(found.H, expected.H, 1e-10 if double else 1e-3)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10 if double else 1e-5)
    assert found.kkt == pytest.approx(expected.kkt, rel=1e-8 if double else 1e-3)
    assert blas_threads() == THREADS


@pytest.mark.usefixtures("kernels")
def test_a_sparse_matrix_is_never_made_dense():
    A = random_array((20_000, 30_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    tracemalloc.start()
    nmf(A, 4, loss=1, max_iter=2, backend="numpy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


@pytest.mark.usefixtures("kernels")
def test_packed_runs_of_a_sparse_matrix():
    A = csr_array(data(zeros=True)[0])
    settings = {"loss": 1, "max_iter": 20}
    result = sweep(A, [3], seeds=3, backend="numpy", keep="all", **settings)
    assert_equals_single_runs(result, A, "numpy", **settings)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("order", [csr_array, csc_array])
def test_near_an_exact_fit_of_a_sparse_matrix_float32_tells_what_is_left(order):
    """Of six components side by side, so that W H is zero where A is, but for next to nothing."""
    rng, (m, n, d), off = np.random.default_rng(0), (600, 500, 6), 1e-5
    W, H = rng.gamma(2, 1, (m, d)), rng.gamma(2, 1, (d, n))
    W *= np.arange(m)[:, None] % d == np.arange(d)
    H *= np.arange(n) % d == np.arange(d)[:, None]
    A = (W @ H).astype(np.float32)
    W, H = (
        (x * (1 + off * rng.normal(size=x.shape)) + off**2 / 10).clip(0).astype(np.float32)
        for x in (W, H)
    )
    problem = prepare(Given(order(A)), backend="numpy", objective=Divergence(1.0))
    found = Divergence(1.0).value(problem.A, (1e-9,), H[None], W.T[None].copy())
    expected = divergence(A, W.astype(float) @ H.astype(float), 1)
    assert found[0] == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_divergence_of_more_entries_than_a_block_has(weighted):
    rng, library = np.random.default_rng(0), backends.get("numpy")
    ratio, P, M = (rng.random((2, library.block_entries)) + 0.1 for _ in range(3))
    M = M if weighted else None
    found = deviance_in_blocks(library, ratio, P, 1, M)
    terms = P * (ratio * np.log(ratio) - ratio + 1) * (1 if M is None else M)
    np.testing.assert_allclose(found, 2 * terms.sum(axis=1), rtol=1e-12)
