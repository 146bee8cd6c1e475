"""A start from the singular vectors is what its definition says, alike on every backend."""

import numpy as np
import pytest
from conftest import assert_parity
from sklearn.decomposition import NMF
from sklearn.decomposition._nmf import _initialize_nmf

from nmf_accel import backends, nmf, sweep
from nmf_accel.intake import Given, prepare
from nmf_accel.starts import DRAWN_AT_ONCE, random_start, sklearn_start, svd_start

rng = np.random.default_rng(0)
A = rng.random((30, 20))
A[4], A[:, 7] = 0, 0


def test_the_first_component_is_the_leading_singular_triplet():
    W, H = svd_start(A, 3, 0, "nndsvd")
    U, S, Vt = np.linalg.svd(A)
    np.testing.assert_allclose(W[:, :1] @ H[:1], S[0] * np.outer(U[:, 0], Vt[0]), atol=1e-5)
    # Of the second, the half that is larger.
    halves = [np.outer(np.maximum(s * U[:, 1], 0), np.maximum(s * Vt[1], 0)) for s in (1, -1)]
    larger = max(halves, key=np.linalg.norm)
    np.testing.assert_allclose(W[:, 1:2] @ H[1:2], S[1] * larger, atol=1e-5)


def test_the_randomized_decomposition_finds_the_same():
    big = rng.random((300, 6)) @ rng.random((6, 200)) + 0.01 * rng.random((300, 200))
    W, H = svd_start(big, 4, 0, "nndsvd")
    U, S, Vt = np.linalg.svd(big, full_matrices=False)
    np.testing.assert_allclose(W[:, :1] @ H[:1], S[0] * np.outer(U[:, 0], Vt[0]), atol=1e-6)
    assert np.linalg.norm(W[:, 3]) * np.linalg.norm(H[3]) <= S[3] * (1 + 1e-9)


@pytest.mark.parametrize(
    ("init", "zeros"), [("nndsvd", True), ("nndsvda", False), ("nndsvdar", False)]
)
def test_zeros_are_filled_where_asked(init, zeros):
    W, H = svd_start(A, 4, 0, init)
    assert ((W == 0).any() and (H == 0).any()) == zeros
    assert (W >= 0).all()
    assert (H >= 0).all()
    filled = W[svd_start(A, 4, 0, "nndsvd")[0] == 0] / np.sqrt(A.mean())
    if init == "nndsvda":
        np.testing.assert_allclose(filled, 1.0)
    if init == "nndsvdar":
        assert 0 < filled.max() <= 0.01
        assert len(np.unique(filled)) > 1


@pytest.mark.parametrize("init", ["nndsvd", "nndsvda", "nndsvdar"])
def test_the_start_is_the_same_on_every_backend(backend, init):
    with backends.get(backend).scope():
        start = prepare(Given(A), None, backend).draw(5, 3, init)
    for mine, theirs in zip(start, svd_start(A, 5, 3, init), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    options = {"init": init, "solver": "hals", "max_iter": 20}
    result, expected = (nmf(A, 5, backend=b, **options) for b in (backend, "numpy"))
    assert_parity(result.W, expected.W, 1e-10)


def test_it_starts_nearer_than_a_random_start():
    errors = [
        nmf(A, 5, init=init, solver="hals", max_iter=1).error for init in ("nndsvd", "random")
    ]
    assert errors[0] < errors[1]


def test_zeros_that_never_leave_are_warned_of():
    with pytest.warns(UserWarning, match="init='nndsvd' has zeros, which never leave under"):
        result = nmf(A, 5, init="nndsvd", max_iter=5, backend="numpy")
    start = svd_start(A, 5, 0, "nndsvd")[0]
    assert not result.W[start == 0].any()


def test_a_rank_above_the_singular_vectors_is_refused():
    with pytest.raises(ValueError, match=r"rank is 21, but A \(30, 20\) has 20 singular vectors"):
        nmf(A, 21, init="nndsvda")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("shape", "rank"), [((3, 2), 1), ((70, 4000), 40)])
def test_a_random_start_is_drawn_in_float64_and_rounded(shape, rank, dtype):
    drawn, (m, n) = np.random.default_rng(5), shape
    expected = [drawn.uniform(size=x) * np.sqrt(0.3 / rank) for x in ((m, rank), (rank, n))]
    assert max(x.size for x in expected) > 2 * DRAWN_AT_ONCE or m == 3
    for found, whole in zip(random_start(shape, rank, 5, 0.3, dtype), expected, strict=True):
        np.testing.assert_array_equal(found, whole.astype(dtype))
        assert found.dtype == dtype


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_start_of_scikit_learn_is_the_one_that_it_draws(dtype):
    X = A.T.astype(dtype)
    H, W = _initialize_nmf(X, 5, init="random", random_state=2**31 + 7)
    found = sklearn_start(A.shape, 5, 2**31 + 7, X.mean(), X.dtype)
    for mine, theirs in zip(found, (W.T, H.T), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_a_packed_run_from_it_is_scikit_learns_own():
    options = {"solver": "hals", "stop": "descent", "tol": 1e-2, "check_every": 1}
    whole = A + 0.1  # a row of zeros, which a sweep leaves out, counts in their first violation
    found = sweep(whole, [4], [3, 2**31], init="sklearn", keep="all", backend="numpy", **options)
    for seed in (3, 2**31):
        theirs = NMF(4, init="random", random_state=seed, tol=1e-2, max_iter=1000).fit(whole.T)
        run = found.factorization(4, seed)
        assert run.n_iter == theirs.n_iter_
        np.testing.assert_allclose(run.W, theirs.components_.T, rtol=0, atol=1e-12)


def test_a_seed_that_their_generator_does_not_take_is_refused():
    with pytest.raises(
        ValueError, match=r"seed is 4294967296; with init='sklearn' .* below 2\*\*32"
    ):
        nmf(A, 2, seed=2**32, init="sklearn", max_iter=1)
