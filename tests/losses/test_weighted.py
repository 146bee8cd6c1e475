"""Missing entries and weights: with every solver and loss, by definition, on every backend."""

import numpy as np
import pytest
from conftest import THREADS, assert_equals_single_runs, assert_parity
from reference import kkt_residual, squares
from scipy.sparse import csc_array, csr_array

from nmf_accel import Factorization, backends, nmf, project, sweep
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import WEIGHTED_SQUARES, Divergence, Frobenius
from nmf_accel.solvers import SOLVERS

RNG = np.random.default_rng(0)
M, N, D = 60, 80, 5
A = np.maximum(RNG.gamma(0.6, 1, (M, D)) @ RNG.gamma(0.6, 1, (D, N)) + 0.1 * RNG.random((M, N)), 0)
KNOWN = RNG.random((M, N)) < 0.7
WEIGHTS = {"known": KNOWN.astype(float), "weights": 3 * RNG.random((M, N)) * KNOWN}
NUMPY = backends.get("numpy")
BETAS = [-0.5, 0, 0.5, 1, 1.5, 3]


@pytest.mark.parametrize("weights", [WEIGHTS["weights"]], ids=["weights"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_is_that_of_the_definition_and_never_rises(solver, weights, backend):
    result = nmf(A, D, solver=solver, weights=weights, max_iter=100, backend=backend)
    W, H = np.asarray(result.W), np.asarray(result.H)
    assert result.error == pytest.approx(np.sqrt((weights * (A - W @ H) ** 2).sum()), rel=1e-12)
    assert result.norm == pytest.approx(np.sqrt((weights * A**2).sum()), rel=1e-12)
    assert (np.diff(result.errors) <= 1e-13 * result.errors[0]).all()
    expected = nmf(A, D, solver=solver, weights=weights, max_iter=100, backend="numpy")
    assert_parity(W, expected.W, 1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_of_one_are_none(solver, backend):
    ones, none = (
        nmf(A, D, solver=solver, max_iter=100, backend=backend, **more)
        for more in ({"weights": np.ones((M, N))}, {})
    )
    assert_parity(ones.W, none.W, 1e-10)
    np.testing.assert_allclose(ones.errors, none.errors, rtol=1e-10)


@pytest.mark.parametrize("solver", ["hals", "bpp", "apg"])
def test_it_ends_where_the_gradient_does(solver):
    weights, B = WEIGHTS["weights"][:20, :30] + 0.2, A[:20, :30]
    settings = {"max_iter": 5000, "stop": "kkt", "tol": 1e-7, "weights": weights}
    result = nmf(B, 2, solver=solver, backend="numpy", **settings)
    assert result.converged
    expected = kkt_residual(result.W, result.H, squares(B, weights), weights)
    assert result.kkt == pytest.approx(expected, rel=1e-4)
    assert result.kkt < 2e-7  # it is measured half a step before


@pytest.mark.parametrize("loss", ["frobenius", -0.5, 1])
def test_what_is_not_known_changes_no_bit(loss, backend):
    """However it is said that it is not known."""
    B = A + 0.01
    options = {"loss": loss, "max_iter": 30, "backend": backend}
    first, *others = (
        nmf(np.where(KNOWN, B, np.nan), D, missing=np.nan, **options),
        nmf(np.where(KNOWN, B, 77.0), D, missing=77, **options),
        nmf(np.where(KNOWN, B, 1e9), D, weights=KNOWN, **options),
        nmf(np.ma.array(np.where(KNOWN, B, -1), mask=~KNOWN), D, **options),
    )
    for other in others:
        np.testing.assert_array_equal(first.W, other.W)
        np.testing.assert_array_equal(first.errors, other.errors)


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("beta", [-0.5, 0, 1, 1.5])
def test_a_divergence_counts_what_is_known(beta, weights, backend):
    B = A + 0.01 if beta <= 0 else A * (A > 0.3)
    result = nmf(B, D, loss=beta, weights=weights, max_iter=60, backend=backend, l1_H=0.01)
    P = np.asarray(result.W) @ np.asarray(result.H)
    known = weights > 0
    whole = np.zeros_like(P)
    whole[known] = [one(a, p, beta) for a, p in zip(B[known], P[known], strict=True)]
    assert result.error**2 == pytest.approx(2 * (weights * whole).sum(), rel=1e-9)
    values = result.errors**2 / 2
    assert (np.diff(values) <= 0.01 * np.asarray(result.H).sum()).all()
    expected = nmf(B, D, loss=beta, weights=weights, max_iter=60, backend="numpy", l1_H=0.01)
    assert_parity(np.asarray(result.W), expected.W, 1e-10)


def one(a, p, beta):
    """d(a | p), by definition."""
    if beta == 0:
        return a / p - np.log(a / p) - 1
    if beta == 1:
        return (a * np.log(a / p) if a else 0) - a + p
    return (a**beta + (beta - 1) * p**beta - beta * a * p ** (beta - 1)) / (beta * (beta - 1))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", [csr_array, csc_array])
@pytest.mark.parametrize("loss", ["frobenius", *BETAS])
def test_only_what_a_sparse_matrix_stores_is_known(form, loss):
    B = A + 0.01
    B[KNOWN & (B < 0.1)] = 0.1 if loss in (-0.5, 0) else 0  # stored zeros are known
    sparse = form((B[KNOWN], np.nonzero(KNOWN)), shape=B.shape)
    options = {"loss": loss, "max_iter": 60, "backend": "numpy"}
    found, expected = (
        nmf(sparse, D, zeros="missing", **options),
        nmf(B, D, weights=KNOWN, **options),
    )
    assert_parity(found.W, expected.W, 1e-10)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)
    assert sparse.nnz == KNOWN.sum()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("solver", ["hals", "bpp"])
def test_a_sparse_matrix_with_every_way_of_threads(solver, monkeypatch):
    sparse = csr_array((A[KNOWN], np.nonzero(KNOWN)), shape=A.shape)
    options = {"solver": solver, "zeros": "missing", "max_iter": 30}
    expected = nmf(sparse, D, backend="numpy", **options)
    eager = ways.Machine(THREADS, handing=1, python=0)
    monkeypatch.setattr(ways, "here", lambda: eager)
    assert_parity(nmf(sparse, D, backend="numpy", **options).W, expected.W, 1e-10)
    result = sweep(sparse, [3], 4, keep="all", backend="numpy", **options)
    assert_equals_single_runs(result, sparse, "numpy", **options)


@pytest.mark.parametrize(
    "options", [{"solver": "hals"}, {"loss": 1}, {"solver": "bpp", "tol": 1e-3}]
)
def test_packed_runs_are_single_runs(options, backend):
    settings = {"max_iter": 40, "weights": WEIGHTS["weights"], **options}
    result = sweep(A, [2, 4], seeds=3, backend=backend, keep="all", **settings)
    assert_equals_single_runs(result, A, backend, **settings)


def test_extrapolated_it_goes_further(backend):
    settings = {"solver": "hals", "weights": KNOWN, "max_iter": 60, "backend": backend}
    plain, extrapolated = (nmf(A, D, **settings, extrapolate=x) for x in (False, True))
    assert extrapolated.error < plain.error
    W, H = np.asarray(extrapolated.W), np.asarray(extrapolated.H)
    assert extrapolated.error == pytest.approx(np.sqrt((KNOWN * (A - W @ H) ** 2).sum()), rel=1e-12)


def test_float32(backend):
    settings = {"solver": "hals", "weights": WEIGHTS["weights"], "max_iter": 100}
    single = nmf(A, D, dtype="float32", backend=backend, **settings)
    assert np.asarray(single.W).dtype == np.float32
    double = nmf(A, D, backend="numpy", **settings)
    np.testing.assert_allclose(single.errors, double.errors, rtol=0.02)


def test_unseen_is_not_zero():
    """Ratings of which 30 % were seen: what was held out is found far better than by their mean."""
    rng = np.random.default_rng(1)
    truth = rng.gamma(2, 0.5, (200, 4)) @ rng.gamma(2, 0.4, (4, 150))
    seen, held = rng.random(truth.shape) < 0.3, rng.random(truth.shape) < 0.1
    train = seen & ~held
    test = seen & held
    as_zero = nmf(truth * train, 4, solver="hals", max_iter=300)
    known = nmf(truth, 4, solver="hals", weights=train, max_iter=300)
    off = [
        np.sqrt(((P - truth)[test] ** 2).mean())
        for P in (as_zero.reconstruct(), known.reconstruct(), truth[train].mean())
    ]
    assert off[0] > off[2]
    assert off[1] < 0.1 * off[2]


REFUSED = [
    ({"weights": -KNOWN.astype(float)}, ValueError, r"weights are -1.0 at \(0, "),
    ({"weights": np.where(KNOWN, np.inf, 1)}, ValueError, "weights are inf at"),
    ({"weights": KNOWN[:, :3]}, ValueError, r"weights have shape \(60, 3\); they must have A's"),
    ({"weights": csr_array(KNOWN)}, TypeError, r"weights are sparse; pass weights\.toarray"),
    ({"weights": KNOWN * (np.arange(N) != 7)}, ValueError, "nothing is known of 1 column of A"),
    (
        {"weights": KNOWN * (np.arange(M) > 2)[:, None]},
        ValueError,
        "3 rows of A, the first being row 0",
    ),
    ({"zeros": "missing"}, TypeError, "zeros is 'missing', but A is dense"),
    ({"zeros": "unknown"}, ValueError, "zeros is 'unknown'; it must be one of zero, missing"),
    ({"missing": "NA"}, TypeError, "missing is 'NA'; it must be a number"),
]


@pytest.mark.parametrize(("given", "error", "message"), REFUSED)
def test_what_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        nmf(A, 2, **given)


def test_what_is_refused_of_a_sparse_matrix():
    sparse = csr_array((A[KNOWN], np.nonzero(KNOWN)), shape=A.shape)
    with pytest.raises(TypeError, match="A is sparse, and takes no weights; with zeros='missing'"):
        nmf(sparse, 2, weights=KNOWN)
    with pytest.raises(TypeError, match="goes with neither missing= nor weights="):
        nmf(sparse, 2, zeros="missing", weights=KNOWN)
    sparse = csr_array(A * (np.arange(N) != 7))
    with pytest.raises(ValueError, match="the first being column 7; leave them out"):
        nmf(sparse, 2, zeros="missing")
    with pytest.raises(ValueError, match="A has 1 NaN entry"):
        nmf(np.where(np.arange(N) == 7, np.nan, A)[:1], 1)


def test_a_loss_that_knows_of_no_weights_says_so(monkeypatch):
    weighted = prepare(Given(A, weights=KNOWN), backend="numpy").A
    assert Frobenius().on(weighted) is WEIGHTED_SQUARES
    assert Divergence(0.5).on(weighted) == Divergence(0.5)
    from toys import KullbackLeibler

    with pytest.raises(ValueError, match="takes no weights, and no missing entries"):
        KullbackLeibler().on(weighted)


def test_the_fingerprint_tells_weights_apart(tmp_path):
    options = {"seeds": 1, "max_iter": 3, "store": tmp_path}
    sweep(A, [2], weights=KNOWN, **options)
    with pytest.raises(Exception, match="data"):
        sweep(A, [2, 3], weights=~KNOWN, **options)
    with pytest.raises(Exception, match="data"):
        sweep(A, [2, 3], **options)
    assert len(sweep(A, [2, 3], weights=KNOWN, **options).table) == 2


GIVEN = {
    "NaN": lambda: (np.where(KNOWN, A, np.nan), {"missing": np.nan}),
    "masked": lambda: (np.ma.array(A, mask=~KNOWN), {}),
    "weights": lambda: (A, {"weights": KNOWN}),
    "sparse": lambda: (
        csr_array((A[KNOWN], np.nonzero(KNOWN)), shape=A.shape),
        {"zeros": "missing"},
    ),
}


@pytest.mark.parametrize("given", GIVEN)
def test_a_matrix_is_completed(given, tmp_path):
    B, more = GIVEN[given]()
    result = nmf(B, D, solver="hals", max_iter=20, backend="numpy", **more)
    completed = result.complete()
    np.testing.assert_array_equal(completed[KNOWN], A[KNOWN])
    np.testing.assert_allclose(completed[~KNOWN], (result.W @ result.H)[~KNOWN])
    result.save(tmp_path / "f.npz")
    with pytest.raises(ValueError, match=r"A is not at hand; take numpy\.where"):
        Factorization.load(tmp_path / "f.npz").complete()


def test_what_is_all_known_is_itself():
    for B in (A, csr_array(A)):
        np.testing.assert_array_equal(nmf(B, 2, max_iter=3).complete(), A)


@pytest.mark.parametrize("loss", ["frobenius", 1])
def test_samples_of_which_not_all_is_known_are_projected(loss, backend):
    W = nmf(A, D, solver="hals", max_iter=100, backend="numpy").W
    options = {"loss": loss, "tol": 1e-9, "max_iter": 3000, "backend": backend}
    H = np.asarray(project(np.where(KNOWN, A, np.nan), W, missing=np.nan, **options))
    other = np.asarray(project(A, W, weights=KNOWN, **options))
    np.testing.assert_array_equal(H, other)
    P = W @ H
    gradient = W.T @ (KNOWN * ((P - A) if loss == "frobenius" else 1 - A / np.maximum(P, 1e-12)))
    assert np.abs(gradient * H).max() < 1e-3 * np.abs(W.T @ (KNOWN * A)).max()


def test_what_must_be_known_whole():
    masked = np.ma.array(np.ones((M, 2)), mask=np.eye(M, 2) > 0)
    with pytest.raises(TypeError, match="W0 is a masked array; all of it must be known"):
        nmf(A, 2, W0=masked)
    with pytest.raises(TypeError, match="reference is a masked array"):
        sweep(A, [2], 1, reference=np.ma.array(A, mask=~KNOWN))


def test_where_nothing_is_missing_it_is_the_plain_run():
    plain = nmf(A, 2, max_iter=5)
    none = np.ma.array(A), np.ma.array(A, mask=A < 0)
    for B, more in ((A, {"missing": np.nan}), *((x, {}) for x in none)):
        np.testing.assert_array_equal(nmf(B, 2, max_iter=5, **more).W, plain.W)
