"""The certificate of a result is the norm of the projected gradient at its own W and H."""

import numpy as np
import pytest

from nmf_accel import nmf


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
