"""An iteration whose half-steps go through the components in orders that are given."""

from functools import partial

import numpy as np
import pytest
from allowed import FLOAT64
from conftest import assert_histories_agree, assert_parity, low_rank

from nmf_accel.core import shuffled_batch
from nmf_accel.factorize import factorize
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options

A = low_rank(20, 15, 4)[0] + 0.1 * np.random.default_rng(1).random((20, 15))


def run(orders, backend, **options):
    given = Given(A)
    problem = prepare(given, backend=backend)
    options = Options(rank=4, solver="hals", **options)
    batch_of = {"batch_of": partial(shuffled_batch, orders)} if orders is not None else {}
    return factorize(problem, options, given=given, **batch_of)


@pytest.mark.parametrize(
    "stop", [{}, {"stop": "kkt", "tol": 1e-2}, {"stop": "descent", "tol": 0.1}]
)
def test_in_order_it_is_the_plain_iteration(stop, backend):
    orders = np.broadcast_to(np.arange(4), (300, 2, 4))
    options = {"max_iter": 300, "check_every": 1, **stop}
    found, expected = run(orders, backend, **options), run(None, backend, **options)
    assert found.n_iter == expected.n_iter
    assert found.converged == bool(stop)
    assert_parity(found.W, expected.W, FLOAT64)
    assert_parity(found.H, expected.H, FLOAT64)
    assert_histories_agree(found.errors, expected.errors, FLOAT64)


def descended(X, N, G, order):
    """X after one pass of coordinate descent in that order, from its definition."""
    X = X.copy()
    for k in order:
        X[k] = np.maximum(0, X[k] + (N[k] - G[k] @ X) / G[k, k])
    return X


def test_each_half_step_has_its_own_order(backend):
    generator = np.random.default_rng(2)
    orders = [[generator.permutation(4) for _ in range(2)] for _ in range(5)]
    W, H = prepare(Given(A), backend="numpy").draw(4, 0, "random")
    for of_H, of_W in orders:
        H = descended(H, W.T @ A, W.T @ W, of_H)
        W = descended(W.T, H @ A.T, H @ H.T, of_W).T
    found = run(orders, backend, max_iter=5)
    assert_parity(np.asarray(found.W), W, FLOAT64)
    assert_parity(np.asarray(found.H), H, FLOAT64)
