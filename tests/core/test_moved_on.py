"""Extrapolated iterations with penalties, held against the paper's algorithm written out."""

import numpy as np
import pytest
from conftest import assert_histories_agree
from reference import kkt_residual, squares
from toys import ToyBackend

from nmf_accel.core import Batch
from nmf_accel.core.extrapolated import PACE, Momentum, judged, moved_on, taken_or_kept
from nmf_accel.intake import Given, hold, prepare
from nmf_accel.options import Options

RNG = np.random.default_rng(0)
A = RNG.gamma(0.5, 1, (14, 3)) @ RNG.gamma(0.5, 1, (3, 11)) + 0.3 * RNG.random((14, 11))
PENALTIES = {"l1_H": 0.3, "l2_H": 0.4, "l1_W": 0.1, "l2_W": 0.8}
STEPS = 60


def descended(X, N, G, l1, l2):
    """A pass of coordinate descent over the rows of X (d, n), with penalties."""
    X = X.copy()
    for k in range(len(X)):
        X[k] = np.maximum(X[k] + (N[k] - G[k] @ X - l1 - l2 * X[k]) / (G[k, k] + l2), 0)
    return X


def objective(W, H):
    p = PENALTIES
    on_H = p["l1_H"] * H.sum() + p["l2_H"] * (H**2).sum() / 2
    on_W = p["l1_W"] * W.sum() + p["l2_W"] * (W**2).sum() / 2
    return ((A - W @ H) ** 2).sum() / 2 + on_H + on_W


@pytest.fixture(scope="module")
def written_out():
    """Errors, KKT residuals as tried, and which steps were taken."""
    p = PENALTIES
    of_H, of_W = (p["l1_H"], p["l2_H"]), (p["l1_W"], p["l2_W"])
    W, H = prepare(Given(A), "float64", "numpy").draw(3, 0, "random")
    Wt, ahead, before = W.T, W.T, H
    beta, limit, proven, push, least = 0.5, 1.0, 0.5, 0.0, np.inf
    errors, residuals, taken = [], [], []
    for _ in range(STEPS):
        found = descended(H, ahead @ A, ahead @ ahead.T, *of_H)
        between = np.maximum(found + push * (found - before), 0)
        tried = descended(ahead, between @ A.T, between @ between.T, *of_W)
        residuals.append(kkt_residual(ahead.T, between, squares(A), None, (of_H, of_W)))
        reached = objective(tried.T, between)
        taken.append(reached <= least or push == 0)
        if taken[-1]:
            ahead = np.maximum(tried + beta * (tried - Wt), 0)
            H, Wt, before, least = between, tried, found, reached
            proven, beta = beta, min(limit, 1.05 * beta)
            limit, push = min(1.01 * limit, 1), beta
        else:
            ahead, before = Wt, H
            limit, beta, push = proven, beta / 1.5, 0.0
        errors.append(np.linalg.norm(A - Wt.T @ H))
    return np.array(errors), np.array(residuals), taken


def test_steps_are_taken_by_the_objective_and_certified_with_its_penalties(written_out):
    errors, residuals, taken = written_out
    assert taken.count(False) > 3
    options = Options(rank=3, solver="hals", inner=1, extrapolate=True, stop="kkt", **PENALTIES)
    problem = prepare(Given(A), "float64", "numpy")
    loop = Batch(problem, options, *(x[None] for x in problem.draw(3, 0, "random"))).loop
    measured = loop.advance(STEPS)
    assert_histories_agree(measured[:, 0, 0], errors, 1e-9)
    np.testing.assert_allclose(measured[:, 1, 0], residuals, rtol=1e-7)


@pytest.mark.parametrize("extrapolate", [False, True])
@pytest.mark.parametrize("held", ["W", "H"])
def test_what_is_held_has_no_part_in_the_residual_on_the_way(held, extrapolate):
    (in_H, in_W), problem = (
        {"W": ((), (0, 1)), "H": ((0,), ())}[held],
        prepare(Given(A), backend="numpy"),
    )
    W0, H0 = RNG.random((14, 3)), RNG.random((3, 11))
    problem = hold(problem, [3], *((W0[:, :2], None) if held == "W" else (None, H0[:1])))
    options = Options(rank=3, solver="hals", extrapolate=extrapolate, stop="kkt", **PENALTIES)
    loop = Batch(problem, options, W0[None], H0[None]).loop
    kkt = loop.advance(1)[0, 1, 0]
    of_both = (0.3, 0.4), (0.1, 0.8)
    expected = kkt_residual(W0, loop.state[0][0], squares(A), None, of_both, (in_H, in_W))
    assert kkt == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("record_every", [2, 3])
@pytest.mark.parametrize("extrapolate", [False, True])
def test_records_between_others_are_spared_and_nothing_else(record_every, extrapolate):
    options = Options(rank=3, solver="hals", extrapolate=extrapolate, max_iter=12)
    problem = prepare(Given(A), "float64", "numpy")
    starts = [x[None] for x in problem.draw(3, 0, "random")]
    some, every = (Batch(problem, options, *starts, record_every=k) for k in (record_every, 1))
    for batch in (some, every):
        list(batch)
    np.testing.assert_array_equal(
        some.result().errors, every.result().errors[record_every - 1 :: record_every]
    )
    np.testing.assert_array_equal(some.result().W, every.result().W)


def test_a_factor_is_moved_on_by_its_runs_own_part_and_no_entry_below_zero():
    X, last = RNG.random((2, 3, 4)), RNG.random((2, 3, 4))
    found = moved_on(ToyBackend(), X, last, np.array([0.0, 0.75]))
    np.testing.assert_array_equal(found[0], X[0])
    np.testing.assert_allclose(found[1], np.maximum(X[1] + 0.75 * (X[1] - last[1]), 0))
    assert (found[1] == 0).any()


def test_of_each_run_what_was_found_is_taken_or_not():
    kept, one, two = (RNG.random((3, 2, 4)) for _ in range(3))
    taken = np.array([True, False, True])
    for found, new in zip(
        taken_or_kept(ToyBackend(), taken, kept, one, two), (one, two), strict=True
    ):
        np.testing.assert_array_equal(found, [new[0], kept[1], new[2]])


def test_each_run_has_a_momentum_of_its_own():
    """Numbers by hand, of three runs: one that falls, one that rises, one that was at rest."""
    before = Momentum(
        beta=np.array([0.5, 0.6, 0.99]),
        limit=np.array([0.51, 0.9, 1.0]),
        proven=np.array([0.4, 0.55, 0.9]),
        push=np.array([0.5, 0.6, 0.0]),
        least=np.array([4.0, 4.0, 4.0]),
        value=np.array([7.0, 8.0, 7.5]),
        lowest=np.array([7.0, 6.0, 7.5]),
    )
    value, goal = np.array([6.0, 6.5, 9.0]), np.array([4.0, 4.5, 5.0])
    taken, after = judged(ToyBackend(), before, value, goal, np.zeros(3), PACE)
    after = Momentum(*after)
    assert taken.tolist() == [True, False, True]
    np.testing.assert_allclose(after.beta, [0.51, 0.4, 1.0])  # 0.525 and 1.04 are too much
    np.testing.assert_allclose(after.limit, [0.5151, 0.55, 1.0])
    np.testing.assert_allclose(after.proven, [0.5, 0.55, 0.99])
    np.testing.assert_allclose(after.push, [0.51, 0.0, 1.0])
    assert after.least.tolist() == [4, 4, 4]
    assert after.value.tolist() == [6, 8, 9]
    assert after.lowest.tolist() == [6, 6, 7.5]
