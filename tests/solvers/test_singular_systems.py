"""'bpp' where the components are equal, collinear or zero, or more than A's rank: no exception."""

import numpy as np
import pytest

from nmf_accel import backends, nmf, sweep
from nmf_accel.backends.numpy_backend.kernels import solved
from nmf_accel.losses import NONE, Quadratic
from nmf_accel.solvers import pivoting

rng = np.random.default_rng(0)
Y = rng.random((1, 3, 20))
A = rng.random((20, 8))


def fits_exactly(backend, of_A, rank):
    chance = np.random.default_rng(1)
    low = chance.random((14, of_A)) @ chance.random((of_A, 11))
    result = nmf(low, rank, solver="bpp", max_iter=40, backend=backend)
    assert np.isfinite(np.asarray(result.H)).all()
    return result.relative_error < 1e-3


def test_a_rank_above_that_of_A_is_no_matter(backend):
    assert fits_exactly(backend, 2, 4)


@pytest.mark.parametrize(("of_A", "rank"), [(1, 3), (3, 6), (1, 12)])
def test_nor_is_one_far_above_it(of_A, rank):
    assert fits_exactly("numpy", of_A, rank)


def test_a_singular_system_has_the_shortest_of_its_solutions():
    np.testing.assert_allclose(solved(np.ones((2, 2)), np.ones((2, 1))), [[0.5], [0.5]])
    assert np.isnan(solved(np.full((2, 2), np.inf), np.ones((2, 1)))).all()


class Breaking:
    """A backend that finds no solution of any system, or a wrong one."""

    def __init__(self, found):
        self.numpy = backends.get("numpy")
        self.found = found

    def __getattr__(self, name):
        return getattr(self.numpy, name)

    def kernel(self, name, default):
        if name == "exchange_by_column":
            return default  # which would solve them itself
        if name == "solve_passive":
            return lambda backend, G, N, F, going: np.full_like(N, self.found)
        return self.numpy.kernel(name, default)


@pytest.mark.parametrize("found", [np.nan, np.inf, 1e30])
def test_a_column_that_would_get_worse_stays_as_it_is(found):
    X = rng.random((1, 3, 8))
    model = Quadratic(Y @ A, Y @ Y.mT)
    new = pivoting.block_principal_pivoting(Breaking(found), X, model, NONE)
    loss = [np.sum((A - Y[0].T @ x) ** 2, axis=0) for x in (X[0], new[0])]
    assert np.isfinite(new).all()
    assert (new >= 0).all()
    assert (loss[1] <= loss[0] * (1 + 1e-12)).all()


def test_the_better_of_two_is_chosen_column_by_column():
    model = Quadratic(Y @ A, Y @ Y.mT)
    best = pivoting.block_principal_pivoting(
        backends.get("numpy"), rng.random((1, 3, 8)), model, NONE
    )
    worse = best + 1
    old, new = best.copy(), worse.copy()
    old[..., ::2], new[..., ::2] = worse[..., ::2], best[..., ::2]
    chosen = pivoting.no_worse(backends.get("numpy"), old, new, model)
    np.testing.assert_array_equal(chosen, best)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
def test_packed_runs_at_such_ranks_are_right_too(dtype, scale):
    low = (scale * np.outer(np.arange(1, 10), np.arange(1, 8))).astype(dtype)
    found = sweep(low, [2, 5], range(6), solver="bpp", max_iter=20, backend="numpy")
    assert max(row["relative_error"] for row in found.table) < 1e-3


@pytest.mark.parametrize("held", ["W_fixed", "H_fixed"])
def test_held_components_may_be_equal(held):
    twice = np.ones((20, 2)) if held == "W_fixed" else np.ones((2, 8))
    result = nmf(A, 4, solver="bpp", max_iter=30, backend="numpy", **{held: twice})
    assert np.isfinite(result.W).all()
    assert np.diff(result.errors).max() < 1e-7 * result.norm
