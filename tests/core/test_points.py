"""A problem at given W and H: errors, residuals, factors, and the loop that goes on from there."""

import numpy as np
import pytest
from reference import divergence, kkt_residual, squares

from nmf_accel.core import Loop, Point
from nmf_accel.intake import Given, hold, prepare
from nmf_accel.losses import FROBENIUS, NONE, Penalty, loss_called
from nmf_accel.solvers import SOLVERS, Quiet

RNG = np.random.default_rng(0)
M, N, D, RUNS = 9, 7, 3, 2
A = RNG.random((M, N)) + 0.1
W, H = RNG.random((RUNS, M, D)) + 0.1, RNG.random((RUNS, D, N)) + 0.1


def point(problem=None, W=W, H=H, loss="frobenius", penalties=(NONE, NONE)):
    problem = problem or prepare(Given(A), backend="numpy")
    return Point(problem, W, H, loss_called(loss).on(problem.A), penalties)


def test_errors_are_those_of_each_run_outside():
    expected = [np.linalg.norm(A - W[r] @ H[r]) for r in range(RUNS)]
    np.testing.assert_allclose(point().error, expected, rtol=1e-12)
    far = prepare(Given(np.ldexp(A, 300)), backend="numpy")
    c = far.scale.root
    there = point(far, W * 2.0**150 / c, H * 2.0**150 / c)
    np.testing.assert_allclose(there.error, np.ldexp(expected, 300), rtol=1e-12)
    assert there.runs == RUNS


@pytest.mark.parametrize("order", [0, 15, 17, 40])
def test_penalties_are_those_of_the_factors_as_they_stand(order):
    """Which is another objective than that of the same W H, otherwise shared out."""
    of_H, of_W = (0.3, 0.2), (0.1, 0.4)
    up, down = np.ldexp(W, order), np.ldexp(H, -order)
    found = point(W=up, H=down, penalties=(Penalty(*of_H), Penalty(*of_W))).kkt
    expected = [kkt_residual(up[r], down[r], squares(A), None, (of_H, of_W)) for r in range(RUNS)]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("loss", "of_P"), [("frobenius", squares(A)), (1, divergence(A, 1)), (0.5, divergence(A, 0.5))]
)
def test_one_component_alone_may_be_far_apart_in_both(loss, of_P):
    orders = np.array([0, 700, -40])
    found = point(W=np.ldexp(W, orders), H=np.ldexp(H, -orders[:, None]), loss=loss).kkt
    expected = [kkt_residual(W[r], H[r], of_P) for r in range(RUNS)]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_a_component_that_is_zero_is_not_far_from_anything():
    W0, H0 = W * [1e-200, 1, 0], H * np.array([1e200, 1, 1])[:, None]
    H0[1, 1] = 0
    expected = [
        kkt_residual(W[r] * [1, 1, 0], H0[r] / [[1e200], [1], [1]], squares(A)) for r in (0, 1)
    ]
    np.testing.assert_allclose(point(W=W0, H=H0).kkt, expected, rtol=1e-8)


def test_what_is_held_has_no_part_in_the_residual():
    problem = prepare(Given(A), backend="numpy", drop=False)
    rows = np.full((3, N), np.nan)
    rows[2] = H[0, 2]
    problem = hold(problem, [D], W[0][:, :1], rows)
    expected = kkt_residual(W[0], H[0], squares(A), held=([2], [0]))
    (found,) = point(problem, W[:1], H[:1]).kkt
    assert found == pytest.approx(expected, rel=1e-10)


def test_factors_of_a_state_are_over_all_rows_and_columns():
    B = A.copy()
    B[4], B[:, 1] = 0, 0
    problem = prepare(Given(B), backend="numpy")
    state = problem.start(FROBENIUS, W, H)
    assert state[0].shape == (RUNS, D, N - 1)
    W1, H1 = problem.factors(state)
    np.testing.assert_array_equal(np.delete(W1, 4, axis=1), np.delete(W, 4, axis=1))
    np.testing.assert_array_equal(np.delete(H1, 1, axis=2), np.delete(H, 1, axis=2))
    assert not W1[:, 4].any()
    assert not H1[:, :, 1].any()
    for slot in range(RUNS):
        one = problem.factors_of(state, slot)
        np.testing.assert_array_equal(one[0], W1[slot])
        np.testing.assert_array_equal(one[1], H1[slot])
    # In what the loss carries from the start, zero rows of A still count.
    np.testing.assert_allclose(state[2][1], W[1].T @ W[1])


class TestLoop:
    def loop(self, **options):
        problem = prepare(Given(A), backend="numpy")
        start, rule = problem.start(FROBENIUS, W, H), Quiet(SOLVERS["mu"].make(1))
        return Loop(problem, rule, start, loss=FROBENIUS, **options)

    def test_it_counts_its_iterations_and_goes_back(self):
        loop, other = self.loop(), self.loop()
        assert loop.done == 0
        loop.advance(2)
        loop.before = loop.at
        recorded = loop.advance(5)
        assert (loop.done, recorded.shape) == (7, (5, 1, RUNS))
        loop.back_to(7)
        assert loop.done == 7
        loop.back_to(4)
        assert loop.done == 4
        other.advance(4)
        for here, there in zip(loop.state, other.state, strict=True):
            np.testing.assert_array_equal(here, there)
        loop.keep(np.array([1]))
        assert loop.done == 4
        np.testing.assert_array_equal(loop.advance(1)[..., 0], other.advance(1)[..., 1])

    def test_it_may_go_back_to_where_the_chunk_began(self):
        loop = self.loop()
        loop.advance(2)
        loop.before, H2 = loop.at, loop.state[0]
        loop.advance(3)
        loop.back_to(2)
        assert loop.done == 2
        assert loop.state[0] is H2

    def test_without_delta_or_records_it_has_the_usual_ones(self):
        loop, other = self.loop(), self.loop(delta=0.0, record_every=1)
        np.testing.assert_array_equal(loop.advance(3), other.advance(3))
        assert not np.array_equal(self.loop(delta=0.1).advance(3), other.advance(3))

    def test_the_last_record_may_be_after_fewer_iterations(self):
        loop, every = self.loop(record_every=4), self.loop()
        errors = every.advance(7)
        np.testing.assert_array_equal(loop.advance(4), errors[3:4])
        np.testing.assert_array_equal(loop.advance(3), errors[6:7])
        assert loop.done == 7

    def test_an_l1_penalty_and_delta_join_the_denominators_of_mu(self):
        (on_H, on_W), delta = (Penalty(0.3), Penalty(0.1)), 0.05
        loop = self.loop(delta=delta, penalties=(on_H, on_W))
        loop.advance(1)
        for r in range(RUNS):
            H1 = H[r] * (W[r].T @ A) / (W[r].T @ W[r] @ H[r] + on_H.l1 + delta)
            W1 = W[r] * (A @ H1.T) / (W[r] @ H1 @ H1.T + on_W.l1 + delta)
            np.testing.assert_allclose(loop.state[0][r], H1, rtol=1e-12)
            np.testing.assert_allclose(loop.state[1][r], W1.T, rtol=1e-12)
