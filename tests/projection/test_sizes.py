"""`project` by updates is right at any size of W and A: beside scipy's `nnls`, or a long run."""

import warnings

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.sparse import csr_array

from nmf_accel import project

rng = np.random.default_rng(0)
W = rng.random((30, 4))
A = W @ rng.random((4, 25)) + 0.1 * rng.random((30, 25))
M = (rng.random(A.shape) < 0.8).astype(float)
SIZES = {
    "float64": [(4, 0), (-6, 0), (100, 0), (0, -200), (0, 200), (-90, 90)],
    "float32": [(4, 0), (15, 0), (-15, 0), (0, -20), (0, 20)],
}
"""Powers of ten that W and A are multiplied with."""
EACH = [(dtype, *sizes) for dtype in SIZES for sizes in SIZES[dtype]]


def weighted_error(H):
    return (M * (A - W @ H) ** 2).sum()


def divergence(H, beta):
    P = W @ H
    if beta == 0:
        return (A / P - np.log(A / P) - 1).sum()
    if beta == 1:
        return (A * np.log(A / P) - A + P).sum()
    return (A**beta + (beta - 1) * P**beta - beta * A * P ** (beta - 1)).sum() / beta / (beta - 1)


def moved(of_W, of_A, dtype="float64", **options):
    """H of W and A multiplied with powers of ten, as it is for those that are not."""
    of_W, of_A = 10.0**of_W, 10.0**of_A
    given = (A * of_A).astype(dtype), (W * of_W).astype(dtype)
    return project(*given, backend="numpy", **options).astype(float) * of_W / of_A


@pytest.mark.parametrize(("dtype", "of_W", "of_A"), EACH)
def test_with_weights_it_is_near_the_least_there_is(dtype, of_W, of_A):
    columns = zip(M.T, A.T, strict=True)
    best = np.column_stack([nnls(W * m[:, None], a * m)[0] for m, a in columns])
    found = weighted_error(moved(of_W, of_A, dtype, weights=M))
    assert found <= weighted_error(best) * 1.001


@pytest.mark.parametrize("beta", [0, 0.5, 1, 1.5, 3])
def test_of_another_loss_it_is_where_a_long_run_leads(beta):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the long run still fell
        least = project(A, W, loss=beta, tol=1e-13, max_iter=5000, backend="numpy")
    for sizes in [(2, 0), (4, 0), (-4, 0), (0, -8), (0, 60), *(x[1:] for x in EACH[2:4])]:
        found = divergence(moved(*sizes, loss=beta), beta)
        assert found <= divergence(least, beta) * 1.01, sizes


@pytest.mark.parametrize("options", [{"weights": M}, {"loss": 1}], ids=["weights", "kl"])
def test_each_component_and_each_column_may_have_a_size_of_its_own(options):
    of_W, of_A = 10.0 ** np.array([3, -3, 0, 5]), 10.0 ** (np.arange(25) % 7)
    options |= {"tol": 1e-7, "max_iter": 20000, "backend": "numpy"}
    expected = project(A, W, **options)
    found = project(A * of_A, W * of_W, **options) * of_W[:, None]
    np.testing.assert_allclose((found / of_A)[:, of_A == 1e6], expected[:, of_A == 1e6], atol=0.02)
    found = project(A, W * of_W, **options) * of_W[:, None]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_penalties_stand_beside_w_of_any_size():
    options = {"weights": M, "tol": 1e-9, "max_iter": 5000}
    expected = moved(0, 0, l1=0.3, l2=0.2, **options)
    for size in (100, -100):
        found = moved(size, 0, l1=0.3 * 10.0**size, l2=0.2 * 10.0 ** (2 * size), **options)
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_components_that_are_zero_and_few_known_entries_are_taken():
    dead = np.column_stack([W, np.zeros(30)])
    H = project(A, dead * 1e6, weights=M, backend="numpy")
    assert not H[4].any()
    known = csr_array(np.where(M > 0, A, 0))
    ratings = project(known, W * 1e6, zeros="missing", backend="numpy") * 1e6
    np.testing.assert_allclose(ratings, moved(6, 0, weights=M), atol=1e-9)


def test_h_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="W is so small beside A that H overflows float32"):
        moved(-30, 15, "float32", weights=M)
