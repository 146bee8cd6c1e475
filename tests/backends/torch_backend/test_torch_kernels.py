"""PyTorch's own kernels give what the generic ones give."""

import numpy as np
import pytest

from nmf_accel import backends, nmf
from nmf_accel.backends.torch_backend import kernels
from nmf_accel.losses import Penalty, Quadratic
from nmf_accel.solvers.descent import descend

A = np.random.default_rng(0).random((12, 10))


@pytest.mark.parametrize("penalty", [Penalty(), Penalty(0.1, 0.2)], ids=["plain", "penalized"])
@pytest.mark.parametrize(("runs", "d", "n"), [(1, 3, 5), (2, 37, 9), (1, 20, 2600)])
def test_descent_is_the_generic_one_with_dead_components_and_leaves_x(torch, runs, d, n, penalty):
    backend, rng = backends.get("torch"), np.random.default_rng(1)
    Y, X, N = rng.random((runs, d, d + 3)), rng.random((runs, d, n)), rng.random((runs, d, n))
    Y[:, 1] = 0  # dead, so that X_1 stays as it is
    X, N, G = (torch.as_tensor(x) for x in (X * (X > 0.5), N, Y @ Y.mT))
    before = X.clone()
    with backend.scope():
        found = kernels.descend(backend, X, Quadratic(N, G), penalty)
        wanted = descend(backend, X, Quadratic(N, G), penalty)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)
    assert torch.equal(X, before)
    if penalty.l2 is None:
        assert torch.equal(found[:, 1], X[:, 1])


def test_systems_of_some_of_the_variables_are_solved(torch, monkeypatch):
    backend, rng = backends.get("torch"), np.random.default_rng(0)
    monkeypatch.setattr(kernels, "MOST_SYSTEMS", 14)  # so that there are several blocks
    Y, N, F = rng.random((2, 5, 9)), rng.random((2, 5, 30)), rng.random((2, 5, 30)) < 0.5
    F[:, :, :10], F[0, :, 11] = F[:, :, :1], False
    G = Y @ Y.mT
    with backend.scope():
        found = backend.to_numpy(
            backend.kernels["solve_passive"](
                backend, *(torch.as_tensor(x) for x in (G, N, F)), torch.ones(2, 30) > 0
            )
        )
    for r, k in np.ndindex(2, 30):
        f = F[r, :, k]
        wanted = np.zeros(5)
        wanted[f] = np.linalg.solve(G[r][np.ix_(f, f)], N[r, f, k])
        np.testing.assert_allclose(found[r, :, k], wanted, rtol=1e-8, atol=1e-12)
    expected = nmf(A, 4, solver="bpp", max_iter=30, backend="numpy")
    result = nmf(A, 4, solver="bpp", max_iter=30, backend="torch")
    np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-10)


def test_singular_systems_are_solved_without_an_error(torch):
    backend = backends.get("torch")
    with backend.scope():
        G, N = (backend.asarray(np.zeros(s), "float64") for s in ((1, 3, 3), (1, 3, 4)))
        F = backend.asarray(np.ones((1, 3, 4), dtype=bool), "bool")
        found = backend.kernels["solve_passive"](backend, G, N, F, F[:, 0])
    assert not np.isfinite(backend.to_numpy(found)).any()
