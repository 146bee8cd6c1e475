"""L1 and L2 penalties are minimized with the error, with every solver, on every backend."""

import numpy as np
import pytest
from conftest import SETTINGS, assert_parity
from reference import kkt_residual, squares

from nmf_accel import nmf, sweep

rng = np.random.default_rng(0)
A = rng.random((20, 15))
W0, H0 = rng.random((20, 4)), rng.random((4, 15))
PENALTIES = {"l1_W": 0.05, "l2_W": 0.1, "l1_H": 0.2, "l2_H": 0.3}


def objective(W, H, l1_W=0.0, l2_W=0.0, l1_H=0.0, l2_H=0.0):
    """½‖A − W H‖² + l1_W Σ W + ½ l2_W ‖W‖² + l1_H Σ H + ½ l2_H ‖H‖², as scikit-learn has it."""
    error = 0.5 * ((A - W @ H) ** 2).sum()
    squares = l2_W * (W**2).sum() + l2_H * (H**2).sum()
    return error + l1_W * W.sum() + l1_H * H.sum() + 0.5 * squares


@SETTINGS
def test_the_objective_never_increases(backend, solver, inner):
    found = [objective(W0, H0, **PENALTIES)]
    for max_iter in (1, 2, 3, 5, 10, 30):
        options = {"solver": solver, "inner": inner, "max_iter": max_iter, "backend": backend}
        result = nmf(A, 4, W0=W0, H0=H0, **options, **PENALTIES)
        found.append(objective(result.W, result.H, **PENALTIES))
        assert result.error == pytest.approx(np.linalg.norm(A - result.W @ result.H), rel=1e-9)
    if solver != "apg":  # momentum may overshoot
        assert (np.diff(found) <= 1e-10 * found[0]).all()
    assert found[-1] < found[0]


@SETTINGS
def test_parity(backend, solver, inner):
    options = {"solver": solver, "inner": inner, "max_iter": 40, "W0": W0, "H0": H0, **PENALTIES}
    result, expected = (nmf(A, 4, backend=name, **options) for name in (backend, "numpy"))
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)


@pytest.mark.parametrize("solver", ["mu", "hals", "bpp", "apg"])
def test_it_ends_where_the_penalized_gradient_is_zero(backend, solver):
    options = {"max_iter": 3000 if solver == "mu" else 400, "W0": W0, "H0": H0}
    result = nmf(A, 4, solver=solver, backend=backend, **options, **PENALTIES)
    W, H = result.W, result.H
    rest = W @ H - A
    of_W = rest @ H.T + PENALTIES["l1_W"] + PENALTIES["l2_W"] * W
    of_H = W.T @ rest + PENALTIES["l1_H"] + PENALTIES["l2_H"] * H
    largest = max(np.abs(x * gradient).max() for x, gradient in ((W, of_W), (H, of_H)))
    assert largest < (1e-3 if solver == "mu" else 1e-5)
    assert result.kkt < (1e-3 if solver == "mu" else 1e-6)


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_the_certificate_is_that_of_the_penalized_problem(backend, solver):
    options = {"solver": solver, "max_iter": 20, "backend": backend, "W0": W0, "H0": H0}
    result = nmf(A, 4, **options, **PENALTIES)
    penalties = [[PENALTIES[f"l{k}_{factor}"] for k in (1, 2)] for factor in "HW"]
    expected = kkt_residual(result.W, result.H, squares(A), penalties=penalties)
    assert result.kkt == pytest.approx(expected, rel=1e-8)


def test_one_at_a_time(backend):
    options = {"solver": "hals", "max_iter": 300, "backend": backend, "W0": W0, "H0": H0}
    plain = nmf(A, 4, **options)
    for name, strength in (("l1_W", 1.0), ("l2_W", 2.0), ("l1_H", 1.0), ("l2_H", 2.0)):
        penalized = nmf(A, 4, **options, **{name: strength})
        factor = {"W": plain.W, "H": plain.H}[name[-1]]
        smaller = {"W": penalized.W, "H": penalized.H}[name[-1]]
        size = np.sum if name.startswith("l1") else np.linalg.norm
        assert size(smaller) < 0.9 * size(factor)
        assert penalized.error > plain.error


def test_a_sweep_is_its_single_runs(backend):
    result = sweep(A, [3], 3, max_iter=20, backend=backend, keep="all", **PENALTIES)
    for (rank, seed), packed in result.factorizations.items():
        single = nmf(A, rank, seed=seed, max_iter=20, backend=backend, **PENALTIES)
        assert_parity(packed.W, single.W, 1e-10)
        assert packed.settings["l1_W"] == 0.05


@pytest.mark.parametrize(("name", "value"), [("l1_W", -1.0), ("l2_H", np.inf), ("l1_H", np.nan)])
def test_bad_penalties(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be finite and >= 0"):
        nmf(A, 2, **{name: value})
