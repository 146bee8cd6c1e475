"""Compiled walks with thin factors, held against what the core makes of rules and models."""

import numpy as np
import pytest

from nmf_accel import backends
from nmf_accel.backends.numpy_backend import threads
from nmf_accel.core.extrapolated import moved_on
from nmf_accel.losses import NONE, Penalty, Quadratic
from nmf_accel.losses.kkt import descent_violation
from nmf_accel.matrices import Dense
from nmf_accel.solvers.descent import descend
from nmf_accel.solvers.multiplicative import lee_seung

thin = pytest.importorskip("nmf_accel.backends.numpy_backend.thin")
compiled_walk = pytest.importorskip("nmf_accel.backends.numpy_backend.compiled_walk")
NUMPY = backends.get("numpy")
CLOSE = {"float64": 1e-12, "float32": 2e-4}
TILE, DEEP = compiled_walk.TILE, compiled_walk.DEEP

SHAPES = [  # d, m, n: rows of factors in fours and beyond, sides around those of tiles
    (1, 16, 128),
    (3, 17, TILE - 1),
    (4, DEEP, TILE),
    (5, DEEP + 1, TILE + 1),
    (6, 50, 2 * TILE + 3),
    (8, 2 * DEEP + 3, 130),
    (11, 21, 300),
]


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 3])
def crew(request):
    """Within, so many threads walk."""
    with threads.crew(request.param) as crew, threads.within(threads.walking, crew):
        yield crew


def problem(d, m, n, dtype, order, runs=2):
    """A, Y and X with zeros in it, and a dead component in the first run."""
    rng = np.random.default_rng(d)
    A = np.asarray(rng.random((m, n)), dtype, order=order)
    Y, X = rng.random((runs, d, m)), rng.random((runs, d, n))
    Y[0, d // 2] = 0
    X[rng.random(X.shape) < 0.3] = 0
    return Dense(A, NUMPY), Y.astype(dtype), X.astype(dtype)


def expected(multiplicative, A, Y, X, penalty):
    """X as the rule moves it."""
    model = Quadratic(A.left(Y), Y @ Y.mT)
    return (lee_seung if multiplicative else descend)(NUMPY, X, model, penalty)


def check(found, wanted, dtype):
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=CLOSE[dtype], atol=CLOSE[dtype] * scale)


@pytest.mark.parametrize("penalty", [Penalty(0.1), Penalty(0.3, 0.7)], ids=str)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("multiplicative", [False, True], ids=["descent", "mu"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestWalk:
    def test_it_moves_and_makes_the_other_model(
        self, shape, multiplicative, order, penalty, dtype, crew
    ):
        A, Y, X = problem(*shape, dtype, order)
        before = X.copy()
        G = Y @ Y.mT
        found = thin.walk(multiplicative, NUMPY, A, Y, G, X, penalty, None)
        check(found.new, expected(multiplicative, A, Y, X, penalty), dtype)
        assert found.further is found.new
        check(found.N, A.T.left(found.new), dtype)
        check(found.G, found.new @ found.new.mT, dtype)
        assert np.array_equal(X, before)
        assert found.new.dtype == found.N.dtype == found.G.dtype == X.dtype
        if not multiplicative:
            model = Quadratic(A.left(Y), G)
            met = descent_violation(NUMPY, X, found.new, model, penalty)
            np.testing.assert_allclose(found.told, met, rtol=10 * CLOSE[dtype])
            assert found.told.dtype == np.float64

    def test_it_moves_on(self, shape, multiplicative, order, penalty, dtype, crew):
        A, Y, X = problem(*shape, dtype, order)
        last, push = np.roll(X, 1, axis=2), np.asarray([0.0, 0.7])
        found = thin.walk(multiplicative, NUMPY, A, Y, Y @ Y.mT, X, penalty, (last, push))
        check(found.new, expected(multiplicative, A, Y, X, penalty), dtype)
        check(found.further, moved_on(NUMPY, found.new, last, push), dtype)
        check(found.N, A.T.left(found.further), dtype)
        check(found.G, found.further @ found.further.mT, dtype)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_residual_of_a_walk(shape, order, dtype, crew):
    A, Y, X = problem(*shape, dtype, order)
    found = thin.residual2(NUMPY, A, Y, X)
    rest = np.asarray(A.array, np.float64) - np.asarray(Y.mT, np.float64) @ X
    np.testing.assert_allclose(found, (rest**2).sum(axis=(1, 2)), rtol=10 * CLOSE[dtype])


def test_where_nobody_walks_there_is_none():
    A, Y, X = problem(3, 20, 200, "float64", "C")
    assert thin.walk(False, NUMPY, A, Y, Y @ Y.mT, X, NONE, None) is None
    assert thin.residual2(NUMPY, A, Y, X) is None


@pytest.mark.parametrize("multiplicative", [False, True])
def test_what_is_no_number_stays_none_and_no_more_than_its_column(multiplicative, dtype):
    A, Y, X = problem(4, 20, 300, dtype, "C", runs=1)
    Y[:] += 0.1
    A.array[3, 7] = np.nan
    with threads.within(threads.walking, threads.Crew()):
        found = thin.walk(multiplicative, NUMPY, A, Y, Y @ Y.mT, X, Penalty(0.1), None)
    assert np.isnan(found.new[0, :, 7]).any()
    assert np.isfinite(np.delete(found.new, 7, axis=2)).all()
    assert np.isnan(found.N).any()


@pytest.mark.parametrize("order", "CF")
def test_factors_may_lie_in_any_order(order, dtype):
    A, Y, X = problem(5, 40, 300, dtype, order)
    turned = (np.asarray(x.mT, order="C").mT for x in (Y, X))
    with threads.within(threads.walking, threads.Crew()):
        found = thin.walk(False, NUMPY, A, Y, Y @ Y.mT, X, NONE, None)
        again = thin.walk(False, NUMPY, A, next(turned), Y @ Y.mT, next(turned), NONE, None)
    assert np.array_equal(found.new, again.new)
    assert np.array_equal(found.N, again.N)
