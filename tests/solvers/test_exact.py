"""'bpp' finds the one minimum: at any scale, with penalties, and where full exchanges go round."""

import itertools

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


def test_what_is_small_beside_large_is_as_exact():
    """Rows of Y of any sizes, and columns and runs of any, have the solution of those sizes."""
    Y, A = RNG.random((6, 20)), RNG.random((2, 20, 50))
    exact = [least(Y @ a, Y @ Y.T) for a in A]
    units = np.array([1e-12, 1])[:, None, None] * np.logspace(-12, 12, 50)
    for sizes in np.logspace(-10, 10, 6), np.logspace(10, -10, 6):
        scaled = sizes[:, None] * Y
        X, N = RNG.random((2, 6, 50)) / sizes[:, None] * units, units * (scaled @ A)
        G = np.stack(2 * [scaled @ scaled.T])
        found = EXACT(NUMPY, X, Quadratic(N, G), NONE) * sizes[:, None] / units
        np.testing.assert_allclose(found, exact, atol=1e-9)


@pytest.mark.parametrize("start", [[0, 0], [1, 0], [0, 1], [1, 1]])
def test_a_billionth_on_the_wrong_side_is_seen(start):
    """Of a solution as of its gradient."""
    G = np.array([[1, 0.5], [0.5, 1]])
    for free in ([1, -1e-9], [1, 1e-9]):
        N = (G @ free)[:, None]
        found = EXACT(
            NUMPY, np.array(start, float)[None, :, None], Quadratic(N[None], G[None]), NONE
        )
        expected = free if free[1] > 0 else [N[0, 0], 0]
        np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-12)


CIRCLES = [
    ([[-8, -8, 4], [6, 3, 3], [-8, -6, -1]], [2, -8, 8]),
    ([[4, 4, -1], [4, -8, 4], [6, -9, 4]], [-7, 4, 1]),
    ([[7, 0, -4], [-7, 2, 5], [-8, 4, 6]], [5, -5, -5]),
    ([[8, 8, 3], [-2, -8, 2], [8, 9, 1]], [-4, 9, -8]),
    ([[2, -1, 7], [-3, 2, -6], [-1, -2, 9]], [-4, 4, -3]),
]


@pytest.mark.parametrize(("Y", "N"), CIRCLES)
def test_it_ends_where_full_exchanges_would_go_round_in_circles(Y, N):
    """Of these columns they do, for ever; then one variable at a time changes sides."""
    N, G = np.array(N, float)[:, None], np.array(Y, float) @ np.array(Y, float).T
    found = EXACT(NUMPY, np.zeros((1, 3, 1)), Quadratic(N[None], G[None]), NONE)
    np.testing.assert_allclose(found[0], least(N, G), atol=1e-9)


class Counting:
    """NumPy, which notes how many systems are solved each time."""

    def __init__(self):
        self.solved = []

    def __getattr__(self, name):
        return getattr(NUMPY, name)

    def kernel(self, name, default):
        found = NUMPY.kernel(name, default)
        if name == "exchange_by_column":
            return default  # so that systems are solved one by one

        def counted(backend, G, N, F, going):
            self.solved.append(going.sum())
            return found(backend, G, N, F, going)

        return counted if name == "solve_passive" else found


def solves(Y, A, X):
    """How many systems are solved each time, from X."""
    counting = Counting()
    EXACT(counting, X, Quadratic(Y @ A, Y @ Y.mT), NONE)
    return counting.solved


def exchanges(N, G):
    """How many systems algorithm 2 of Kim and Park (2008) solves for a column, from zero."""
    F, fewest, patience = np.zeros(len(N), dtype=bool), len(N) + 1, 3
    for count in itertools.count(1):
        x = np.zeros(len(N))
        x[F] = np.linalg.solve(G[np.ix_(F, F)], N[F])
        wrong = np.flatnonzero(np.where(F, x, G @ x - N) < -1e-9)
        if not wrong.size:
            return count
        if wrong.size < fewest:
            fewest, patience = wrong.size, 3
        elif patience > 0:
            patience -= 1
        else:
            wrong = wrong[-1:]
        F[wrong] ^= True


