"""Components that are held: in every solver, on every backend, with whatever else there is."""

import numpy as np
import pytest
from conftest import SETTINGS, assert_equals_single_runs, assert_parity, to_host
from reference import kkt_residual, squares
from scipy.sparse import csr_array

from nmf_accel import StoreError, backends, nmf, project, sweep
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.core import Problem
from nmf_accel.core.held import held_in
from nmf_accel.intake import Given, hold, prepare
from nmf_accel.losses import FROBENIUS, Divergence
from nmf_accel.matrices import Dense, Partly, RawSparse
from nmf_accel.solvers import SOLVERS

RNG = np.random.default_rng(0)
M, N, D = 40, 50, 5
W_TRUE = RNG.gamma(0.6, 1, (M, D))
A = W_TRUE @ RNG.gamma(0.6, 1, (D, N)) + 0.05 * RNG.random((M, N))
A[3], A[:, 5] = 0, 0  # where something is held, W H need not be zero
W_FIXED = W_TRUE[:, :2].copy()
H_FIXED = np.full((4, N), np.nan)
H_FIXED[[1, 3]] = RNG.random((2, N))  # so component 1 is held in both, and 3 in H alone
FIXED = {"W_fixed": W_FIXED, "H_fixed": H_FIXED}
EACH = {"W": {"W_fixed": W_FIXED}, "H": {"H_fixed": H_FIXED}, "both": FIXED}
LOSSES = {
    "divergence": {"loss": 0.5, "B": A + 0.1},
    "sparse divergence": {"loss": 1, "B": csr_array(np.where(A > 1, A, 0))},
    "weights": {"weights": RNG.random((M, N)) * (RNG.random((M, N)) < 0.8), "solver": "hals"},
    "sparse": {"B": csr_array(np.where(A > 1, A, 0)), "solver": "hals"},
    "penalties": {"solver": "hals", "l1_H": 0.1, "l2_W": 0.1, "l2_H": 0.2},
    "extrapolated": {"solver": "hals", "extrapolate": True},
}


def factors(result):
    return to_host(result.W), to_host(result.H)


@pytest.mark.parametrize("fixed", ["both", "W of numpy", "H of numpy"])
@SETTINGS
def test_held_components_stay_to_the_bit_and_the_error_never_rises(solver, inner, fixed, backend):
    which, _, only = fixed.partition(" of ")
    if only and backend != only:
        pytest.skip("both at once say it there")  # where each is compiled anew
    fixed = EACH[which]
    options = {"solver": solver, "inner": inner, "max_iter": 60, **fixed}
    result = nmf(A, D, backend=backend, **options)
    W, H = factors(result)
    if "W_fixed" in fixed:
        np.testing.assert_array_equal(W[:, :2], W_FIXED)
    if "H_fixed" in fixed:
        np.testing.assert_array_equal(H[[1, 3]], H_FIXED[[1, 3]])
    assert result.error == pytest.approx(np.linalg.norm(A - W @ H), rel=1e-11)
    if solver != "apg":
        assert np.diff(result.errors).max() <= 1e-13 * result.errors[0]
    expected = nmf(A, D, backend="numpy", **options)
    assert_parity(W, expected.W, 1e-10)
    np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-10)


def mu(A, W, H, in_W, in_H, iterations, delta):
    """Lee and Seung's updates of all components, those that are held put back."""
    W, H = W.copy(), H.copy()
    for _ in range(iterations):
        new = H * (W.T @ A) / (W.T @ W @ H + delta)
        H[~in_H] = new[~in_H]
        new = W * (A @ H.T) / (W @ (H @ H.T) + delta)
        W[:, ~in_W] = new[:, ~in_W]
    return W, H


def hals(A, W, H, in_W, in_H, iterations, delta):
    """One component after the other, but those that are held."""
    W, H = W.copy(), H.copy()
    for _ in range(iterations):
        for k in np.flatnonzero(~in_H):
            rest = A - W @ H
            H[k] = np.maximum(0, H[k] + W[:, k] @ rest / (W[:, k] @ W[:, k]))
        for k in np.flatnonzero(~in_W):
            rest = A - W @ H
            W[:, k] = np.maximum(0, W[:, k] + rest @ H[k] / (H[k] @ H[k]))
    return W, H


