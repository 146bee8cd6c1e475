"""Extrapolated iterations: each run by itself, never up, on every backend what the paper says."""

import functools
import itertools

import numpy as np
import pytest
from conftest import (
    assert_equals_single_runs,
    assert_histories_agree,
    assert_parity,
    low_rank,
    require_or_skip,
    to_host,
)
from reference import kkt_residual, squares
from toys import ToyBackend

from nmf_accel import backends, nmf, sweep
from nmf_accel.core import Batch, Extrapolated, Loop, bytes_needed, extrapolated_of
from nmf_accel.core.extrapolated import FIRST, PACE, Momentum, judged
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, NONE, Penalty
from nmf_accel.options import Options
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.stopping import STOPS

HALS = {"solver": "hals", "extrapolate": True}
PENALTIES = {"l1_H": 0.02, "l2_H": 0.3, "l1_W": 0.1, "l2_W": 0.05}


def noisy(m=30, n=20, rank=4, seed=0):
    """A matrix that is not quite of that rank."""
    rng = np.random.default_rng(seed)
    exact = rng.gamma(0.5, 1, (m, rank)) @ rng.gamma(0.5, 1, (rank, n))
    return exact + 0.3 * rng.random((m, n))


def descended(X, N, G):
    """A pass of coordinate descent over the rows of X (d, n)."""
    X = X.copy()
    for k in range(len(X)):
        if G[k, k] > 0:
            X[k] = np.maximum(X[k] + (N[k] - G[k] @ X) / G[k, k], 0)
    return X


def reference(A, W, H, iterations):
    """Errors, W and H after so many extrapolated iterations of one pass; how many were refused."""
    Wt, ahead, before = W.T, W.T, H
    beta, limit, proven, push, least, refused, errors = FIRST, 1.0, FIRST, 0.0, np.inf, 0, []
    for _ in range(iterations):
        found = descended(H, ahead @ A, ahead @ ahead.T)
        between = np.maximum(found + push * (found - before), 0)
        tried = descended(ahead, between @ A.T, between @ between.T)
        error = np.linalg.norm(A - tried.T @ between)
        if error <= least or push == 0:
            ahead = np.maximum(tried + beta * (tried - Wt), 0)
            H, Wt, before, least = between, tried, found, error
            proven, beta = beta, min(limit, 1.05 * beta)
            limit, push = min(1.01 * limit, 1), beta
        else:
            ahead, before, refused = Wt, H, refused + 1
            limit, beta, push = proven, beta / 1.5, 0.0
        errors.append(least)
    return np.array(errors), Wt.T, H, refused


def objective(result, A):
    """Half the squared error, and the penalties of `PENALTIES`."""
    W, H = to_host(result.W), to_host(result.H)
    p = PENALTIES
    on_H = p["l1_H"] * H.sum() + p["l2_H"] * (H**2).sum() / 2
    on_W = p["l1_W"] * W.sum() + p["l2_W"] * (W**2).sum() / 2
    return ((A - W @ H) ** 2).sum() / 2 + on_H + on_W


