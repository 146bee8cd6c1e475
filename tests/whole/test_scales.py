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
    for name in ("error", "reference_error", "held_out", "in_sample"):
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


# (A's factor, what else is asked for)
NO_NUMBERS = [
    (1e-100, {"dtype": "float32"}, "A is so small that its factors are no numbers of float32"),
    (1e-88, {"dtype": "float32"}, "A is so small that its factors are no numbers of float32"),
    (1e100, {"dtype": "float32"}, "A is so large that its factors .* or take dtype='float64'"),
    (1.7e308, {"tol": 1e-4}, "A is so large that its errors are no numbers of float64"),
    (1e-310, {"tol": 1e-4}, "A is so small that its errors are no numbers of float64"),
    (1e210, {"loss": 3.0}, "A is so large that its errors are no numbers of float64"),
    (1e-250, {"loss": 3.0}, "A is so small that its errors are no numbers of float64"),
]


@pytest.mark.parametrize(("factor", "how", "said"), NO_NUMBERS)
def test_what_no_number_outside_can_hold_is_refused(factor, how, said):
    with pytest.raises((ValueError, FloatingPointError), match=said):
        nmf(A / A.max() * factor, 3, max_iter=20, backend="numpy", **how)


def test_the_estimator_and_a_sweep_refuse_it_too():
    for run in (NMF(3, dtype="float32").fit, lambda X: sweep(X, [3], [0], dtype="float32")):
        with pytest.raises(ValueError, match="so small that its factors are no numbers of float32"):
            run(A * 1e-90)


def of_sizes(of_W, of_A):
    """A projection of numbers of these sizes, in float32."""
    W, B = np.full((30, 2), of_W, dtype="float32"), (A * of_A).astype("float32")
    return project(B, W, loss=1.0, tol=0, max_iter=100, backend="numpy")


def test_weights_that_are_no_numbers_are_told_of_where_a_could_not_tell():
    with pytest.raises(ValueError, match="W is so small beside A that H overflows float32"):
        of_sizes(1e-5, 1e36)
    with pytest.warns(UserWarning, match="W is so large beside A that H loses digits in float32"):
        of_sizes(1e10, 1e-30)


