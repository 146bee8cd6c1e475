"""'bpp' finds the one minimum: at any scale, with penalties, and where full exchanges go round."""

import numpy as np
import pytest
from scipy.optimize import nnls
from strict_backend import StrictBackend

from nmf_accel import backends
from nmf_accel.losses import NONE, Penalty, Quadratic
from nmf_accel.solvers import SOLVERS, pivoting

RNG = np.random.default_rng(0)
NUMPY = backends.get("numpy")
EXACT = SOLVERS["bpp"].make(1)
L1, L2 = 0.3, 0.7


def least(N, G):
    """Where ½ xᵀG x − Nᵀx is least over x >= 0, of each column."""
    root = np.linalg.cholesky(G)
    return np.stack([nnls(root.T, np.linalg.solve(root, n))[0] for n in N.T], axis=1)


def problem(d, n, runs=1):
    """X, N of both signs, and G."""
    Y, X = RNG.normal(size=(runs, d, d + 1)), RNG.random((runs, d, n))
    X[RNG.random(X.shape) < 0.5] = 0
    return X, Y @ RNG.normal(size=(d + 1, n)), Y @ Y.mT


@pytest.mark.parametrize("l2", [None, L2])
def test_it_is_the_minimum_with_penalties(l2):
    X, N, G = problem(5, 40, runs=2)
    found = EXACT(NUMPY, X, Quadratic(N, G), Penalty(L1, l2))
    for run in range(2):
        expected = least(N[run] - L1, G[run] + (l2 or 0) * np.eye(5))
        np.testing.assert_allclose(found[run], expected, atol=1e-9)


def test_it_is_the_minimum_of_each_column_alone():
    """No column needs others that are still on their way."""
    X, N, G = problem(6, 60)
    for k in range(60):
        found = EXACT(NUMPY, X[..., k : k + 1], Quadratic(N[..., k : k + 1], G), NONE)
        np.testing.assert_allclose(found[0], least(N[0, :, k : k + 1], G[0]), atol=1e-9)


def test_rows_of_other_sizes_have_the_solution_of_those_sizes():
    """What is small beside a large row of Y is as exact."""
    Y, A = RNG.random((6, 20)), RNG.random((20, 50))
    exact = least(Y @ A, Y @ Y.T)
    for sizes in np.logspace(-4, 4, 6), np.logspace(4, -4, 6):
        scaled = sizes[:, None] * Y
        X, model = RNG.random((1, 6, 50)) / sizes[:, None], Quadratic(scaled @ A, scaled @ scaled.T)
        found = EXACT(NUMPY, X, Quadratic(*(x[None] for x in model)), NONE)[0] * sizes[:, None]
        np.testing.assert_allclose(found, exact, atol=1e-10)


def test_it_ends_where_full_exchanges_would_go_round_in_circles():
    """Of this column they do, for ever; then one variable at a time changes sides."""
    Y = np.array([[-8.0, -8, 4], [6, 3, 3], [-8, -6, -1]])
    G, N = Y @ Y.T, np.array([[2.0], [-8], [8]])
    found = EXACT(NUMPY, np.zeros((1, 3, 1)), Quadratic(N[None], G[None]), NONE)
    np.testing.assert_allclose(found[0], least(N, G), atol=1e-9)


@pytest.mark.parametrize("library", [NUMPY, StrictBackend()], ids=["numpy", "written out"])
@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1, 1e30, 1e200])
def test_the_better_column_is_kept_at_any_scale(library, scale):
    """And that which is no number never; a column of zeros is as good as itself."""
    _, _, (G,) = problem(3, 1)
    best = RNG.random((3, 5)) + 0.1
    best[:, 2] = 0
    other = best + [[1e-3, -1e-3, 0, 2, np.nan]] * np.array([[1], [0], [0]])
    model = Quadratic(*(library.asarray(x, x.dtype) for x in (scale * (G @ best)[None], G[None])))
    for old, new in ((best, other), (other, best)):
        if np.isnan(old).any():
            old = np.nan_to_num(old, nan=7)
        arrays = (library.asarray(scale * x[None], x.dtype) for x in (old, new))
        found = library.to_numpy(pivoting.no_worse(library, *arrays, model))[0]
        np.testing.assert_array_equal(found, scale * best)


def test_of_two_solutions_the_new_one_is_taken():
    """Though its loss may be larger by rounding, in any column."""
    Y, A = RNG.random((4, 9)), RNG.random((9, 300))
    Y[2] = Y[1]
    old = RNG.random((4, 300)) + 1
    shift = RNG.random(300)
    new = old + np.outer([0, 1, -1, 0], shift)
    for N in Y @ A, Y @ Y.T @ old:
        found = pivoting.no_worse(NUMPY, old[None], new[None], Quadratic(N[None], (Y @ Y.T)[None]))
        np.testing.assert_array_equal(found[0], new)


@pytest.mark.parametrize(
    ("runs", "d", "n", "columns"),
    [
        (2, 16, 10**6, 32768),  # as many as the systems may have entries
        (3, 16, 10**6, 31250),  # as many as make no more than 32 blocks
        (2, 64, 100_001, 3126),
        (1, 8, 7, 7),  # all of them
        (1, 5000, 3, 1),  # one at least
    ],
)
def test_columns_at_once(runs, d, n, columns):
    assert pivoting.columns_at_once(runs, d, n) == columns