@pytest.mark.parametrize("d", [3, 5])
def test_exchanges_are_those_of_the_paper(d):
    """All at once, while that makes fewer of them or for three times more; then the last one."""
    columns = [(np.array(Y, float), np.array(N, float)) for Y, N in CIRCLES if len(N) == d]
    columns += [(RNG.normal(size=(d, d)), RNG.normal(size=d)) for _ in range(400)]
    expected = [exchanges(N, Y @ Y.T) for Y, N in columns]
    assert max(expected) > 5, "there are some that go over to one at a time"
    for (Y, N), count in zip(columns, expected, strict=True):
        counting = Counting()
        EXACT(counting, np.zeros((1, d, 1)), Quadratic(N[None, :, None], (Y @ Y.T)[None]), NONE)
        assert len(counting.solved) == count


def test_only_what_is_not_there_yet_is_solved():
    """From the support of the solution once; else again for the columns that are not right."""
    Y, A = RNG.random((1, 6, 20)), RNG.random((20, 50))
    exact = least((Y @ A)[0], (Y @ Y.mT)[0])[None]
    assert (exact == 0).any(axis=(1, 2)).all()
    assert solves(Y, A, exact) == solves(Y, A, 0.1 * exact) == [50]
    almost = exact.copy()
    almost[0, 2, 7:9] = np.where(exact[0, 2, 7:9] > 0, 0, 1)
    first, *others = solves(Y, A, almost)
    assert first == 50
    assert others
    assert max(others) == 2
    first, *others = solves(Y, A, RNG.random((1, 6, 50)))
    assert others[-1] < first == 50


def test_rounding_is_no_reason_to_go_on():
    """Where components are equal, or nearly: as soon as each column has its solution it ends."""
    Y, A = RNG.random((1, 6, 20)), RNG.random((20, 500))
    for off in (0, 1e-9, 1e-7, 1e-5):
        Y[0, 3], Y[0, 5] = Y[0, 1] + off * RNG.random(20), Y[0, 0] + Y[0, 2]
        assert len(solves(Y, A, RNG.random((1, 6, 500)))) < 10
    for _ in range(3):
        low = RNG.random((1, 8, 2)) @ RNG.random((2, 20))
        assert len(solves(low, A, RNG.random((1, 8, 500)))) < 10


@pytest.mark.parametrize("library", [NUMPY, StrictBackend()], ids=["numpy", "written out"])
def test_the_better_column_is_kept_at_any_scale(library):
    """And that which is no number never; a column of zeros is as good as itself."""
    _, _, (G,) = problem(3, 1)
    best = RNG.random((2, 3, 7)) + 0.1
    best[..., 2], best[:, 1] = 0, 0
    other = best + np.outer([1, 0, 0], [1e-3, -1e-3, 0, 2, np.nan, 1e-6, -1e-6])
    fallen = np.nan_to_num(other, nan=7)
    for runs in ([1e-200, 1], [1, 1e200]):
        scale = np.array(runs)[:, None, None] * np.array([1e-30, 1, 1, 1, 1, 1, 1e30])
        model = Quadratic(
            *(library.asarray(x, x.dtype) for x in (scale * (G @ best), np.stack([G, G])))
        )
        for pair in ((best, other), (fallen, best)):
            old, new = (library.asarray(scale * x, x.dtype) for x in pair)
            found = library.to_numpy(pivoting.no_worse(library, old, new, model))
            np.testing.assert_array_equal(found, scale * best)


def test_of_two_solutions_the_new_one_is_taken():
    """Though its loss may be larger by rounding, in any column."""
    Y, A = RNG.random((4, 9)), RNG.random((9, 300))
    Y[2] = Y[1]
    # In parts of 1024, so that no rounding is in the factors themselves.
    old, shift = RNG.integers(1024, 2048, (4, 300)) / 1024, RNG.integers(1, 1024, 300) / 1024
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
