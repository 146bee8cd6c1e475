"""The error history: what it says is ‖A − W H‖, from the first iteration to exact fits."""

import functools

import numpy as np
import pytest
from conftest import assert_histories_agree

from nmf_accel import backends, nmf
from nmf_accel.core import Iteration, iteration_of
from nmf_accel.losses import LOSSES, frobenius
from nmf_accel.solvers import SOLVERS
from nmf_accel.stopping import STOPS

RANKS = (16, 64, 256)
ACCURACY = {"float64": 1e-10, "float32": 1e-5}


def residual(A, result):
    """‖A − W H‖ from the definition, in float64."""
    A, W, H = (np.asarray(x, dtype=np.float64) for x in (A, result.W, result.H))
    return np.linalg.norm(A - W @ H)


def low_rank(m=40, n=30, rank=3, seed=0):
    rng = np.random.default_rng(seed)
    W, H = rng.uniform(size=(m, rank)), rng.uniform(size=(rank, n))
    return W @ H, W, H


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rank", RANKS)
def test_errors_are_the_residuals_on_punks(backend, rank, dtype, punks, punk_run):
    A = punks.astype(dtype)
    starts = {}
    for steps in (1, 2, 7, 40):  # each run continues the one before
        result = nmf(A, rank, max_iter=steps, backend=backend, **starts)
        assert result.error == pytest.approx(residual(A, result), rel=ACCURACY[dtype])
        starts = {"W0": result.W, "H0": result.H}
    result = punk_run(backend, rank, dtype, 100 if backend == "strict" else 1000)
    assert result.error == pytest.approx(residual(A, result), rel=ACCURACY[dtype])


@pytest.mark.parametrize(
    ("dtype", "distance"),
    [("float64", 10.0**-k) for k in (2, 4, 6, 8, 10)] + [("float32", 10.0**-k) for k in (1, 2, 3)],
)
def test_errors_are_the_residuals_near_an_exact_fit(backend, dtype, distance):
    A, W, H = low_rank()
    W = W * (1 + distance * np.sin(np.arange(120).reshape(40, 3)))
    A, W, H = (x.astype(dtype) for x in (A, W, H))
    result = nmf(A, 3, W0=W, H0=H, max_iter=3, backend=backend, delta=1e-14)
    expected = residual(A, result)
    assert expected < distance * np.linalg.norm(A)
    # No residual is known better than the rounding of W H, of which the norm keeps little.
    floor = 0.1 * float(np.finfo(dtype).eps * np.linalg.norm(A))
    assert result.error == pytest.approx(expected, rel=ACCURACY[dtype], abs=floor)


def test_an_exact_fit_is_reached(backend):
    A, _, _ = low_rank(8, 6, 2)
    max_iter = 2_000 if backend == "strict" else 20_000
    result = nmf(A, 2, max_iter=max_iter, backend=backend)
    floor = 0.1 * np.finfo(np.float64).eps * np.linalg.norm(A)
    assert result.error < 2e-9
    assert result.error == pytest.approx(residual(A, result), rel=1e-10, abs=floor)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_where_the_free_formula_fails_the_residual_takes_over(dtype, monkeypatch):
    A, W, H = (x.astype(dtype) for x in low_rank())
    calls = []
    direct = frobenius.residual2
    monkeypatch.setattr(frobenius, "residual2", lambda *a: calls.append(1) or direct(*a))
    nmf(A, 1, max_iter=20, backend="numpy")
    assert not calls
    result = nmf(A, 3, W0=W, H0=H, max_iter=20, backend="numpy")
    assert calls
    assert result.error < 1e-5


@pytest.mark.parametrize("rank", [2, 3])
def test_results_do_not_depend_on_where_chunks_end(backend, rank):
    # At rank 3 the fit becomes exact, and the switch to the residual lies inside a chunk.
    A, _, _ = low_rank()
    run = functools.partial(nmf, A, rank, max_iter=400, backend=backend)
    expected = run()
    for every in (1, 7, 10, 300):
        result = run(check_every=every, callback=lambda iteration, error: None)
        for name in ("errors", "W", "H"):
            np.testing.assert_array_equal(
                getattr(result, name), getattr(expected, name), err_msg=f"{name}, {every}"
            )


@pytest.mark.parametrize("max_iter", [1, 2, 7, 255, 256, 257, 600])
@pytest.mark.parametrize("every", [None, 1, 7, 300])
def test_exactly_the_iterations_asked_for(backend, max_iter, every):
    A = low_rank(5, 4)[0]
    seen = []
    options = {} if every is None else {"check_every": every}
    if every is not None:
        options["callback"] = lambda iteration, error: seen.append((iteration, error))
    result = nmf(A, 2, max_iter=max_iter, backend=backend, **options)
    assert result.errors.shape == (max_iter,)
    assert result.errors.dtype == np.float64
    assert result.n_iter == max_iter
    assert np.isfinite(result.errors).all()
    if every is not None:
        checks = [*range(every, max_iter, every), max_iter]
        assert seen == [(k, result.errors[k - 1]) for k in checks]


