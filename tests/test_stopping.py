"""Certificates: the KKT residual, and stopping by it."""

import numpy as np
import pytest
from conftest import assert_parity

from nmf_accel import nmf, sweep


def projected_gradient(A, W, H):
    """Its norm, from the definition."""
    R = W @ H - A
    total = 0.0
    for X, gradient in ((W, R @ H.T), (H, W.T @ R)):
        total += (gradient[(X > 0) | (gradient < 0)] ** 2).sum()
    return np.sqrt(total)


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_the_certificate_is_that_of_the_factors(backend, solver, sprites):
    A = sprites.astype(np.float64)
    start = np.random.default_rng(3)
    W0, H0 = start.random((A.shape[0], 4)), start.random((4, A.shape[1]))
    W0[5:9] = 0
    result = nmf(A, 4, W0=W0, H0=H0, solver=solver, max_iter=30, backend=backend)
    expected = projected_gradient(A, result.W, result.H) / projected_gradient(A, W0, H0)
    assert result.kkt == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("solver", "tol"), [("mu", 0.12), ("hals", 0.02), ("bpp", 0.003)])
def test_stopping_by_the_certificate(backend, solver, tol, sprites):
    A = sprites[:, :60].astype(np.float64)
    options = {"solver": solver, "tol": tol, "stop": "kkt", "max_iter": 3000, "check_every": 5}
    result = nmf(A, 6, backend=backend, **options)
    assert result.converged
    assert result.n_iter % 5 == 0
    assert result.stopped_because == f"the KKT residual fell to tol = {tol:g} of the start's"
    assert result.kkt <= 3 * tol  # it was measured half an iteration before
    assert nmf(A, 6, backend="numpy", **options).n_iter == result.n_iter
    if result.n_iter > 5:  # and not a check too late
        before = nmf(A, 6, solver=solver, max_iter=result.n_iter - 6, backend=backend)
        assert before.kkt > 0.7 * tol


def test_a_solution_has_no_residual(backend):
    A = np.outer([1.0, 2, 3], [1.0, 4])
    result = nmf(A, 1, solver="hals", max_iter=50, tol=1e-9, stop="kkt", backend=backend)
    assert result.converged
    assert result.kkt < 1e-9


def test_the_rule_of_coordinate_descent(backend, sprites):
    # Held against scikit-learn in test_estimator.py; here, that a sweep stops where nmf does.
    A = sprites[:, :40].astype(np.float64)
    options = {"solver": "hals", "tol": 0.01, "stop": "descent", "backend": backend}
    single = nmf(A, 4, seed=1, **options)
    assert single.stopped_because == "the violation met in descent fell to tol = 0.01 of the first"
    (row,) = sweep(A, [4], [1], **options).table
    assert row["iterations"] == single.n_iter < 1000
    for wrong in ({"solver": "mu"}, {"inner": 3}):
        with pytest.raises(ValueError, match="stop='descent' is what one pass of solver='hals'"):
            nmf(A, 4, **{**options, **wrong})


def test_each_run_of_a_sweep_stops_by_itself(backend, sprites):
    A = sprites[:, :40].astype(np.float64)
    options = {"solver": "hals", "tol": 0.01, "stop": "kkt", "max_iter": 500, "backend": backend}
    result = sweep(A, [4], seeds=4, keep="all", **options)
    lengths = []
    for (rank, seed), packed in result.factorizations.items():
        single = nmf(A, rank, seed=seed, **options)
        assert packed.n_iter == single.n_iter
        assert packed.kkt <= 0.01
        assert_parity(packed.W, single.W, 1e-10)
        lengths.append(packed.n_iter)
    assert len(set(lengths)) > 1
