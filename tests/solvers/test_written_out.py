"""The rules in array operations, as backends without kernels of their own run them, written out."""

import numpy as np
import pytest
from scipy.optimize import nnls
from strict_backend import StrictBackend

from nmf_accel.losses import Penalty, Quadratic
from nmf_accel.losses.models import split
from nmf_accel.solvers import SOLVERS, pivoting, repeated, while_it_pays
from nmf_accel.solvers.descent import telling_hals
from nmf_accel.solvers.multiplicative import lee_seung

RNG = np.random.default_rng(0)
LIBRARY = StrictBackend()
L1, L2 = 0.3, 0.7


def there(*arrays):
    """Arrays on the device."""
    return [LIBRARY.asarray(x, x.dtype) for x in arrays]


def here(x):
    return LIBRARY.to_numpy(x)


def problem(d, n, runs=2, dead=None):
    """X, N and G; one component of Y is small, and of the first run one is zero."""
    Y, X = RNG.random((runs, d, d + 2)), RNG.random((runs, d, n))
    Y[:, -1] *= 0.1
    if dead is not None:
        Y[0, dead] = 0
    return X, Y @ RNG.random((d + 2, n)), Y @ Y.mT


def descended(X, N, G, l1, l2):
    """Each row after the other moved to the minimum, and what its gradient violated before."""
    X, met = X.copy(), np.zeros(len(X))
    for run, (x, g) in enumerate(zip(X, G, strict=True)):
        for k in range(len(g)):
            gradient = g[k] @ x - N[run, k] + l1 + l2 * x[k]
            met[run] += np.abs(np.where(x[k] > 0, gradient, np.minimum(gradient, 0))).sum()
            if g[k, k] + l2 > 0:
                x[k] = np.maximum(x[k] - gradient / (g[k, k] + l2), 0)
    return X, met


