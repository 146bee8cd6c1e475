"""The parts of the KKT residual by their definitions, and what coordinate descent met."""

import numpy as np
import pytest
from plain import Plain

from nmf_accel import backends
from nmf_accel.losses import NONE, Penalty, Quadratic, kkt, squares, violation2
from nmf_accel.types import Squares

RNG = np.random.default_rng(0)
RUNS, D, N = 2, 4, 6
LIBRARIES = {"generic": Plain(), "NumPy's": backends.get("numpy")}
PENALTIES = [NONE, Penalty(0.3), Penalty(0.2, 0.7)]


@pytest.fixture(params=LIBRARIES)
def library(request):
    return LIBRARIES[request.param]


def a_model():
    """With entries of X that are zero, and rows without any curvature; gradients of both signs."""
    X, Y = RNG.random((RUNS, D, N)), RNG.random((RUNS, D, 8))
    X[X < 0.3], X[1, 2], Y[0, 1], Y[1, 3] = 0, 0, 0, 0
    minus = 2 * RNG.random(X.shape)
    minus[1, 3] = 0.01  # so that there penalties alone make the gradient positive
    return X, Quadratic(minus, Y @ Y.mT)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_squares_are_those_of_the_definition(penalty, library):
    X, model = a_model()
    found = squares(library, X, model, penalty)
    l1, l2 = penalty.l1, penalty.l2 or 0
    violation = np.zeros((RUNS, D))
    for r, k, j in np.ndindex(X.shape):
        gradient = model.G[r, k] @ X[r, :, j] - model.N[r, k, j] + l1 + l2 * X[r, k, j]
        steep = model.G[r, k, k] + l2
        room = min(gradient, steep * X[r, k, j] if steep else (gradient if X[r, k, j] else 0))
        violation[r, k] += room * (2 * gradient - room)
    np.testing.assert_allclose(found.violation, violation, rtol=1e-12)
    np.testing.assert_allclose(found.data, (model.N**2).sum(axis=2), rtol=1e-12)
    np.testing.assert_allclose(found.factor, (X**2).sum(axis=2), rtol=1e-12)
    total = violation2(library, X, model, penalty)
    np.testing.assert_allclose(total, violation.sum(axis=1), rtol=1e-12)
    assert total.shape == (RUNS,)


def test_of_a_factor_of_which_nothing_is_learned_its_size_alone_counts(library):
    X, _ = a_model()
    violation, data, size = squares(library, X, None)
    np.testing.assert_array_equal(violation, np.zeros((RUNS, D)))
    np.testing.assert_array_equal(data, violation)
    np.testing.assert_allclose(size, (X**2).sum(axis=2), rtol=1e-12)


def test_both_factors_have_their_own_models_and_penalties(library):
    (H, of_H), (Wt, of_W) = a_model(), a_model()
    found = kkt.both_squares(library, H, Wt, (of_H, of_W), PENALTIES[1:])
    expected = squares(library, H, of_H, PENALTIES[1]), squares(library, Wt, of_W, PENALTIES[2])
    np.testing.assert_array_equal(found, expected)


def balanced(of_H, of_W):
    """The residual of one run by its definition, component by component."""
    h, w = np.sqrt(of_H.factor), np.sqrt(of_W.factor)
    p = h * w
    least = 0.01 * p.mean() if p.any() else 1
    totals = np.zeros(2)
    for k, size in enumerate(np.maximum(p, least)):
        for squares_of, own, other in ((of_H, h[k], w[k]), (of_W, w[k], h[k])):
            weight = size / other**2 if other else own**2 / size
            totals += weight * np.array([squares_of.violation[k], squares_of.data[k]])
    return np.sqrt(totals[0] / (totals[1] or 1))


SIZES = {
    "alike": (np.ones(3), np.ones(3)),
    "shared out": (np.array([1e-3, 7.0, 1e2]), np.array([2e3, 0.1, 3e-2])),
    "one of them small": (np.array([1.0, 1e-2, 3.0]), np.array([1.0, 1e-3, 2.0])),
    "one zero in H": (np.array([1.0, 0.0, 3.0]), np.array([0.2, 2.0, 0.3])),
    "one zero in both": (np.array([1.0, 0.0, 3.0]), np.array([0.2, 0.0, 0.3])),
    "small ones": (np.array([1e-3, 1e-5, 2e-3]), np.array([1e-3, 3e-3, 0.0])),
    "H zero": (np.zeros(3), np.array([0.2, 2.0, 0.3])),
    "nothing at all": (np.zeros(3), np.zeros(3)),
}


@pytest.mark.parametrize("sizes", SIZES)
def test_the_residual_is_that_of_balanced_components(sizes, library):
    """Of two runs, each by itself: one with other components than the other."""
    runs = [[Squares(*RNG.random((2, 3)), x**2) for x in SIZES[one]] for one in (sizes, "alike")]
    both = [Squares(*map(np.stack, zip(*half, strict=True))) for half in zip(*runs, strict=True)]
    found = kkt.residual(library, *both)
    np.testing.assert_allclose(found, [balanced(*run) for run in runs], rtol=1e-12)


@pytest.mark.parametrize("violation", [0.0, 0.5])
def test_without_data_the_residual_is_what_is_violated(violation, library):
    """So that it is zero where penalties leave nothing, and not 0 / 0."""
    no_data = Squares(np.full((1, 3), violation), np.zeros((1, 3)), np.ones((1, 3)))
    np.testing.assert_allclose(kkt.residual(library, no_data, no_data), np.sqrt(6 * violation))


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_descent_met_each_row_with_those_before_it_new(penalty):
    old, model = a_model()
    new = RNG.random((RUNS, D, N))
    old[0, 0, :3] = 0, 1e-310, np.finfo(float).smallest_normal  # the last one counts as positive
    expected = np.zeros(RUNS)
    for r, k, j in np.ndindex(old.shape):
        seen = np.r_[new[r, :k, j], old[r, k:, j]]
        gradient = model.G[r, k] @ seen - model.N[r, k, j] + penalty.l1
        gradient += (penalty.l2 or 0) * old[r, k, j]
        if old[r, k, j] >= np.finfo(float).smallest_normal or gradient < 0:
            expected[r] += abs(gradient)
    found = kkt.descent_violation(LIBRARIES["generic"], old, new, model, penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_descent_met_of_zeros_is_what_would_raise_them():
    """Whatever the size of the gradient, and NaN is no less seen there."""
    old = np.zeros((1, 1, 5))
    minus = -np.array([[[0.5, -0.5, 2.0, -2.0, 0.0]]])
    met = [Quadratic(minus, np.ones((1, 1, 1))), Quadratic(minus * np.nan, np.ones((1, 1, 1)))]
    found = [kkt.descent_violation(LIBRARIES["generic"], old, old, model)[0] for model in met]
    assert found[0] == 2.5
    assert np.isnan(found[1])
