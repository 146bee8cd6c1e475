"""What a loss says of itself, and what its author need not say; numbers of the β-divergences."""

import numpy as np
import pytest
from plain import Plain
from toys import KullbackLeibler

from nmf_accel import nmf
from nmf_accel.losses import FROBENIUS, WEIGHTED_SQUARES, Divergence, Loss, Split
from nmf_accel.matrices import Dense, Weighted

RNG = np.random.default_rng(0)
A = RNG.random((4, 3)) + 0.2
MATRIX = Dense(A, Plain())
DTYPES = [np.dtype("float32"), np.dtype("float64")]


class Sum(Loss):
    """Σ W H, which no one would minimize; it says nothing of itself that it need not."""

    model_type = Split

    def model(self, A, facts, Y, X, carried=()):
        raise NotImplementedError

    def value(self, A, facts, H, Wt):
        return (Wt.mT @ H).sum(axis=(1, 2))


def test_an_author_need_not_say_that_a_loss_is_plain():
    """Each of its steps is on its own, of A as it is, dense or sparse, zeros or not."""
    loss = Sum()
    said = loss.exact, loss.repeatable, loss.by_columns, loss.arranges, loss.positive
    assert said == (False,) * 5
    assert loss.takes_sparse
    assert loss.degree is None
    assert [loss.reach(dtype) for dtype in DTYPES] == [0, 0], "any entry of W H will do"
    assert loss.trusts(np.zeros(2), ())
    assert loss.direct() is loss
    H, Wt = RNG.random((2, 2, 3)), RNG.random((2, 2, 4))
    carried, value = loss.settle(MATRIX, (), H, Wt, None, record=True)
    np.testing.assert_array_equal(value, loss.value(MATRIX, (), H, Wt))
    assert carried == ()
    assert loss.settle(MATRIX, (), H, Wt, None, record=False) == ((), None)


def test_errors_are_relative_to_that_of_the_mean():
    """W H is the mean of A there, in the dtype of A."""
    assert Sum().norm(MATRIX, 2.5) == pytest.approx(2.5 * A.size)
    mean = float(A.mean())
    expected = (A * np.log(A / mean) - A + mean).sum()
    assert KullbackLeibler().norm(MATRIX, mean) == pytest.approx(expected, rel=1e-6)
    assert Divergence(1.0).norm(MATRIX, mean) == pytest.approx(np.sqrt(2 * expected), rel=1e-9)


def test_the_memory_of_a_loss_grows_with_runs_components_and_the_longer_side():
    one = Sum().scratch(1, 1, 5, 9)
    assert one >= 9, "a factor at least"
    assert Sum().scratch(3, 1, 9, 5) == 3 * one
    assert Sum().scratch(1, 2, 5, 9) == 2 * one
    assert Sum().scratch(1, 1, 90, 1) == 10 * one
    assert FROBENIUS.scratch(2, 5, 90, 1) == 3 * 2 * 5**2, "three Gram matrices of each run"


def test_rounding_moves_a_value_by_some_eps_of_it():
    for dtype in DTYPES:
        matrix, values = Dense(A.astype(dtype), Plain()), np.array([0.0, 3.0, 1e9])
        few = Sum().rounding(matrix, (), values) / np.finfo(dtype).eps
        assert (values <= few).all()
        assert (few <= 16 * values).all()


def test_delta_grows_with_a_and_its_weights():
    """So that c A and c times the weights give the same fit."""
    assert Sum().delta(MATRIX, 1.0) == 1e-9
    assert Sum().delta(MATRIX, 4.0) == pytest.approx(8e-9)
    weighted = Weighted(A, Plain(), np.where(A > 0.5, 3.0, 0.5))
    for loss in (Sum(), FROBENIUS, WEIGHTED_SQUARES):
        assert loss.delta(weighted, 4.0) == pytest.approx(24e-9)


@pytest.mark.parametrize(
    ("beta", "power"),
    [(-1, 1 / 3), (0, 1 / 2), (0.5, 2 / 3), (1, 1), (1.7, 1), (2, 1), (2.5, 2 / 3), (4, 1 / 3)],
)
def test_the_power_of_an_update_is_that_of_fevotte_and_idier(beta, power):
    """1 / (2 − β) below β = 1, 1 / (β − 1) above 2, and 1 between."""
    assert Divergence(beta).power == pytest.approx(power)
    assert Divergence(beta).model_type(A, A).power == pytest.approx(power)


@pytest.mark.parametrize("beta", [-3, 0, 0.9, 1, 1.5, 3])
def test_which_matrices_a_divergence_takes(beta):
    """At β = 1 alone sparse ones; where d(0 | p) is infinite, none with zeros."""
    assert Divergence(beta).takes_sparse is (beta == 1)
    assert Divergence(beta).positive is (beta <= 0)
    assert Divergence(beta).degree == beta


@pytest.mark.parametrize("loss", [FROBENIUS, WEIGHTED_SQUARES, *map(Divergence, (0, 0.5, 1, 3))])
def test_a_loss_grows_with_the_scale_to_the_power_of_its_degree(loss):
    H, Wt = RNG.random((1, 2, 3)) + 0.1, RNG.random((1, 2, 4)) + 0.1
    one, other = (
        loss.value(Weighted(t * A, Plain(), np.ones_like(A)), (0.0,), t * H, Wt) for t in (1, 3)
    )
    assert other[0] == pytest.approx(3**loss.degree * one[0])


@pytest.mark.parametrize("more", [{}, {"weights": A > 0.3}], ids=["plain", "weights"])
def test_a_rule_may_be_repeated_with_a_model_of_least_squares(more):
    """It bounds the loss, which so never rises."""
    errors = nmf(A, 2, max_iter=20, inner=5, backend="numpy", **more).errors
    assert (np.diff(errors) <= 1e-13 * errors[0]).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("beta", [-3, 0, 0.5, 0.9])
def test_the_least_entry_of_a_product_has_the_powers_that_are_needed(beta, dtype):
    """With room for what is multiplied with them and added up."""
    largest = float(np.finfo(dtype).max)
    reach = Divergence(beta).reach(dtype)
    assert 0 < reach < 1
    assert largest**0.7 < reach ** (beta - 2) < largest**0.8


def test_where_no_power_is_large_any_entry_will_do():
    assert [Divergence(beta).reach(DTYPES[0]) for beta in (1, 1.5, 3)] == [0, 0, 0]


@pytest.mark.parametrize("beta", [-3, 0.9, 1, 1.5])
@pytest.mark.parametrize("zeros", [False, True])
def test_what_is_reckoned_with_is_a_small_part_of_the_mean_or_the_least_entry(beta, zeros):
    """Of the mean where small entries count little, else of the least that is positive."""
    B = np.where(A.min() < A, 2 * A, 0 if zeros else A)
    for dtype in DTYPES:
        (found,) = Divergence(beta).facts(Dense(B.astype(dtype), Plain()), float(B.mean()))
        least = 1e-9 * B[B > 0].min()
        expected = max(least, Divergence(beta).reach(dtype)) if beta < 1 else 1e-9 * B.mean()
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_error_of_a_divergence_is_the_root_of_its_value():
    """Zero where rounding makes that negative."""
    found = Divergence(1.0).errors(np.array([-1e-20, 0.0, 0.25, 9.0]))
    np.testing.assert_array_equal(found, [0, 0, 0.5, 3])