@pytest.mark.parametrize("l2", [None, L2])
@pytest.mark.parametrize(("d", "n"), [(19, 5), (17, 15430)])
def test_descent_takes_row_after_row_to_its_minimum(d, n, l2):
    """Whether they fill one block of rows and columns or more; what is dead stays as it is."""
    X, N, G = problem(d, n, dead=3)
    X[:, 1] = 0
    before = X.copy()
    new, met = telling_hals(LIBRARY, *there(X), Quadratic(*there(N, G)), Penalty(L1, l2))
    expected, violation = descended(X, N, G, L1, l2 or 0)
    np.testing.assert_allclose(here(new), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(here(met), violation, rtol=1e-9)
    np.testing.assert_array_equal(X, before)
    assert l2 or (expected[0, 3] == before[0, 3]).all()


@pytest.mark.parametrize("l2", [None, L2])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradient_steps_with_the_momentum_of_nesterov(steps, l2):
    """t² − t of each step is the square of the t before; the step is one by the largest row sum."""
    X, N, G = problem(3, 7)
    N, G = 0.01 * N, 0.01 * G  # so that a sum is less than 1
    G[:, 0, 1] = G[:, 1, 0] = -G[:, 0, 1]  # sums of what rows are in size
    G[1] *= 50
    rule = SOLVERS["apg"].make(steps)
    found = here(rule(LIBRARY, *there(X), Quadratic(*there(N, G)), Penalty(0.01, l2)))
    for run in range(2):
        H = G[run] + (l2 or 0) * np.eye(3)
        L = max(sum(abs(h) for h in row) for row in H)
        x, ahead, t = X[run], X[run], 1.0
        for _ in range(steps):
            new = np.maximum(ahead - (H @ ahead - N[run] + 0.01) / L, 0)
            after = max(np.roots([1, -1, -(t**2)]))
            ahead, x, t = new + (t - 1) / after * (new - x), new, after
        np.testing.assert_allclose(found[run], x, rtol=1e-12)


@pytest.mark.parametrize("solver", ["apg", "hals", "bpp"])
def test_a_run_whose_other_factor_is_zero_is_no_matter(solver):
    """It stays as it is, or is zero where that is the minimum; in the other one X moves."""
    X, N, G = problem(3, 4)
    N[0], G[0] = 0, 0
    rule = SOLVERS[solver].make(1)
    found = here(rule(LIBRARY, *there(X), Quadratic(*there(N, G)), Penalty(L1)))
    assert (found[1] != X[1]).any(axis=1).all()
    np.testing.assert_array_equal(found[0], 0 * X[0] if solver == "bpp" else X[0])


@pytest.mark.parametrize("power", [1, 0.5, 2])
@pytest.mark.parametrize("l2", [None, L2])
def test_multiplicative_updates(power, l2):
    """The parts' ratio, the penalty in its denominator, to the power that the loss asks for."""
    X, N, D = (RNG.random((2, 3, 5)) + 0.1 for _ in range(3))
    new = lee_seung(LIBRARY, *there(X), split(power)(*there(N, D)), Penalty(L1, l2))
    expected = X * (N / (D + L1 + (l2 or 0) * X)) ** power
    np.testing.assert_allclose(here(new), expected, rtol=1e-14)


def test_a_rule_once_is_that_rule():
    assert while_it_pays(lee_seung, 1) is lee_seung
    assert while_it_pays(lee_seung, 2) == repeated.Repeated(lee_seung, 2)


def test_repeats_flush_what_is_less_than_a_normal_number():
    """As compilers do, so that all backends agree; the smallest normal number stays."""
    least = np.finfo("float64").smallest_normal
    X, new = np.ones((1, 1, 4)), np.array([[[0.5, least, least / 2, 0]]])
    going, first = np.array([True]), np.array([-1.0])
    found, going, first = repeated.accept_where_going(LIBRARY, *there(X, new, going, first), 0.01)
    np.testing.assert_array_equal(here(found), [[[0.5, least, 0, 0]]])
    assert here(going).tolist() == [True]
    assert here(first) == pytest.approx(0.25 + 3)


def test_a_run_whose_repeats_ended_stays_as_it_is():
    """Though others go on: those that moved a tenth of what they first did, and no less."""
    X = np.ones((4, 1, 2))
    new = X + np.array([0.11, 0.09, 0.11, 0.09])[:, None, None] * [1, 0]
    going, first = np.array([True, True, False, True]), np.array([1.0, 1, 1, -1])
    found, on, moved = repeated.accept_where_going(LIBRARY, *there(X, new, going, first), 0.01)
    np.testing.assert_array_equal(here(found), np.where(going[:, None, None], new, X))
    assert here(on).tolist() == [True, False, False, True]
    np.testing.assert_allclose(here(moved), [1, 1, 1, 0.09**2], rtol=1e-12)


@pytest.mark.parametrize("systems", [1, 40, 2**24])
def test_systems_are_solved_in_blocks_as_at_once(monkeypatch, systems):
    """Of each column those equations and unknowns alone that are passive there."""
    monkeypatch.setattr(pivoting, "SYSTEMS", systems)
    monkeypatch.setattr(pivoting, "BLOCKS", 4)
    _, N, G = problem(3, 11)
    F, going = RNG.random(N.shape) < 0.6, np.ones((2, 11), bool)
    found = here(pivoting.solve_passive(LIBRARY, *there(G, N, F, going)))
    for run, column in np.ndindex(2, 11):
        f = F[run, :, column]
        expected = np.zeros(3)
        expected[f] = np.linalg.solve(G[run][np.ix_(f, f)], N[run, f, column])
        np.testing.assert_allclose(found[run, :, column], expected, rtol=1e-9)


def test_the_exact_half_step_with_components_that_are_zero_or_equal():
    """Where its system is singular: as good as the best there is, in every column."""
    Y, A = RNG.random((2, 4, 6)), RNG.random((6, 9))
    Y[0, 1], Y[1, 2] = 0, Y[1, 3]
    new = here(
        pivoting.block_principal_pivoting(
            LIBRARY, *there(RNG.random((2, 4, 9))), Quadratic(*there(Y @ A, Y @ Y.mT)), Penalty()
        )
    )
    assert (new >= 0).all()
    for run, column in np.ndindex(2, 9):
        least = nnls(Y[run].T, A[:, column])[1]
        found = np.linalg.norm(A[:, column] - Y[run].T @ new[run, :, column])
        assert found == pytest.approx(least, abs=1e-7)