@pytest.mark.parametrize("by_hand", [mu, hals])
def test_the_iterations_are_those_of_the_textbook_without_some_rows(by_hand):
    problem = hold(prepare(Given(A), backend="numpy", drop=False), [D], W_FIXED, H_FIXED)
    W0, H0 = problem.draw(D, 0, "random")
    in_W, in_H = np.arange(D) < 2, np.isin(np.arange(D), [1, 3])
    W0[:, in_W], H0[in_H] = W_FIXED, H_FIXED[[1, 3]]
    W, H = by_hand(A, W0, H0, in_W, in_H, 30, 1e-9 * A.mean() ** 1.5)
    result = nmf(A, D, solver=by_hand.__name__, max_iter=30, backend="numpy", **FIXED)
    assert_parity(result.W, W, 1e-10)
    assert_parity(result.H, H, 1e-10)


@pytest.mark.parametrize("options", LOSSES.values(), ids=LOSSES)
def test_with_whatever_else_there_is(options, backend):
    options = {"max_iter": 50, "tol": 1e-9, "stop": "kkt", **FIXED, **options}
    B = options.pop("B", A)
    if not isinstance(B, np.ndarray) and RawSparse not in backends.get(backend).kinds:
        pytest.skip("takes no sparse matrices")
    result, expected = (nmf(B, D, backend=name, **options) for name in (backend, "numpy"))
    W, H = factors(result)
    np.testing.assert_array_equal(W[:, :2], W_FIXED)
    np.testing.assert_array_equal(H[[1, 3]], H_FIXED[[1, 3]])
    if not options.keys() & {"l1_H"}:
        assert np.diff(result.errors).max() <= 1e-12 * result.errors[0]
    assert_parity(W, expected.W, 1e-9)
    assert 0 < result.kkt < 1


def test_an_exact_fit_is_measured_by_its_residual(backend):
    W, H = RNG.random((M, 4)), RNG.random((4, N))
    options = {"W0": W, "H0": H + 1e-9, "W_fixed": W[:, :2], "solver": "hals", "max_iter": 3}
    result = nmf(W @ H, 4, backend=backend, **options)
    error = np.linalg.norm(W @ H - np.matmul(*factors(result)))
    assert result.error == pytest.approx(error, rel=1e-4)
    assert error < 1e-8 * np.linalg.norm(W @ H)


@pytest.mark.parametrize("solver", ["hals", "bpp", "apg"])
def test_it_ends_where_the_gradient_of_what_is_learned_does(solver):
    settings = {"solver": solver, "stop": "kkt", "tol": 1e-6, "max_iter": 3000}
    result = nmf(A, D, backend="numpy", **settings, **FIXED)
    assert result.converged
    (W, H), rest = factors(result), result.reconstruct() - A
    of_W, of_H = (rest @ H.T)[:, 2:], (W.T @ rest)[[0, 2, 4]]
    pairs = (of_W, W[:, 2:]), (of_H, H[[0, 2, 4]])
    ends = np.concatenate([g[(x > 0) | (g < 0)] for g, x in pairs])
    start = np.linalg.norm(W.T @ A)
    assert np.linalg.norm(ends) < 1e-4 * start
    expected = kkt_residual(W, H, squares(A), held=([1, 3], [0, 1]))
    assert result.kkt == pytest.approx(expected, rel=1e-3)
    # What is held need not be where its own gradient is zero.
    assert np.linalg.norm((W.T @ rest)[[1, 3]]) > 1e-2 * start


def test_a_held_w_is_a_projection(backend):
    H = project(A, W_TRUE, backend="numpy")
    for options in ({"solver": "bpp", "max_iter": 1}, {"solver": "hals", "max_iter": 300}):
        result = nmf(A, D, W_fixed=W_TRUE, backend=backend, **options)
        assert_parity(to_host(result.H), H, 1e-9)
        assert result.error == pytest.approx(np.linalg.norm(A - W_TRUE @ H), rel=1e-9)
    transposed = nmf(A.T, D, H_fixed=W_TRUE.T, solver="bpp", max_iter=1, backend=backend)
    assert_parity(to_host(transposed.W), H.T, 1e-9)