def test_a_longer_run_begins_like_a_shorter_one(backend):
    A = low_rank(12, 9)[0]
    errors = [nmf(A, 2, max_iter=k, backend=backend).errors for k in (1, 3, 300)]
    np.testing.assert_array_equal(errors[0], errors[1][:1])
    np.testing.assert_array_equal(errors[1], errors[2][:3])


def test_errors_never_increase_on_punks(backend, punk_run):
    errors = punk_run(backend, 64, "float64", 100 if backend == "strict" else 1000).errors
    assert (np.diff(errors) < 0).all()


def test_tol_stops_early_and_says_so(backend):
    A = low_rank(20, 15, rank=6)[0]
    every = 10
    full = nmf(A, 2, max_iter=300, backend=backend)
    result = nmf(A, 2, max_iter=300, tol=1e-3, check_every=every, backend=backend)
    assert result.converged
    assert "tol = 0.001" in result.stopped_because
    assert result.n_iter < 300
    assert result.n_iter % every == 0
    np.testing.assert_array_equal(result.errors, full.errors[: result.n_iter])
    rng = np.random.default_rng(0)
    scale = np.sqrt(A.mean() / 2)
    W0, H0 = rng.uniform(size=(20, 2)) * scale, rng.uniform(size=(2, 15)) * scale
    first = np.linalg.norm(A - W0 @ H0)
    at_checks = np.array([first, *full.errors[every - 1 :: every]])
    falls = -np.diff(at_checks) / first
    assert result.n_iter == every * (1 + np.argmax(falls < 1e-3))


def test_tol_stops_at_an_exact_start(backend):
    A = np.outer([1.0, 2.0], [2.0, 4.0])
    options = {"W0": [[1.0], [2.0]], "H0": [[2.0, 4.0]], "delta": 1e-30}
    result = nmf(A, 1, tol=1e-4, backend=backend, **options)
    assert result.converged
    assert result.n_iter == 10
    assert result.error == 0


def test_a_callback_can_stop(backend):
    A = low_rank(6, 5)[0]
    result = nmf(A, 2, check_every=5, callback=lambda k, error: k == 15, backend=backend)
    assert result.n_iter == 15
    assert not result.converged
    assert result.stopped_because == "the callback asked to stop"


def test_one_compilation_per_shape_and_dtype():
    compiled = backends.get("jax").compiled
    shapes = iter([(11, 7), (11, 8)])

    def compilations(dtype, A, *runs):
        before = compiled._cache_size()
        for options in runs:
            nmf(A, 2, dtype=dtype, backend="jax", **options)
        return compiled._cache_size() - before

    runs = (
        {"max_iter": 3},
        {"max_iter": 300},
        {"max_iter": 7, "delta": 1e-6, "seed": 8},
        {"max_iter": 20, "check_every": 3, "callback": lambda k, error: None},
        {"max_iter": 20, "tol": 1e-4},
    )
    for shape in shapes:
        A = np.random.default_rng(0).uniform(size=shape)
        assert compilations("float64", A, *runs) == 1
        assert compilations("float64", A * 1.5, *runs) == 0
        assert compilations("float32", A, *runs) == 1
    # The residual, once it is needed, is one more.
    A, W, H = low_rank(11, 9, 2)
    exact = {"W0": W * 1.001, "H0": H}
    assert compilations("float64", A, *({**run, **exact} for run in runs)) == 2


def test_error_histories_agree_between_backends_down_to_exact_fits(backend):
    A, W, H = low_rank()
    starts = {"W0": W * (1 + 1e-3 * np.cos(np.arange(120).reshape(40, 3))), "H0": H}
    result = nmf(A, 3, max_iter=200, backend=backend, **starts)
    expected = nmf(A, 3, max_iter=200, backend="numpy", **starts)
    assert_histories_agree(result.errors, expected.errors, 1e-7)


def test_steps_are_compared_without_calling_python():
    assert Iteration.__eq__ is object.__eq__
    assert Iteration.__hash__ is object.__hash__
    backend = backends.get("jax")
    make, loss = SOLVERS["hals"].make, LOSSES["frobenius"]
    step = iteration_of(backend, make(5), loss, STOPS["kkt"])
    assert iteration_of(backend, make(5), loss, STOPS["kkt"]) is step
    assert iteration_of(backend, make(4), loss, STOPS["kkt"]) is not step
    assert iteration_of(backend, make(5), loss.direct(), STOPS["kkt"]) is not step