@pytest.mark.parametrize("loss", [0.5, "itakura-saito", -3])
def test_losses_of_small_entries_are_the_same_at_every_scale(loss):
    B = (A * np.ldexp(1.0, -np.arange(30) // 3)[:, None]).astype("float32")  # three decades
    options = {"loss": loss, "max_iter": 60, "backend": "numpy"}
    expected = nmf(B.astype("float64"), 3, **options)
    for order in (0, -10, -20, -24, -26, -60, 20, 60):
        found = nmf(np.ldexp(B, order), 3, **options)
        assert found.relative_error == pytest.approx(expected.relative_error, rel=1e-3), order
        assert found.kkt == pytest.approx(expected.kkt, rel=0.05)


def test_one_large_row_does_not_drown_the_others():
    B = A.copy()
    B[0] *= 1e15
    expected, found = (
        nmf(B.astype(x), 4, loss="itakura-saito", max_iter=50, backend="numpy")
        for x in ("float64", "float32")
    )
    assert found.error == pytest.approx(expected.error, rel=1e-4)


def test_a_range_beyond_float32_is_left_where_its_small_entries_are_kept():
    from nmf_accel.core import order_of

    f32, reach = np.dtype("float32"), 3.6e-15  # of Itakura and Saito's
    assert order_of(3e-14, 1e16, f32, 0.0, reach) == 0  # halfway it would be 2e-15
    assert order_of(1e-11, 1e15, f32, 0.0, reach) == round(np.log2(1e4) / 4)
    assert order_of(1.0, 1e30, f32, 0.0, reach) == round(np.log2(1e30) / 4)  # no squares


def test_entries_below_what_w_h_can_be_are_told_of():
    B = A.copy()
    B[0] *= 1e-30
    with pytest.warns(UserWarning, match=r"from .*e-\d+ to .*takes W H for at least .* float32"):
        nmf(B, 3, loss="itakura-saito", dtype="float32", max_iter=2, backend="numpy")


@pytest.mark.parametrize("factor", [1e-220, 1e250])
def test_a_usual_delta_that_is_no_float_is_left_open_for_the_next_run(factor):
    found = nmf(A * factor, 3, max_iter=20, backend="numpy")
    assert found.settings["delta"] is None
    again = nmf(A * factor, 3, delta=found.settings["delta"], max_iter=20, backend="numpy")
    np.testing.assert_array_equal(again.W, found.W)


def test_penalties_and_delta_that_no_loop_can_hold_are_refused():
    small, large = ((A * x).astype("float32") for x in (1e-30, 1e30))
    for name in ("l1_H", "l2_H", "l1_W", "l2_W"):
        # l2 is of the size of A, l1 of its power 3/2
        with pytest.raises(ValueError, match=rf"{name} is 0.1, so large beside A .* smaller"):
            nmf(small, 3, **{name: 0.1}, backend="numpy")
    with pytest.raises(ValueError, match=r"delta is 1e\+300, so large beside A"):
        nmf(large, 3, delta=1e300, backend="numpy")


@pytest.mark.parametrize(("size", "factor"), [(1e35, 1e-30), (1e-30, 1e36)])
def test_a_start_that_is_no_number_beside_a_is_refused(size, factor):
    B, W0 = ((x * y).astype("float32") for x, y in ((A, factor), (np.ones((30, 3)), size)))
    with pytest.raises(ValueError, match=r"W0 \(largest entry .* no number of float32 beside it"):
        nmf(B, 3, W0=W0, backend="numpy")


def test_only_what_was_given_is_called_too_large():
    with pytest.raises(ValueError, match="with W_fixed as given, W and H are so large"):
        nmf(A, 3, W_fixed=np.full((30, 1), 3e18), dtype="float32", backend="numpy")


def test_a_far_matrix_is_copied_once(monkeypatch):
    from nmf_accel.matrices import RawDense

    copies, times_of = [], RawDense.times
    monkeypatch.setattr(RawDense, "times", lambda *x: copies.append(x) or times_of(*x))
    nmf(times(A, -60, "float32"), 2, max_iter=1, backend="numpy")
    assert len(copies) == 1


FAR = [("float32", -100), ("float32", 120), ("float64", -100), ("float64", 34), ("float64", 660)]
"""For scikit-learn's start, which cuts off at 1e-6: in float64 sooner than for our loop."""


@pytest.mark.parametrize("init", [None, "nndsvd", "nndsvda", "nndsvdar", "random"])
@pytest.mark.parametrize(
    ("dtype", "order"), [("float32", -100), ("float32", 120), ("float64", 660)]
)
def test_the_start_of_the_estimator_follows_a_far_scale(init, dtype, order):
    X = A.astype(dtype)
    X /= X.max()
    near, far = (
        NMF(3, init=init, solver="hals", random_state=0, max_iter=400).fit(x)
        for x in (X, np.ldexp(X, order))
    )
    assert far.n_iter_ == pytest.approx(near.n_iter_, abs=10)
    error = float(np.ldexp(far.reconstruction_err_, -order))
    assert error == pytest.approx(near.reconstruction_err_, rel=1e-3)


@pytest.mark.parametrize("factor", [2.0**-23, 1.0, 2.0**23])
def test_the_start_of_usual_data_is_scikit_learns_to_the_bit(factor):
    from sklearn.decomposition import NMF as Original

    from nmf_accel.sklearn.fitting import start

    model, X = NMF(3, random_state=0), A / A.max() * factor
    model._check_params(X)
    other = Original(3, random_state=0)
    other._check_params(X)
    expected = other._check_w_h(X, None, None, update_H=True)
    for found, there in zip(start(model, X, None, None), expected, strict=True):
        np.testing.assert_array_equal(found, there)