@pytest.mark.parametrize(
    ("solver", "options"), [("mu", {"loss": 1}), ("hals", {"weights": RNG.random((M, N)) < 0.7})]
)
def test_a_held_w_is_a_projection_of_other_losses(solver, options):
    options |= {"tol": 0.0, "max_iter": 300, "backend": "numpy"}
    H = project(A, W_TRUE, **options)
    options |= {"W_fixed": W_TRUE, "solver": solver}
    result, there = nmf(A, D, **options), nmf(A, D, H0=H, **options | {"max_iter": 1})
    assert result.error == pytest.approx(there.error, rel=1e-4)


def test_a_held_w_costs_no_walk_of_its_own(monkeypatch):
    walks, parts = [], Divergence._parts

    def counted(*args, **options):
        walks.append(1)
        return parts(*args, **options)

    monkeypatch.setattr(Divergence, "_parts", counted)
    for max_iter in (5, 10):
        nmf(A, D, loss=1, W_fixed=W_TRUE, max_iter=max_iter, backend="numpy")
        walks.append(0)
    five, ten = np.diff([-1, *np.flatnonzero(np.array(walks) == 0)])
    assert ten - five == 5


@pytest.mark.parametrize("fixed", EACH.values(), ids=EACH)
def test_columns_in_blocks_give_the_same(fixed, monkeypatch):
    """As of an A that no cache holds."""
    options = {"solver": "hals", "stop": "kkt", "tol": 1e-12, "max_iter": 30, "backend": "numpy"}
    expected = nmf(A, D, **options, **fixed)
    taken, columns = [], Partly.columns
    monkeypatch.setattr(Partly, "columns", lambda *args: taken.append(1) or columns(*args))
    monkeypatch.setattr(ways, "way_for", lambda *args, **kw: ways.ByColumns(2, 15))
    result = nmf(A, D, **options, **fixed)
    assert taken
    assert_parity(result.W, expected.W, 1e-10)
    np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-10)


class Counting(Dense):
    """A matrix that counts the rows that are multiplied with it."""

    rows_multiplied = 0

    @property
    def T(self):
        return Counting(self.array.mT, self.library)

    def times(self, Y):
        Counting.rows_multiplied += Y.shape[0]
        return super().times(Y)


def test_products_with_a_are_made_for_what_is_free_alone(monkeypatch):
    monkeypatch.setattr(Counting, "rows_multiplied", 0)
    plain = prepare(Given(A), backend="numpy", drop=False)
    counting = Problem(plain.backend, Counting(plain.A.array, plain.backend), plain.frame, 1.0)
    problem = hold(counting, [D], W_FIXED, H_FIXED)
    held = held_in(problem, FROBENIUS, D)
    assert Counting.rows_multiplied == 2 + 2  # once and for all
    B = held.matrix(problem.A)
    Wt, H = RNG.random((1, D, M)), RNG.random((1, D, N))
    Wt[:, :2], H[:, [1, 3]] = W_FIXED.T, H_FIXED[[1, 3]]
    np.testing.assert_allclose(B.left(Wt)[:, [0, 2, 4]], (Wt @ A)[:, [0, 2, 4]])
    np.testing.assert_allclose(B.T.left(H)[:, [2, 3, 4]], (H @ A.T)[:, [2, 3, 4]])
    assert Counting.rows_multiplied == 2 + 2 + 2 * 2  # components 2 and 4 are free in both


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_packed_runs_are_single_ones(dtype, backend):
    options = {"max_iter": 20, "dtype": dtype, "solver": "hals", "loss": "frobenius", **FIXED}
    if dtype == "float64":
        result = sweep(A, [4, D], 2, keep="all", backend=backend, **options)
        assert_equals_single_runs(result, A, backend, **options)
    else:
        result = nmf(A, D, backend=backend, **options)
        np.testing.assert_array_equal(to_host(result.W)[:, :2], W_FIXED.astype(dtype))


def test_what_is_held_belongs_to_a_stored_sweep(tmp_path):
    options = {"max_iter": 5, "store": tmp_path, "backend": "numpy"}
    sweep(A, [4], 2, W_fixed=W_FIXED, **options)
    again = sweep(A, [4], 3, W_fixed=W_FIXED.copy(), **options)
    assert again.skipped == 2
    for other in ({}, {"W_fixed": 2 * W_FIXED}, {"W_fixed": W_FIXED, "H_fixed": H_FIXED}):
        with pytest.raises(StoreError, match="_fixed is"):
            sweep(A, [4], 2, **other, **options)


