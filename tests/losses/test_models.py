"""The models that rules are given: their parts, some of their rows and columns, with penalties."""

import numpy as np
import pytest
from plain import Plain

from nmf_accel.losses import NONE, Penalty, Quadratic, Split
from nmf_accel.losses.models import Beside, split

RNG = np.random.default_rng(0)
RUNS, D, N = 2, 5, 7
LIBRARY = Plain()
X, PARTS = RNG.random((RUNS, D, N)), RNG.random((RUNS, D, N))
Y = RNG.random((RUNS, D, 9))
G = Y @ Y.mT
FREE, HELD = np.array([3, 0, 2]), np.array([4, 1])
QUADRATIC = Quadratic(PARTS, G)
BLOCK = slice(2, 5)


def gradient(model, X):
    """What a rule makes of a model."""
    return model.plus(LIBRARY, X) - model.minus()


@pytest.fixture
def beside():
    """The free rows, beside those that are held."""
    return QUADRATIC.of_some(LIBRARY, X, FREE, HELD)


def test_the_gradient_of_some_rows_is_that_of_all(beside):
    """With the others where they are, wherever the free ones go."""
    np.testing.assert_allclose(gradient(beside, X[:, FREE]), gradient(QUADRATIC, X)[:, FREE])
    moved = X.copy()
    moved[:, FREE] = RNG.random((RUNS, 3, N))
    expected = gradient(QUADRATIC, moved)[:, FREE]
    np.testing.assert_allclose(gradient(beside, moved[:, FREE]), expected)
    np.testing.assert_array_equal(beside.minus(), PARTS[:, FREE])
    np.testing.assert_allclose(gradient(beside.joined(), moved[:, FREE]), expected)


def test_some_of_some_rows_are_as_if_taken_at_once(beside):
    fewer = beside.of_some(LIBRARY, X[:, FREE], np.array([2, 0]), np.array([1]))
    at_once = QUADRATIC.of_some(LIBRARY, X, FREE[[2, 0]], np.array([4, 1, FREE[1]]))
    for found, expected in zip(fewer, at_once, strict=True):
        np.testing.assert_allclose(found, expected)
    none = QUADRATIC.of_some(LIBRARY, X, np.arange(D), np.arange(0))
    np.testing.assert_array_equal(gradient(none, X), gradient(QUADRATIC, X))


def test_curvature_is_how_the_gradient_of_an_entry_grows(beside):
    for model, x in ((QUADRATIC, X), (beside, X[:, FREE])):
        found = model.curvature(LIBRARY, x)
        assert found.shape == (*x.shape[:2], 1)
        for k in range(x.shape[1]):
            more = x.copy()
            more[:, k] += 1
            grown = (gradient(model, more) - gradient(model, x))[:, k]
            np.testing.assert_allclose(grown, found[:, k] + 0 * grown)


PENALTIES = [Penalty(), Penalty(0.3), Penalty(0.3, 0.7), Penalty(0.0, 0.7)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_a_penalty_joins_a_quadratic(penalty, beside):
    for model, x in ((QUADRATIC, X), (beside, X[:, FREE])):
        joined = model.with_penalty(LIBRARY, penalty)
        expected = gradient(model, x) + penalty.l1 + (penalty.l2 or 0) * x
        np.testing.assert_allclose(gradient(joined, x), expected, atol=1e-12)
        np.testing.assert_allclose(gradient(model, x) + penalty.gradient(x), expected, atol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_what_a_penalty_costs_is_the_sum_of_its_gradient(penalty):
    expected = [penalty.l1 * x.sum() + (penalty.l2 or 0) / 2 * (x**2).sum() for x in X]
    found = penalty.value(LIBRARY, X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == np.float64


def test_without_a_penalty_there_is_nothing_to_pay():
    np.testing.assert_array_equal(NONE.value(LIBRARY, X), np.zeros(RUNS))
    assert NONE.gradient(X) == 0


def test_float32_stays_float32():
    single = Quadratic(PARTS.astype("float32"), G.astype("float32"))
    assert single.with_penalty(LIBRARY, Penalty(0.3, 0.7)).G.dtype == np.float32
    of_split = Split(*(PARTS.astype("float32"),) * 2)
    assert of_split.curvature(LIBRARY, X.astype("float32")).dtype == np.float32


@pytest.mark.parametrize("width", [1, N])
@pytest.mark.parametrize("rows", [1, D])
def test_columns_and_rows_of_a_split_are_those_of_its_parts(width, rows):
    """Also where what is added is alike for all columns."""
    added = RNG.random((RUNS, rows, width))
    model = split(0.5)(PARTS[:, :rows], added)
    some = model.columns(BLOCK)
    assert type(some) is type(model)
    np.testing.assert_array_equal(some.minus(), PARTS[:, :rows, BLOCK])
    whole = np.broadcast_to(added, (RUNS, rows, N))
    np.testing.assert_array_equal(some.plus(LIBRARY, X), whole[..., BLOCK])
    if rows == D:
        learned = model.of_some(LIBRARY, X, FREE, HELD)
        np.testing.assert_array_equal(learned.minus(), PARTS[:, FREE])
        np.testing.assert_array_equal(learned.plus(LIBRARY, X), whole[:, FREE])
        assert learned.power == 0.5


def test_columns_of_a_quadratic_are_those_of_its_gradient(beside):
    for model, x in ((QUADRATIC, X), (beside, X[:, FREE])):
        found = gradient(model.columns(BLOCK), x[..., BLOCK])
        np.testing.assert_allclose(found, gradient(model, x)[..., BLOCK])


def test_where_no_more_is_known_curvature_is_that_of_what_is_added_as_a_multiple_of_x():
    x, added = 0.01 * X, RNG.random((RUNS, D, N))
    x[1, 2], x[0, 3], added[0, 3] = 0, 0, 0
    found = Split(PARTS, added).curvature(LIBRARY, x)
    sizes = np.linalg.norm(x, axis=2, keepdims=True)
    ratio = np.linalg.norm(added, axis=2, keepdims=True) / np.where(sizes, sizes, np.inf)
    np.testing.assert_allclose(found, ratio, rtol=1e-12)
    assert found[1, 2] == found[0, 3] == 0, "a row that is zero has none"


def test_the_power_of_an_update_is_one_but_where_a_loss_says_otherwise(beside):
    for model in (QUADRATIC, beside, Split(PARTS, PARTS)):
        assert model.power == 1
    assert isinstance(beside, Beside)
    assert split(0.25)(PARTS, PARTS).power == 0.25
