"""The certificate of a result is the norm of the projected gradient at its own W and H."""

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.matrices.seen import folds_of

RNG = np.random.default_rng(0)
A = RNG.random((12, 15)) + 0.1
M = RNG.random(A.shape) * (RNG.random(A.shape) < 0.8)
W_FIXED = RNG.random((12, 2))


def projected_gradient(of_P, W, H, held=0):
    """Its norm, from the definition: `of_P` is the gradient of the loss for W H."""
    total = 0.0
    for X, gradient in ((W[:, held:], (of_P @ H.T)[:, held:]), (H, W.T @ of_P)):
        total += (gradient[(X > 0) | (gradient < 0)] ** 2).sum()
    return np.sqrt(total)


def squares(A, P):
    return P - A


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_the_certificate_is_that_of_the_factors(backend, solver, sprites):
    A = sprites.astype(np.float64)
    start = np.random.default_rng(3)
    W0, H0 = start.random((A.shape[0], 4)), start.random((4, A.shape[1]))
    W0[5:9] = 0
    result = nmf(A, 4, W0=W0, H0=H0, solver=solver, max_iter=30, backend=backend)
    expected, first = (
        projected_gradient(squares(A, W @ H), W, H) for W, H in ((result.W, result.H), (W0, H0))
    )
    assert result.kkt == pytest.approx(expected / first, rel=1e-8)


@pytest.mark.parametrize("held", [0, 2])
@pytest.mark.parametrize(
    ("options", "weights", "gradient"),
    [
        ({"solver": "hals"}, None, squares),
        ({"weights": M}, M, squares),
        ({"weights": M, "solver": "hals"}, M, squares),
        ({"weights": M, "solver": "hals", "extrapolate": True}, M, squares),
        ({"folds": 4, "seed": 5}, folds_of(*np.ogrid[:12, :15], 4) != 1, squares),
        ({"loss": "kullback-leibler"}, None, lambda A, P: 1 - A / P),
        ({"loss": "kullback-leibler", "weights": M}, M, lambda A, P: 1 - A / P),
        ({"loss": "itakura-saito"}, None, lambda A, P: (P - A) / P**2),
    ],
)
def test_it_is_with_every_loss_and_kind_of_step(options, weights, gradient, held):
    """Some of them have a part of it at hand from the loop, others have not."""
    W0, H0 = RNG.random((12, 4)), RNG.random((4, 15))
    W0[:, :held] = W_FIXED[:, :held]
    known = {"W_fixed": W_FIXED} if held else {}
    result = nmf(A, 4, W0=W0, H0=H0, max_iter=25, backend="numpy", **options, **known)
    expected, first = (
        projected_gradient(gradient(A, W @ H) * (1 if weights is None else weights), W, H, held)
        for W, H in ((result.W, result.H), (W0, H0))
    )
    assert result.kkt == pytest.approx(expected / first, rel=1e-7)
