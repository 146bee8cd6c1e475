"""The scale of A, and how its size is shared between W and H, change nothing: no stop, no bit."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import nmf, project, sweep
from nmf_accel.sklearn import NMF

RNG = np.random.default_rng(0)
A = RNG.random((30, 20)) + 0.01
M = RNG.random(A.shape) < 0.8
ORDERS = {"float32": (-100, -48, 46, 98), "float64": (-1000, -366, -100, 990)}
"""Powers of two, 60 decimal orders apart and more; in float64 as far as there are numbers."""
HOW = [
    {"solver": "mu"},
    {"solver": "hals"},
    {"solver": "hals", "extrapolate": True},
    {"solver": "bpp"},
    {"solver": "apg"},
    {"loss": "kullback-leibler"},
    {"loss": "itakura-saito"},
    {"loss": 0.5},
    {"weights": M},
    {"folds": 3},
]
NAMES = ["mu", "hals", "extrapolated", "bpp", "apg", "kl", "is", "half", "weights", "folds"]
STOPS = [("kkt", 3e-3), ("error", 1e-3), ("descent", 1e-2)]


def times(A, order, dtype="float64"):
    """A, in a dtype, times a power of two."""
    return np.ldexp(A.astype(dtype), order)


def assert_the_same(found, expected, order):
    assert found.n_iter == expected.n_iter
    assert found.stopped_because == expected.stopped_because
    assert found.kkt == pytest.approx(expected.kkt, rel=1e-12)
    np.testing.assert_allclose(found.errors / found.norm, expected.errors / expected.norm, 1e-12)
    np.testing.assert_array_equal(np.ldexp(found.W, -order // 2), expected.W)
    np.testing.assert_array_equal(np.ldexp(found.H, -order // 2), expected.H)


@pytest.mark.parametrize(("stop", "tol"), STOPS)
@pytest.mark.parametrize("how", HOW, ids=NAMES)
@pytest.mark.parametrize("dtype", ORDERS)
def test_every_stop_is_at_the_same_iteration_at_every_scale(dtype, how, stop, tol):
    if stop == "descent" and how.get("solver") != "hals":
        pytest.skip("no coordinate descent")
    options = {"stop": stop, "tol": tol, "max_iter": 150, "backend": "numpy", **how}
    expected = nmf(A.astype(dtype), 3, **options)
    assert 0 < expected.kkt < 0.1
    for order in ORDERS[dtype]:
        assert_the_same(nmf(times(A, order, dtype), 3, **options), expected, order)


@pytest.mark.parametrize("order", [-301, -61, -25, 25, 61, 301])
def test_a_scale_that_is_no_square_changes_the_start_by_rounding(order):
    options = {"solver": "hals", "max_iter": 30, "backend": "numpy"}
    found, expected = nmf(times(A, order), 3, **options), nmf(A, 3, **options)
    assert found.kkt == pytest.approx(expected.kkt, rel=1e-8)
    assert found.relative_error == pytest.approx(expected.relative_error, rel=1e-12)


def test_every_stop_is_at_the_same_iteration_on_other_backends(backend):
    options = {"solver": "mu", "stop": "kkt", "tol": 1e-2, "max_iter": 60, "backend": backend}
    expected = nmf(A.astype("float32"), 3, **options)
    for order in (-98, 98):
        found = nmf(times(A, order, "float32"), 3, **options)
        assert found.n_iter == expected.n_iter
        assert found.kkt == pytest.approx(expected.kkt, rel=1e-5)
        assert found.relative_error == pytest.approx(expected.relative_error, rel=1e-6)


@pytest.mark.parametrize("order", [-600, -70, 70, 600])
def test_all_that_goes_with_a_is_at_its_scale(order):
    """Starts, held components, penalties, δ; and what comes out: factors, errors, tables."""
    B, half = times(A, order), order // 2
    W0, H0, W_fixed = RNG.random((30, 3)), RNG.random((3, 20)), RNG.random((30, 1))
    penalties = {"l1_W": 0.1, "l2_W": 0.2, "l1_H": 0.3, "l2_H": 0.1}
    of = {"l1_W": 3 * half, "l2_W": order, "l1_H": 3 * half, "l2_H": order}
    common = {"max_iter": 20, "backend": "numpy", "dtype": "float64"}
    for more in ({"solver": "hals"}, {"solver": "mu"}):
        expected = nmf(A, 3, W0=W0, H0=H0, W_fixed=W_fixed, **penalties, **common, **more)
        there = {name: float(np.ldexp(x, of[name])) for name, x in penalties.items()}
        starts = {"W0": W0, "H0": H0, "W_fixed": W_fixed}
        moved = {name: np.ldexp(x, half) for name, x in starts.items()}
        found = nmf(B, 3, **moved, **there, **common, **more)
        assert_the_same(found, expected, order)
        np.testing.assert_array_equal(found.W[:, 0], moved["W_fixed"][:, 0])
        assert found.norm == pytest.approx(np.ldexp(expected.norm, order))
        delta = expected.settings["delta"]
        assert found.settings["delta"] == pytest.approx(np.ldexp(delta, 3 * half))
    H = project(B, np.ldexp(W0, half), l1=there["l1_H"], backend="numpy")
    np.testing.assert_allclose(np.ldexp(H, -half), project(A, W0, l1=0.3, backend="numpy"), 1e-9)
    rows = [
        sweep(X, [3], [4], reference=X + np.ldexp(0.1, k), folds=3, **common).table[0]
        for X, k in ((A, 0), (B, order))
    ]
    for name in ("error", "reference_error", "held_out"):
        assert rows[1][name] == pytest.approx(np.ldexp(rows[0][name], order)), name


@pytest.mark.parametrize("kind", [csr_array, np.asfortranarray], ids=["sparse", "by columns"])
def test_of_whatever_kind_a_is(kind):
    B = np.where(M, A, 0)
    expected, found = (
        nmf(kind(X), 3, solver="hals", max_iter=20, dtype="float32", backend="numpy")
        for X in (B, times(B, -98))
    )
    assert_the_same(found, expected, -98)


@pytest.mark.parametrize("solver", ["cd", "mu", "apg"])
def test_of_the_estimator(solver):
    expected, found = (
        NMF(3, solver=solver, init="random", random_state=0, max_iter=2000).fit(X)
        for X in (A, times(A, -250))
    )
    assert found.n_iter_ == expected.n_iter_
    assert found.reconstruction_err_ == pytest.approx(np.ldexp(expected.reconstruction_err_, -250))


def test_data_of_usual_scale_is_not_copied(monkeypatch):
    from nmf_accel.matrices import RawDense

    def copied(*args):
        raise AssertionError("copied")

    monkeypatch.setattr(RawDense, "times", copied)
    for order in (-23, 0, 23):
        nmf(times(A, order, "float32"), 2, max_iter=1, backend="numpy")


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**18])
def test_a_loss_of_a_high_degree_leaves_float32_sooner(scale):
    A = np.eye(21, 9, dtype=np.float32)  # in whose zeros W H is small, and its cube smaller
    one, other = (nmf(A * x, 8, loss=3, max_iter=60, backend="numpy") for x in (1, scale))
    np.testing.assert_allclose(other.errors / scale**1.5, one.errors, rtol=1e-5)