def loop_of(A, rank=4, seeds=1, dtype="float64", backend="numpy", inner=1, watch=None, **more):
    """An extrapolated loop of some runs."""
    problem = prepare(Given(A), dtype, backend)
    starts = [problem.draw(rank, seed, "random") for seed in range(seeds)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    rule = Quiet(SOLVERS["hals"].make(inner))
    how = {"loss": FROBENIUS, "step_of": extrapolated_of, "watch": watch}
    with problem.backend.scope(problem.A):
        return Loop(problem, rule, problem.start(FROBENIUS, W0, H0), **how, **more)


def momentum(loop):
    """That of a loop's runs, on the host."""
    numbers = loop.state[4 : 4 + len(Momentum._fields)]
    return Momentum(*(loop.problem.backend.to_numpy(x) for x in numbers))


def test_it_does_what_the_paper_says(backend):
    A = noisy()
    start = {"W0": np.random.default_rng(1).random((30, 4)), "H0": np.ones((4, 20)) / 2}
    errors, W, H, refused = reference(A, start["W0"], start["H0"], 120)
    assert refused > 5
    result = nmf(A, 4, inner=1, max_iter=120, backend=backend, **HALS, **start)
    assert_histories_agree(result.errors, errors, 1e-9)
    np.testing.assert_allclose(result.W, W, atol=1e-8)
    np.testing.assert_allclose(result.H, H, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("inner", [1, 2, 5])
def test_the_pair_is_feasible_and_its_error_is_the_one_that_was_recorded(backend, inner, dtype):
    A = noisy()
    result = nmf(A, 4, inner=inner, max_iter=100, dtype=dtype, backend=backend, **HALS)
    assert result.W.min() >= 0
    assert result.H.min() >= 0
    rtol = {"float64": 1e-12, "float32": 1e-5}[dtype]
    error = np.linalg.norm(A - result.W.astype(float) @ result.H.astype(float))
    assert error == pytest.approx(result.error, rel=rtol)
    assert (np.diff(result.errors) <= rtol * result.errors[:-1]).all()
    assert (np.diff(result.errors) == 0).any()  # some were refused
    plain = nmf(A, 4, solver="hals", max_iter=400, dtype=dtype, backend=backend)
    assert result.error < plain.errors[99]


def test_two_steps_in_a_row_are_never_refused(backend):
    falls = np.diff(nmf(noisy(), 4, max_iter=80, backend=backend, **HALS).errors) < 0
    assert not falls.all()
    assert (falls[1:] | falls[:-1]).all()


def test_with_penalties_the_objective_never_rises(backend):
    A = noisy()
    options = {**HALS, **PENALTIES, "seed": 1, "backend": backend}
    runs = [nmf(A, 4, max_iter=k, **options) for k in range(1, 60)]
    falls = -np.diff([objective(run, A) for run in runs])
    assert (falls >= -1e-12).all()
    assert (falls == 0).any()
    assert (np.diff(runs[-1].errors) > 0).any()  # which the error alone may
    plain = nmf(A, 4, max_iter=1000, **{**options, "extrapolate": False})
    best = nmf(A, 4, max_iter=500, **options)
    assert objective(best, A) == pytest.approx(objective(plain, A), rel=1e-6)


@pytest.mark.parametrize(("inner", "rtol"), [(1, 1e-9), (5, 2e-6)])
@pytest.mark.parametrize("more", [{}, PENALTIES], ids=["plain", "penalized"])
def test_parity(inner, rtol, more, sprites):
    # With more repeats it comes so far that factors slide along a valley of equal errors.
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    options = {**HALS, "inner": inner, "max_iter": 200, **more}
    result, expected = (nmf(sprites, 12, backend=name, **options) for name in ("jax", "numpy"))
    assert_histories_agree(result.errors, expected.errors, 1e-9)
    assert_parity(result.W, expected.W, rtol)
    assert_parity(result.H, expected.H, rtol)


def test_parity_on_punks(punks):
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    runs = [nmf(punks, 16, max_iter=200, backend=name, **HALS) for name in ("jax", "numpy")]
    assert_histories_agree(runs[0].errors, runs[1].errors, 1e-9)
    assert_parity(runs[0].W, runs[1].W, 1e-9)
    assert_parity(runs[0].H, runs[1].H, 1e-9)


@pytest.mark.parametrize("more", [{}, {"l1_W": 1e-6, "l2_H": 1e-6}], ids=["plain", "penalized"])
def test_results_do_not_depend_on_where_chunks_end(backend, more):
    # The fit becomes exact, and the switch to the residual lies inside a chunk.
    A = low_rank()[0]
    run = functools.partial(nmf, A, 3, max_iter=120, backend=backend, **HALS, **more)
    expected = run()
    assert expected.relative_error < 1e-3
    for every in (1, 7, 50):
        result = run(check_every=every, callback=lambda iteration, error: None)
        for name in ("errors", "W", "H"):
            np.testing.assert_array_equal(
                getattr(result, name), getattr(expected, name), err_msg=f"{name}, {every}"
            )


def test_a_pair_that_was_tried_between_records_switches_to_the_residual():
    # Nothing that is recorded is below what the free formula gives; what was tried is.
    problem = prepare(Given(noisy()), "float64", "jax")
    with problem.backend.scope(problem.A):
        loop = loop_of(noisy(), backend="jax")
        assert loop.loss.residual == "free"
        xp, lowest = problem.backend.xp, 4 + Momentum._fields.index("lowest")
        state = list(loop.state)
        state[lowest] = xp.full(1, loop.facts[1] / 2)
        loop.state = tuple(state)
        loop.advance(4)
    assert loop.loss.residual == "direct"


@pytest.mark.parametrize("inner", [1, 5])
def test_a_run_of_a_sweep_is_a_run_alone(backend, inner):
    A = noisy(40, 30)
    options = {**HALS, "inner": inner, "max_iter": 80, "backend": backend}
    result = sweep(A, [3, 5], 3, keep="all", **options)
    del options["backend"]
    assert_equals_single_runs(result, A, backend, **options)


@pytest.mark.usefixtures("three_threads")
def test_a_run_of_a_sweep_on_threads_is_a_run_alone():
    A = noisy(40, 30)
    result = sweep(A, [3], 7, keep="all", max_iter=80, backend="numpy", **HALS)
    assert_equals_single_runs(result, A, "numpy", max_iter=80, **HALS)


@pytest.mark.parametrize(("stop", "tol"), [("error", 1e-4), ("kkt", 1e-3), ("descent", 1e-3)])
def test_each_run_stops_by_itself_at_the_first_check_that_is_met(backend, stop, tol):
    A = noisy(40, 30)
    options = {**HALS, "inner": 1, "stop": stop, "tol": tol, "max_iter": 2000, "check_every": 5}
    result = sweep(A, [4], 5, keep="all", backend=backend, **options)
    assert_equals_single_runs(result, A, backend, **options)
    lengths = [row["iterations"] for row in result.table]
    assert len(set(lengths)) > 1  # so some were dropped from the loop before others
    assert max(lengths) < 2000
    for (_, seed), run in result.factorizations.items():
        # What the rule promises, by its own definition.
        if stop == "error":
            until = {**options, "tol": 0.0, "max_iter": run.n_iter}
            whole = nmf(A, 4, seed=seed, backend=backend, **until)
            first = loop_start_error(A, seed)
            checked = [first, *whole.errors[4::5]]
            falls = -np.diff(checked)
            assert run.n_iter == 5 * (1 + int(np.argmax(falls <= tol * first)))
            assert falls[-1] <= tol * first
        else:
            assert nmf(A, 4, seed=seed, backend=backend, **options).kkt < 5 * tol


def loop_start_error(A, seed):
    """The error of a random start."""
    W0, H0 = prepare(Given(A), "float64", "numpy").draw(4, seed, "random")
    return np.linalg.norm(A - W0 @ H0)


def test_the_certificate_is_of_the_point_between_the_half_steps():
    A = noisy()
    loop = loop_of(A, watch=STOPS["kkt"])
    for _ in range(30):
        H, ahead = loop.state[0], loop.state[2]
        push, before = momentum(loop).push, loop.state[3]
        kkt = loop.advance(1)[0, 1, 0]
        found = descended(H[0], ahead[0] @ A, ahead[0] @ ahead[0].T)
        between = np.maximum(found + push * (found - before[0]), 0)
        assert kkt == pytest.approx(kkt_residual(ahead[0].T, between, squares(A)), rel=1e-8)


def test_a_start_that_is_good_is_not_left_for_a_worse_one(backend):
    A = noisy()
    good = nmf(A, 4, solver="hals", max_iter=500, backend=backend)
    again = nmf(A, 4, W0=good.W, H0=good.H, max_iter=20, backend=backend, **HALS)
    assert again.errors[0] <= good.error * (1 + 1e-12)


def test_in_float32_momentum_lasts_near_convergence(backend):
    loop = loop_of(noisy(60, 50), seeds=3, dtype="float32", backend=backend, inner=2)
    with loop.problem.backend.scope(loop.problem.A):
        loop.advance(250)
        for _ in range(4):
            errors = loop.advance(250)[:, 0]
            assert (np.diff(errors, axis=0) == 0).mean() < 0.35
            assert (momentum(loop).beta > 0.05).all()


def test_rounding_neither_refuses_a_step_nor_lets_a_run_go_up():
    def after(objective, least, push, slack=0.01):
        start = Momentum(*np.array([[0.6], [0.9], [0.57], [push], [least], [2.0], [1.5]]))
        value = np.array([2 * objective])
        taken, end = judged(ToyBackend(), start, value, value / 2, np.array([slack]), PACE)
        return bool(taken[0]), {k: float(x[0]) for k, x in Momentum(*end)._asdict().items()}

    taken, end = after(objective=1.005, least=1.0, push=0.6)
    assert taken  # within what rounding may add
    assert end["least"] == 1.0  # but the next one is held against the same
    assert (end["value"], end["lowest"]) == (2.01, 1.5)
    assert end["beta"] == end["push"] == pytest.approx(0.63)
    assert (end["limit"], end["proven"]) == (pytest.approx(0.909), 0.6)
    taken, end = after(objective=1.02, least=1.0, push=0.6)
    assert not taken
    assert end["beta"] == pytest.approx(0.4)
    assert end == {**end, "limit": 0.57, "push": 0.0, "least": 1.0, "value": 2.0}
    assert after(objective=1.02, least=1.0, push=0.0)[0]  # an ordinary iteration
    assert not after(objective=np.nan, least=1.0, push=0.6)[0]
    assert after(objective=0.5, least=1.0, push=0.6)[1]["lowest"] == 1.0


@pytest.mark.parametrize("kind", ["sparse", "zero rows", "equal columns"])
def test_other_matrices(kind):
    from scipy.sparse import csr_array

    A = noisy() * (np.random.default_rng(3).random((30, 20)) < 0.5)
    A[:, 5:9] = A[:, 4:5]
    A[3:6], A[:, 2] = 0, 0
    given = csr_array(A) if kind == "sparse" else A
    result = nmf(given, 4, max_iter=100, backend="numpy", **HALS)
    assert np.linalg.norm(A - result.W @ result.H) == pytest.approx(result.error, rel=1e-10)
    plain = nmf(A, 4, max_iter=100, backend="jax", **HALS)  # which folds nothing
    assert_histories_agree(result.errors, plain.errors, 1e-9)


def test_runs_that_are_dropped_leave_the_others_as_they_are(backend):
    loops = [loop_of(noisy(), seeds=3, backend=backend) for _ in range(2)]
    with loops[0].problem.backend.scope(loops[0].problem.A):
        for loop in loops:
            loop.advance(20)
        loops[0].keep([0, 2])
        some, every = (loop.advance(60) for loop in loops)
    np.testing.assert_allclose(some, every[:, :, [0, 2]], rtol=1e-10)


def test_an_interrupted_chunk_leaves_the_state_as_it_was(monkeypatch):
    loop, expected = loop_of(noisy()), loop_of(noisy())
    for x in (loop, expected):
        x.advance(10)
    calls, inner = itertools.count(), loop.problem.backend.inner

    def interrupted(x, y):
        if next(calls) == 20:
            raise KeyboardInterrupt
        return inner(x, y)

    monkeypatch.setattr(type(loop.problem.backend), "inner", lambda self, x, y: interrupted(x, y))
    with pytest.raises(KeyboardInterrupt):
        loop.advance(50)
    monkeypatch.undo()
    np.testing.assert_array_equal(loop.advance(50), expected.advance(50))


def test_an_overflow_is_said_and_not_refused_for_ever():
    loop = loop_of(noisy(), dtype="float32")
    loop.state = (loop.state[0] * np.float32(1e38), *loop.state[1:])
    with np.errstate(all="ignore"):
        loop.state = (loop.state[0] * np.float32(1e38), *loop.state[1:])
        assert not np.isfinite(loop.advance(1)).all()


def test_steps_are_compared_by_identity():
    backend, rule, loss = backends.get("jax"), Quiet(SOLVERS["hals"].make(2)), FROBENIUS
    assert Extrapolated.__eq__ is object.__eq__
    assert extrapolated_of(backend, rule, loss, None) is extrapolated_of(backend, rule, loss, None)
    assert extrapolated_of(backend, rule, loss.direct(), None) is not extrapolated_of(
        backend, rule, loss, None
    )


def test_the_plan_counts_what_it_keeps():
    problem = prepare(Given(noisy()), "float64", "numpy")
    plain = bytes_needed(problem, Options(rank=4, solver="hals"))
    assert bytes_needed(problem, Options(rank=4, **HALS)) >= plain + 8 * 2 * 4 * (30 + 20)


def test_a_penalty_is_worth_what_it_says(backend):
    library, X = backends.get(backend), np.random.default_rng(0).random((3, 4, 5))
    with library.scope():
        there = library.asarray(X, np.dtype("float64"))
        found = library.to_numpy(Penalty(0.2, 0.3).value(library, there))
        nothing = library.to_numpy(NONE.value(library, there))
    expected = 0.2 * X.sum((1, 2)) + 0.15 * (X**2).sum((1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(nothing, np.zeros(3))


class TestOption:
    A = noisy()

    @pytest.mark.parametrize("solver", ["mu", "bpp", "apg"])
    def test_other_solvers_refuse_it(self, solver):
        message = f"^extrapolate is True, but solver is '{solver}'; take 'hals'$"
        with pytest.raises(ValueError, match=message):
            nmf(self.A, 2, solver=solver, extrapolate=True)

    def test_what_would_end_at_a_step_that_is_not_taken_is_refused(self):
        with pytest.raises(ValueError, match=r"stop='error' would take .* a check_every of 2"):
            Options(rank=2, tol=1e-3, check_every=1, **HALS)
        assert Options(rank=2, tol=1e-3, check_every=1, stop="kkt", **HALS)
        assert Options(rank=2, tol=1e-3, check_every=2, **HALS)

    def test_a_result_says_it(self):
        assert nmf(self.A, 2, max_iter=3, **HALS).settings["extrapolate"] is True
        assert nmf(self.A, 2, max_iter=3, **HALS).settings["inner"] == 1
        plain = nmf(self.A, 2, max_iter=3, solver="hals").settings
        assert (plain["extrapolate"], plain["inner"]) == (False, 1)


def test_at_any_scale_the_same_steps_are_taken():
    # A slack that overflows would let every step pass.
    small = np.random.default_rng(0).random((20, 15))
    options = {"solver": "hals", "extrapolate": True, "max_iter": 60, "backend": "numpy"}
    one, other = (nmf(small * scale, 4, **options) for scale in (1.0, 2.0**266))
    np.testing.assert_allclose(other.errors / other.norm, one.errors / one.norm, rtol=1e-12)


def test_it_is_also_where_models_hold_at_one_point_alone():
    """Of weighted least squares: the model with which H was moved is that of where it was."""
    A = noisy()
    M = np.random.default_rng(5).random(A.shape)
    problem = prepare(Given(A, weights=M), "float64", "numpy")
    starts = (x[None] for x in problem.draw(4, 0, "random"))
    loop = Batch(problem, Options(rank=4, stop="kkt", **HALS), *starts).loop
    for _ in range(3):
        ahead = loop.state[2]
        kkt = loop.advance(1)[0, 1, 0]
        between = loop.state[0]  # every one of these steps is taken
        expected = kkt_residual(ahead[0].T, between[0], squares(A, M), M)
        assert kkt == pytest.approx(expected, rel=1e-8)
