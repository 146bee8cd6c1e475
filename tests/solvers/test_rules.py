"""Every solver does what its definition says, on every backend."""

import numpy as np
import pytest
from conftest import SETTINGS, assert_histories_agree, assert_parity, require_or_skip
from scipy.optimize import nnls

from nmf_accel import backends, nmf
from nmf_accel.losses import Penalty, Quadratic
from nmf_accel.solvers import SOLVERS
from nmf_accel.solvers.multiplicative import lee_seung
from nmf_accel.solvers.repeated import Repeated


def half_problem(runs=2, d=21, m=60, n=70):
    """X, N, G and the Y and A behind them; a component of Y is dead."""
    rng = np.random.default_rng(0)
    Y, A, X = rng.random((runs, d, m)), rng.random((m, n)), rng.random((runs, d, n))
    Y[0, 3] = 0
    return X, Y @ A, Y @ Y.mT, Y, A


def make(solver, inner=None):
    """The rule of a solver."""
    return SOLVERS[solver].make(inner or SOLVERS[solver].inner)


def apply(backend, rule, *arrays):
    """A rule on arrays X, N and G of the host."""
    with backend.scope():
        arrays = [backend.asarray(x, x.dtype) for x in arrays]

        def function(X, N, G, l1):
            return rule(backend, X, Quadratic(N, G), Penalty(l1))

        if backend.name == "jax":
            import jax

            function = jax.jit(function)
        return backend.to_numpy(function(*arrays, 1e-9))


@pytest.fixture
def library(backend):
    return backends.get(backend)


def test_hals_is_the_minimum_over_each_row_in_turn(library):
    X, N, G, Y, A = half_problem()
    expected = X.copy()
    for run in range(len(X)):
        for k in range(X.shape[1]):
            if (norm2 := Y[run, k] @ Y[run, k]) > 0:
                others = np.delete(np.arange(X.shape[1]), k)
                rest = A - Y[run, others].T @ expected[run, others]
                expected[run, k] = np.maximum(Y[run, k] @ rest / norm2, 0)
    np.testing.assert_allclose(apply(library, make("hals"), X, N, G), expected, atol=1e-12)


@pytest.mark.parametrize("width", [1, 1500])
def test_hals_on_tiles(library, width):
    X, N, G, *_ = half_problem(runs=1, n=width)
    whole = apply(library, make("hals"), X, N, G)
    for k in (0, width - 2) if width > 1 else ():
        piece = apply(library, make("hals"), X[..., k : k + 1], N[..., k : k + 1], G)
        np.testing.assert_allclose(piece, whole[..., k : k + 1], atol=1e-12)


def test_bpp_is_exact(library):
    X, N, G, Y, A = half_problem()
    found = apply(library, make("bpp"), X, N, G)
    for run in range(len(X)):
        for column in range(A.shape[1]):
            exact, norm = nnls(Y[run].T, A[:, column])
            assert np.linalg.norm(A[:, column] - Y[run].T @ found[run, :, column]) <= norm + 1e-12
            if run == 1:  # with a dead component, that row of X may be anything
                np.testing.assert_allclose(found[run, :, column], exact, atol=1e-10)


def test_bpp_of_a_singular_system(library):
    # More components than rows: many solutions, all with the least error.
    rng = np.random.default_rng(1)
    Y, A = rng.random((1, 9, 4)), rng.random((4, 12))
    Y[0, 5] = Y[0, 6]
    found = apply(library, make("bpp"), rng.random((1, 9, 12)), Y @ A, Y @ Y.mT)
    assert (found >= 0).all()
    for column in range(12):
        least = nnls(Y[0].T, A[:, column])[1]
        norm = np.linalg.norm(A[:, column] - Y[0].T @ found[0, :, column])
        assert norm == pytest.approx(least, abs=1e-6)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    "options", [{}, {"dtype": "float32"}, {"l1_H": 0.1, "l1_W": 0.1}, {"uneven": True}]
)
@pytest.mark.parametrize(("truth", "rank"), [(1, 3), (2, 4), (3, 6)])
def test_bpp_takes_more_components_than_there_are_in_many_cases(truth, rank, options):
    """Where G is singular but for rounding: a system in sixty failed where its ridge was less."""
    options = dict(options)
    scales = np.logspace(0, 6, 28)[:, None] if options.pop("uneven", False) else 1.0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        A = scales * rng.random((28, truth)) @ rng.random((truth, 33))
        found = nmf(A, rank, solver="bpp", max_iter=50, seed=seed, backend="numpy", **options)
        if "l1_H" not in options:
            # By rounding alone: 4e-5 and 4e-10 of ‖A‖ were seen.
            slack = 1e-4 if "dtype" in options else 1e-9
            assert np.diff(found.errors).max() <= slack * found.norm


