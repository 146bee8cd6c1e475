"""The four matrices of the course project are fitted as well as is known to be possible."""

import numpy as np
import pytest

from nmf_accel import nmf

A1 = [[1, 0], [0, 1]]
A2 = [[1, 2], [1, 1], [1, 2]]
A3 = [[2, 1, 1], [2, 1, 1], [1, 1, 2]]
A4 = [[2, 1, 0], [1, 2, 3], [0, 3, 3]]

SEEDS = range(5)


def best_error(A, rank):
    """Error of the best approximation of that rank without the sign constraint."""
    return np.linalg.norm(np.linalg.svd(A, compute_uv=False)[rank:])


def test_the_values_of_the_project():
    assert best_error(A1, 1) == pytest.approx(1)
    assert best_error(A2, 1) == pytest.approx(0.41115460, abs=5e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("A", "rank", "error"),
    [
        (A1, 1, 1.0),
        (A2, 1, 0.41115460),
        (A3, 1, 1.14841380),
        (A4, 1, 2.23168002),
        (A4, 2, 0.75770177),
    ],
)
def test_fits_as_good_as_the_singular_value_decomposition(backend, A, rank, error, seed):
    # At rank 1 the best approximation is non-negative (Perron and Frobenius); at rank 2 the one
    # of A4 happens to have non-negative factors too.
    result = nmf(A, rank, seed=seed, max_iter=1000, backend=backend)
    assert result.error == pytest.approx(error, abs=5e-9)
    assert result.error == pytest.approx(best_error(A, rank), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("A", "rank"), [(A1, 2), (A2, 2), (A3, 2)])
def test_exact_fits(backend, A, rank, seed):
    result = nmf(A, rank, seed=seed, max_iter=1000, backend=backend)
    assert result.error < 2e-9  # the distance that delta = 1e-9 leaves
    np.testing.assert_allclose(result.reconstruct(), A, atol=2e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_exact_fit_with_zeros_is_approached_slowly(backend, seed):
    # A4 has rank 3, and two zeros: multiplicative updates get there like 1 / k.
    errors = nmf(A4, 3, seed=seed, max_iter=1000, backend=backend).errors
    assert errors[-1] < 0.011
    assert errors[-1] < errors[99] / 4