def test_what_is_held_is_written_down():
    assert nmf(A, D, max_iter=1, backend="numpy", **FIXED).settings["held"] == {
        "W": [0, 1],
        "H": [1, 3],
    }
    assert "held" not in nmf(A, D, max_iter=1, backend="numpy").settings


def test_what_is_held_stays_where_nothing_is_known():
    known = RNG.random((M, N)) < 0.8
    known[7], known[:, 9] = False, False
    options = {"weights": known, "unknown": "zero", "solver": "hals", "backend": "numpy"}
    result = nmf(A, D, max_iter=20, **options, **FIXED)
    (packed,) = sweep(A, [D], 1, max_iter=20, **options, **FIXED).factorizations.values()
    for found in (result, packed):
        np.testing.assert_array_equal(found.W[:, :2], W_FIXED)
        np.testing.assert_array_equal(found.H[[1, 3]], H_FIXED[[1, 3]])
        assert not found.W[7, 2:].any()
        assert not found.H[[0, 2, 4], 9].any()


@pytest.mark.parametrize("solver", [x for x in SOLVERS if x != "apg"])  # one step for all rows
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_scale_of_what_is_held_does_not_matter(scale, solver):
    """Neither to exact half-steps nor to `tol`."""
    options = {"solver": solver, "tol": 1e-4, "max_iter": 2000, "backend": "numpy"}
    one, other = (nmf(A, D, W_fixed=W, **options) for W in (W_FIXED, scale * W_FIXED))
    assert one.converged
    assert one.n_iter == other.n_iter
    assert other.error == pytest.approx(one.error, rel=1e-4)
    uneven = W_TRUE * np.where(np.arange(D) == 0, scale**2, 1)
    one, other = (
        nmf(A, D, W_fixed=W, solver="bpp", max_iter=1, backend="numpy").error
        for W in (W_TRUE, uneven)
    )
    assert other == pytest.approx(one, rel=1e-6)


def test_nothing_is_held_by_nan_alone():
    plain = nmf(A, D, max_iter=10, backend="numpy")
    none = nmf(A, D, max_iter=10, backend="numpy", W_fixed=np.full((M, 3), np.nan))
    np.testing.assert_allclose(none.errors, plain.errors, rtol=1e-12)


@pytest.mark.parametrize(
    ("fixed", "error", "message"),
    [
        ({"W_fixed": W_FIXED[1:]}, ValueError, "W_fixed has 39 rows; it must have 40"),
        ({"H_fixed": H_FIXED[:, 1:]}, ValueError, "H_fixed has 49 columns; it must have 50"),
        ({"W_fixed": RNG.random((M, D + 1))}, ValueError, "W_fixed has 6 columns, but rank is 5"),
        ({"H_fixed": RNG.random((D + 2, N))}, ValueError, "H_fixed has 7 rows, but rank is 5"),
        ({"W_fixed": -W_FIXED}, ValueError, r"W_fixed has .* negative entries, first at \(0, 0\)"),
        ({"W_fixed": np.diag(np.full(M, np.nan))[:, :2]}, ValueError, "column 0 of W_fixed is NaN"),
        ({"W_fixed": csr_array(W_FIXED)}, TypeError, r"W_fixed is sparse.*toarray"),
        ({"W_fixed": np.ma.array(W_FIXED)}, TypeError, "W_fixed is a masked array"),
        ({"W_fixed": W_FIXED[:, 0]}, ValueError, "W_fixed must be a matrix"),
        ({"W_fixed": W_TRUE, "H_fixed": np.ones((D, N))}, ValueError, "hold all of W and H"),
        ({"W_fixed": 1e200 * W_FIXED}, ValueError, "W_fixed is so large"),
    ],
)
def test_what_cannot_be_held_is_refused(fixed, error, message):
    with pytest.raises(error, match=message):
        nmf(A, D, max_iter=3, backend="numpy", **fixed)


def test_it_is_of_no_library_that_matters(backend):
    found = backends.get(backend)
    with found.scope():
        fixed = found.asarray(W_FIXED, np.dtype("float64"))
    result = nmf(A, D, W_fixed=fixed, max_iter=5, backend=backend)
    expected = nmf(A, D, W_fixed=W_FIXED, max_iter=5, backend="numpy")
    assert_parity(to_host(result.W), expected.W, 1e-10)