def test_the_accelerated_gradient_approaches_the_exact_solution(library):
    X, N, G = (x[1:] for x in half_problem(d=5)[:3])
    exact = apply(library, make("bpp"), X, N, G)
    distances = [
        np.linalg.norm(apply(library, make("apg", steps), X, N, G) - exact)
        for steps in (1, 30, 300)
    ]
    assert distances[2] < 1e-3 * distances[1]
    assert distances[1] < distances[0]


def test_repeats_stop_when_a_step_is_short(library):
    X, N, G, *_ = half_problem()
    for _ in range(5):  # the first steps are by far the longest
        X = apply(library, lee_seung, X, N, G)
    for limit in (2, 100):
        # The definition, run by run: each stops by itself.
        expected = []
        for x, n, g in zip(X, N, G, strict=True):
            new = x * n / (g @ x + 1e-9)
            first, count = np.linalg.norm(new - x), 1
            step = first
            while count < limit and step >= 0.1 * first:
                x, new = new, new * n / (g @ new + 1e-9)
                step, count = np.linalg.norm(new - x), count + 1
            expected.append(new)
            assert limit == 2 or 2 < count < 100
        found = apply(library, Repeated(lee_seung, limit), X, N, G)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@SETTINGS
def test_parity(backend, solver, inner, sprites):
    options = {"solver": solver, "inner": inner, "max_iter": 30}
    result = nmf(sprites, 12, backend=backend, **options)
    expected = nmf(sprites, 12, backend="numpy", **options)
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)
    assert_histories_agree(result.errors, expected.errors, 1e-10)
    assert result.kkt == pytest.approx(expected.kkt, rel=1e-6)


@pytest.mark.parametrize(
    ("solver", "inner", "max_iter"),
    [("mu", 5, 1000), ("hals", 1, 1000), ("hals", 5, 300), ("apg", 10, 1000), ("bpp", 1, 30)],
)
def test_parity_on_punks(solver, inner, max_iter, punks):
    # Long enough for entries of 'mu' to fall below the smallest normal number.
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    options = {"solver": solver, "inner": inner, "max_iter": max_iter}
    result, expected = (nmf(punks, 16, backend=name, **options) for name in ("jax", "numpy"))
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)
    assert_histories_agree(result.errors, expected.errors, 1e-10)


@SETTINGS
def test_float32(backend, solver, inner, sprites):
    options = {"solver": solver, "inner": inner, "max_iter": 30, "backend": backend}
    result = nmf(sprites, 12, dtype="float32", **options)
    assert result.W.dtype == np.float32
    expected = nmf(sprites, 12, dtype="float64", **options)
    assert abs(result.error / expected.error - 1) <= 0.02


@SETTINGS
def test_the_error_never_increases(backend, solver, inner, sprites):
    result = nmf(sprites, 8, solver=solver, inner=inner, max_iter=60, backend=backend)
    if solver != "apg":  # momentum may overshoot
        assert (np.diff(result.errors) <= 1e-10 * result.errors[:-1]).all()
    assert result.errors[-1] < result.errors[0]
    A = sprites.astype(np.float64)
    assert result.error == pytest.approx(np.linalg.norm(A - result.W @ result.H), rel=1e-9)
    assert (result.W >= 0).all()
    assert (result.H >= 0).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_more_components_than_the_matrix_has(backend, solver):
    A = np.outer([1.0, 2, 0, 3], [1.0, 0, 2])
    result = nmf(A, 6, solver=solver, max_iter=50, backend=backend)
    assert np.isfinite(result.W).all()
    assert np.isfinite(result.H).all()
    assert result.relative_error < 0.05


def test_a_dead_component_lives_again_or_is_counted(backend):
    rng = np.random.default_rng(2)
    A, W0, H0 = rng.random((7, 6)), rng.random((7, 3)), rng.random((3, 6))
    W0[:, 1] = 0
    alive = nmf(A, 3, W0=W0, H0=H0, solver="hals", max_iter=20, backend=backend)
    assert alive.dead == 0
    H0[1] = 0
    dead = nmf(A, 3, W0=W0, H0=H0, solver="hals", max_iter=20, backend=backend)
    assert np.isfinite(dead.errors).all()
    assert dead.dead == 1
    assert dead.error > alive.error


def test_auto_says_what_it_chose(backend, sprites):
    result = nmf(sprites, 4, solver="auto", max_iter=5, backend=backend)
    assert result.settings["solver"] in SOLVERS
    assert result.settings["inner"] >= 1
