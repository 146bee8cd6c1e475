"""The error history is ‖A − W H‖, from the first iteration to exact fits."""

import numpy as np
import pytest
from conftest import assert_histories_agree, low_rank

from nmf_accel import nmf
from nmf_accel.losses import frobenius

RANKS = (16, 64, 256)
ACCURACY = {"float64": 1e-10, "float32": 1e-5}


def residual(A, result):
    """‖A − W H‖ from the definition, in float64."""
    A, W, H = (np.asarray(x, dtype=np.float64) for x in (A, result.W, result.H))
    return np.linalg.norm(A - W @ H)


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
def test_where_the_free_formula_fails_the_residual_takes_over(dtype, no_walks, monkeypatch):
    A, W, H = (x.astype(dtype) for x in low_rank())
    calls = []
    direct = frobenius.residual2
    monkeypatch.setattr(frobenius, "residual2", lambda *a: calls.append(1) or direct(*a))
    nmf(A, 1, max_iter=20, backend="numpy")
    assert not calls
    result = nmf(A, 3, W0=W, H0=H, max_iter=20, backend="numpy")
    assert calls
    assert result.error < 1e-5


def test_errors_never_increase_on_punks(backend, punk_run):
    errors = punk_run(backend, 64, "float64", 100 if backend == "strict" else 1000).errors
    assert (np.diff(errors) < 0).all()


def test_error_histories_agree_between_backends_down_to_exact_fits(backend):
    A, W, H = low_rank()
    starts = {"W0": W * (1 + 1e-3 * np.cos(np.arange(120).reshape(40, 3))), "H0": H}
    result = nmf(A, 3, max_iter=200, backend=backend, **starts)
    expected = nmf(A, 3, max_iter=200, backend="numpy", **starts)
    assert_histories_agree(result.errors, expected.errors, 1e-7)
