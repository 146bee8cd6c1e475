"""The scale of A in numbers: what goes inside comes out again, and up to which number."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import backends, nmf
from nmf_accel.core import Scale, near_one, order_of
from nmf_accel.core.scale import divided, shifted
from nmf_accel.losses import NONE, Penalty, loss_called
from nmf_accel.matrices import RawDense, RawSparse

RNG = np.random.default_rng(0)
NUMPY = backends.get("numpy")
F32, F64 = np.dtype("float32"), np.dtype("float64")
ITAKURA = loss_called("itakura-saito")


def raw(A):
    """A as it lies with the caller."""
    return RawDense(np.asarray(A), NUMPY)


def divergence(A, P, beta):
    """Σ d(A | P), by its definitions."""
    if beta == 0:
        return (A / P - np.log(A / P) - 1).sum()
    if beta == 1:
        return (A * np.log(A / P) - A + P).sum()
    terms = A**beta + (beta - 1) * P**beta - beta * A * P ** (beta - 1)
    return terms.sum() / (beta * (beta - 1))


@pytest.mark.parametrize("order", [-3, 5])
@pytest.mark.parametrize("degree", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_objective_inside_is_the_same_but_for_its_unit(degree, order):
    scale, c = Scale(order, degree), 2.0**order
    W, H, A = RNG.random((5, 2)) + 0.1, RNG.random((2, 4)) + 0.1, RNG.random((5, 4)) + 0.1
    outside = Penalty(0.3, 0.7), Penalty(0.2, None)
    inside = scale.penalties_inside(outside)
    assert inside[1].l2 is None

    def parts(A, W, H, penalties):
        """The loss, and each penalty."""
        on_H, on_W = penalties
        squares = 0.5 * (on_H.l2 or 0) * (H**2).sum()
        return divergence(A, W @ H, degree), on_H.l1 * H.sum(), squares, on_W.l1 * W.sum()

    there = parts(A / c**2, scale.factor_inside(W), scale.factor_inside(H), inside)
    here = parts(A, W, H, outside)
    np.testing.assert_allclose(np.array(here), c ** (2 * degree) * np.array(there), rtol=1e-12)
    error = scale.errors_outside(np.sqrt(2 * there[0]))
    assert error == pytest.approx(np.sqrt(2 * here[0]), rel=1e-12)
    assert scale.norm_outside(np.sqrt(2 * there[0])) == error
    assert scale.l1_outside(inside[0].l1) == pytest.approx(0.3, rel=1e-12)
    np.testing.assert_array_equal(scale.factor_outside(scale.factor_inside(W)), W)


def test_without_a_scale_all_stays_the_same_object():
    scale, penalties, X = Scale(), (Penalty(0.1), NONE), RNG.random((2, 3))
    assert scale.penalties_inside(penalties) is penalties
    assert scale.factor_inside(X) is scale.factor_outside(X) is scale.errors_outside(X) is X
    assert scale.degree == 2, "that of least squares"


def test_a_power_of_two_need_not_be_whole_nor_a_number():
    assert shifted(3.0, 0.5) == pytest.approx(3 * 2**0.5, rel=1e-15)
    assert shifted(3.0, -1.25) == pytest.approx(3 / 2**1.25, rel=1e-15)
    with np.errstate(all="raise"):
        assert shifted(2.0**-1000, 1500.5) == pytest.approx(2.0**500.5, rel=1e-12)
        assert shifted(2.0**1000, -1500) == 2.0**-500
        assert (shifted(1.0, 1100), shifted(1.0, -1100)) == (np.inf, 0)
    np.testing.assert_array_equal(shifted(np.array([1.0, 3.0]), 2), [4, 12])


def test_errors_that_are_no_numbers_outside_are_refused_and_others_told_as_they_are():
    scale = Scale(100)
    with pytest.raises(FloatingPointError, match=r"A is so large .*\(2\^200 times 7e\+250\)"):
        scale.errors_outside(np.array([1.0, np.nan, 7e250]))
    found = scale.errors_outside(np.array([np.inf, 0.0, 1.0]))  # what overflowed is no news
    assert found.tolist() == [np.inf, 0, 2.0**200]


def test_a_norm_must_have_its_digits_outside():
    least = np.ldexp(1.0, -1022 + 20)
    assert Scale(-250).norm_outside(least * 2.0**500) == least
    with pytest.raises(FloatingPointError, match="A is so small that its errors are no numbers"):
        Scale(-250).norm_outside(np.nextafter(least, 0) * 2.0**500)
    assert Scale(-250).norm_outside(0.0) == 0
    assert Scale().norm_outside(least / 4) == least / 4, "which the caller's own are"


@pytest.mark.parametrize("name", ["W", "H"])
def test_a_component_that_is_no_number_outside_is_named(name):
    def outside(order, *sizes):
        """Of three components, each of which is of that size in one factor at most."""
        X = np.array(sizes, dtype="float32")[:, None] * np.array([0.5, 1, 0.25, 0.1], "float32")
        other = np.ones((3, 5), dtype="float32")
        W, H = (X.T, other) if name == "W" else (other.T, X)
        return Scale(order).factors_outside(NUMPY, W, H)["WH".index(name)]

    least, most = 2.0**-126, float(np.finfo("float32").max)
    assert outside(-60, 1, least * 2.0**60, 0).max() == 2.0**-60, "one that is zero is one"
    with pytest.raises(FloatingPointError, match=rf"component 1 of {name} is so small"):
        outside(-60, 1, least * 2.0**59, 1)
    assert outside(60, 1, 1, most / 2.0**60).max() == np.float32(most)
    with pytest.raises(FloatingPointError, match=rf"component 2 of {name} is so large.*2.72e"):
        outside(60, 1, 1, 2.0**71)
    assert outside(0, 1, 2.0**-140, 0).max() == 1, "what was given small is left so"


def test_how_far_a_may_be_from_one():
    def of(power, dtype=F32, **more):
        return order_of(2.0**power, 2.0**power, dtype, **more)

    assert [of(x) for x in (-26, -25, -24, 0, 24, 25, 26)] == [-13, -12, 0, 0, 0, 12, 13]
    assert [of(x, F64) for x in (-202, -201, -200, 200, 201)] == [-101, -100, 0, 0, 100]
    # Powers of the entries count, which least squares' own are.
    assert [of(x, degree=3.0) for x in (-18, -16, 16, 18)] == [-9, 0, 0, 9]
    assert [of(x, degree=0.5) for x in (-24, 24, 26)] == [0, 0, 13]


def test_small_entries_are_kept_from_the_border_of_what_a_loss_takes():
    def of(least, largest, reach=-40):
        return order_of(2.0**least, 2.0**largest, F32, 0.0, 2.0**reach)

    assert of(-30, 0) == of(0, 20) == of(-30, 24) == 0, "there is room"
    assert of(-31, -1) == -8, "the middle of both comes near 1"
    assert of(0, 30) == 15, "the largest comes near 1"
    assert of(0, 31) == 8, "there the least would be too near to the border"
    assert of(-32, 24) == -2
    # What the middle would push over the border stays, unless squares overflow then.
    assert of(-25, 53, reach=-38) == 0
    assert of(-25, 57, reach=-38) == 8
    assert of(-20, 48, reach=-38) == 7
    assert of(-25, 53, reach=-39) == 7, "on the border there is one"
    assert of(-45, 65, reach=-40) == 5
    # Large ones are, too.
    assert of(0, 9, reach=-19) == 0
    assert of(0, 10, reach=-19) == 2


class TestNearOne:
    """Which matrices are divided, and which are left for others to refuse."""

    def test_the_largest_entry_comes_near_one(self):
        A = np.array([[3.0, 0.0], [1.0, 2.0]]) * 2.0**-220
        found, scale = near_one(raw(A), F64, loss_called(3))
        assert scale == Scale(-109, 3.0)
        np.testing.assert_array_equal(found.stored, A * 2.0**218)
        found, scale = near_one(raw(A[:1]), F64, loss_called(3))
        assert (found.shape, scale.order) == ((1, 2), -109)
        stays = raw(A * 2.0**219)
        assert near_one(stays, F64, loss_called(3)) == (stays, Scale())

    @pytest.mark.parametrize(
        "A",
        [
            np.zeros((2, 3)),
            np.array([[1e-290, np.inf]]),
            np.array([[1e-290, np.nan]]),
            np.array([[1e-290, -1e-300]]),
            np.array([[-1e-290, -1e-300]]),
            np.array([[1e-15, 1e16, -1.0]]),
        ],
        ids=["zero", "infinite", "nan", "one negative", "negative", "negative and small"],
    )
    def test_what_is_wrong_is_left_as_it_is(self, A):
        for loss in ("frobenius", "itakura-saito"):
            there = raw(A)
            assert near_one(there, F32, loss_called(loss)) == (there, Scale())

    def test_nothing_stored_has_no_scale(self):
        there = RawSparse(csr_array((3, 4)), NUMPY)
        assert near_one(there, F64, loss_called("frobenius")) == (there, Scale())

    def test_a_loss_without_a_degree_knows_no_scale(self, monkeypatch):
        loss, there = loss_called("frobenius"), raw(np.full((2, 3), 1e-290))
        monkeypatch.setattr(type(loss), "degree", None)
        assert near_one(there, F64, loss) == (there, Scale())

    def test_whole_numbers_have_a_least_one_too(self):
        A = np.array([[0, 1], [2**62, 3]])
        found, scale = near_one(raw(A), F32, ITAKURA)
        assert scale.order == order_of(1.0, 2.0**62, F32, 0.0, ITAKURA.reach(F32))
        np.testing.assert_array_equal(found.stored, A / 4.0**scale.order)

    def test_factors_must_be_numbers_with_all_their_digits(self):
        loss = loss_called("frobenius")
        largest = np.ldexp(1.0, -206)  # whose root is the least normal number by eps
        assert near_one(raw([[largest]]), F32, loss)[1].order == -103
        with pytest.raises(ValueError, match=r"B is so small that its factors .* dtype='float64'$"):
            near_one(raw([[np.nextafter(largest, 0)]]), F32, loss, "B")
        assert near_one(raw([[np.ldexp(0.999999, 210)]]), F32, loss)[1].order == 105
        with pytest.raises(ValueError, match="A is so large that its factors are no numbers of f"):
            near_one(raw([[np.ldexp(1.0, 210)]]), F32, loss)

    def test_it_warns_of_entries_below_what_w_h_can_be_and_of_no_others(self):
        reach, said = ITAKURA.reach(F32), "positive entries of A go from .* takes W H for at least"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert near_one(raw([[reach, 1e16]]), F32, ITAKURA)[1].order == 0
            assert near_one(raw([[reach / 4, 1.0]]), F32, ITAKURA)[1].order < -1
        with pytest.warns(UserWarning, match=said):
            near_one(raw([[np.nextafter(reach, 0), 1e16]]), F32, ITAKURA)
        with pytest.warns(UserWarning, match=f"{said} {reach * 2.0**10:.3g} in float32"):
            assert near_one(raw([[2.0**-45, 2.0**65]]), F32, ITAKURA)[1].order == 5


def test_it_warns_at_the_line_of_the_caller():
    A = np.array([[1e-30, 1.0], [1.0, 1.0]])
    with pytest.warns(UserWarning, match="positive entries") as told:
        nmf(A, 1, loss="itakura-saito", dtype="float32", max_iter=1, backend="numpy")
    assert [x.filename for x in told] == [__file__]


@pytest.mark.parametrize(
    ("dtype", "order", "there"),
    [
        ("float32", -64, "float32"),
        ("float32", 62, "float32"),
        ("float16", 5, "float64"),
        ("int64", 20, "float64"),
        ("float64", 510, "float64"),
        ("float64", -537, "float64"),
    ],
)
def test_no_digit_is_lost_of_what_is_divided(dtype, order, there):
    A = np.array([[1, 3, 0], [2, 1, 5]], dtype=dtype)
    if order not in (5, 20):
        A = np.ldexp(A, 2 * order)
    found = divided(raw(A), order).stored
    assert found.dtype == there
    np.testing.assert_array_equal(np.ldexp(found.astype("longdouble"), 2 * order), A)
