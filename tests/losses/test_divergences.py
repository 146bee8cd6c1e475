"""The β-divergences: values, gradients and updates by their definitions, and as scikit-learn's."""

import warnings

import numpy as np
import pytest
from conftest import assert_equals_single_runs, assert_parity
from scipy.sparse import csr_array

from nmf_accel import backends, nmf, project, sweep
from nmf_accel.backends.cupy_backend import divergences as cupys
from nmf_accel.backends.numpy_backend import divergences as numpys
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, LOSSES, Divergence, divergences, loss_called
from nmf_accel.options import Options

BETAS = [-0.5, 0, 0.5, 1, 1.2, 2.5, 3]
FEW = [0, 1, 1.2]
"""Of each form of the arithmetic one, where a compiler makes each case dear."""
NUMPY = backends.get("numpy")
NAMES = {0: "itakura-saito", 1: "kullback-leibler"}


def data(m=40, n=60, d=5, seed=0, zeros=False):
    """Of so many components, with noise as of signals; Poisson's counts with `zeros`."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(2, 1, (m, d)) @ rng.gamma(1, 1, (d, n))
    A = rng.poisson(rates / 5).astype(float) if zeros else rates * rng.gamma(5, 0.2, (m, n))
    W0, H0 = rng.uniform(0.1, 1, (m, d)), rng.uniform(0.1, 1, (d, n))
    size = np.sqrt(A.mean() / d)
    return A, size * W0, size * H0


def divergence(A, P, beta):
    """Twice Σ d(a | p), by definition, in the longest floats there are."""
    a, p = A.astype(np.longdouble), P.astype(np.longdouble)
    logs = np.log(np.where(a > 0, a, 1) / p)
    if beta == 1:
        terms = a * logs - a + p
    elif beta == 0:
        terms = a / p - logs - 1
    else:
        powers = np.where(a > 0, np.where(a > 0, a, 1) ** np.longdouble(beta), 0)
        terms = powers + (beta - 1) * p**beta - beta * a * p ** (beta - np.longdouble(1))
        terms /= beta * (beta - np.longdouble(1))
    return float(2 * terms.sum())


@pytest.mark.parametrize(
    ("beta", "zeros"), [(b, False) for b in BETAS] + [(b, True) for b in BETAS if b > 0]
)
def test_the_error_is_that_of_the_definition(beta, zeros, backend):
    A, W0, H0 = data(zeros=zeros)
    result = nmf(A, 5, loss=beta, W0=W0, H0=H0, max_iter=30, backend=backend)
    P = np.asarray(result.W) @ np.asarray(result.H)
    assert result.error**2 == pytest.approx(divergence(A, P, beta), rel=1e-10)
    assert (np.diff(result.errors) <= 1e-13 * result.errors[0]).all()
    of_mean = divergence(A, np.full_like(A, A.mean()), beta)
    assert result.norm**2 == pytest.approx(of_mean, rel=1e-10)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("off", [1e-2, 1e-4, 1e-5])
def test_the_value_is_accurate_near_an_exact_fit(beta, off, backend):
    A, W, H = data()
    P = W @ H
    A = P * (1 + off * np.random.default_rng(3).standard_normal(P.shape))
    library = backends.get(backend)
    with library.scope():
        problem = prepare(Given(A), backend=backend, objective=Divergence(beta))
        H, Wt = problem.on_device(W[None], H[None])
        value = Divergence(beta).value(problem.A, (0.0,), H, Wt)
        value = float(library.to_numpy(value)[0])
    # P itself is off by some eps, which moves the value by eps / off.
    assert value == pytest.approx(divergence(A, P, beta), rel=1e-10)


@pytest.mark.parametrize("beta", BETAS)
def test_the_model_is_the_gradient(beta):
    A, W, H = data(6, 7, 2)
    loss, eps = Divergence(beta), 1e-6
    problem = prepare(Given(A), backend="numpy", objective=loss)
    for X, matrix, at in (
        (H, problem.A, lambda H: W @ H),
        (W.T, problem.A.T, lambda Wt: Wt.T @ H),
    ):
        Y = W.T if X is H else H
        model = loss.model(matrix, (0.0,), Y[None], X[None])
        found = (model.plus(NUMPY, X[None]) - model.minus())[0]
        for k in np.ndindex(X.shape):
            step = np.zeros_like(X)
            step[k] = eps * X[k]
            up, down = (divergence(A, at(X + s), beta) / 2 for s in (step, -step))
            slope = (up - down) / (2 * step[k])
            assert found[k] == pytest.approx(slope, rel=1e-5, abs=1e-6 * np.abs(found).max())


PENALTIES = [{}, {"l1_W": 0.3, "l2_H": 0.2}, {"l1_H": 0.1, "l2_W": 0.5, "l1_W": 0.2}]


@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
@pytest.mark.parametrize("beta", BETAS)
def test_iterations_are_those_of_scikit_learn(beta, penalties):
    decomposition = pytest.importorskip("sklearn.decomposition")
    A, W0, H0 = data(seed=1)
    result = nmf(
        A, 5, loss=beta, W0=W0, H0=H0, max_iter=200, backend="numpy", **scaled(penalties, A.shape)
    )
    W, H, _ = decomposition.non_negative_factorization(
        A.T,
        H0.T.copy(),
        W0.T.copy(),
        n_components=5,
        init="custom",
        solver="mu",
        beta_loss=beta,
        tol=0,
        max_iter=200,
        **mixed(penalties),
    )
    assert_parity(result.W, H.T, 1e-8)
    assert_parity(result.H, W.T, 1e-8)


def mixed(penalties):
    """scikit-learn has one ratio of l1 and l2 for both: l1 alone, or l2 alone, or half of each."""
    if not penalties:
        return {}
    both = len(penalties) > 2
    return {"alpha_W": 0.01, "alpha_H": 0.02 if both else 0.0, "l1_ratio": 0.5}


def scaled(penalties, shape):
    """The same of ours: its W is our H, and its penalties are times n_features, n_samples."""
    if not (found := mixed(penalties)):
        return {}
    m, n = shape
    on_H, on_W = m * found["alpha_W"] / 2, n * found["alpha_H"] / 2
    return {"l1_H": on_H, "l2_H": on_H, "l1_W": on_W, "l2_W": on_W}


@pytest.mark.parametrize("beta", BETAS)
def test_a_penalty_is_paid_and_the_objective_never_rises(beta):
    A, W0, H0 = data()
    values = []
    for max_iter in range(1, 25):
        options = {"loss": beta, "max_iter": max_iter, "l1_H": 0.5, "l2_W": 0.3}
        run = nmf(A, 5, W0=W0, H0=H0, backend="numpy", **options)
        values.append(run.error**2 / 2 + 0.5 * run.H.sum() + 0.15 * (run.W**2).sum())
    assert (np.diff(values) <= 1e-12 * values[0]).all()
    plain = nmf(A, 5, loss=beta, W0=W0, H0=H0, max_iter=24, backend="numpy")
    assert run.H.sum() < plain.H.sum()


@pytest.mark.parametrize(
    ("beta", "dtype"), [*((b, "float64") for b in BETAS), *((b, "float32") for b in FEW)]
)
def test_backends_agree(beta, dtype, backend):
    A, W0, H0 = data(zeros=beta > 0, m=70, n=300)
    found, expected = (
        nmf(A, 5, loss=beta, W0=W0, H0=H0, max_iter=200, backend=name, dtype=dtype)
        for name in (backend, "numpy")
    )
    if dtype == "float64":
        assert_parity(found.W, expected.W, 1e-10)
        assert_parity(found.H, expected.H, 1e-10)
        np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)
        assert found.kkt == pytest.approx(expected.kkt, rel=1e-6)
    else:
        double = nmf(A, 5, loss=beta, W0=W0, H0=H0, max_iter=200, backend="numpy")
        np.testing.assert_allclose(found.errors, double.errors, rtol=0.02)


@pytest.mark.parametrize("beta", FEW)
def test_runs_that_are_packed_are_those_of_single_runs(beta, backend):
    A, _, _ = data()
    settings = {"loss": beta, "max_iter": 40, "tol": 1e-4}
    result = sweep(A, [2, 4], seeds=3, backend=backend, keep="all", **settings)
    assert_equals_single_runs(result, A, backend, **settings)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("beta", BETAS)
def test_the_scale_of_a_does_not_matter(beta, scale):
    A, _, _ = data()
    one, other = (
        nmf(x, 3, loss=beta, max_iter=50, backend="numpy", seed=4) for x in (A, scale * A)
    )
    assert_parity(other.W / np.sqrt(scale), one.W, 1e-10)
    assert other.kkt == pytest.approx(one.kkt, rel=1e-8)
    assert other.relative_error == pytest.approx(one.relative_error, rel=1e-10)


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
@pytest.mark.parametrize("beta", [0, 1, 1.5])
def test_the_estimator_is_scikit_learns(beta, tol):
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    X = data(zeros=beta > 0)[0].T
    options = {"solver": "mu", "beta_loss": NAMES.get(beta, beta), "tol": tol, "max_iter": 500}
    options |= {"init": "nndsvda", "random_state": 0}
    mine, theirs = NMF(4, **options), decomposition.NMF(4, **options)
    W, expected = mine.fit_transform(X), theirs.fit_transform(X)
    assert mine.n_iter_ == theirs.n_iter_ < 500
    assert_parity(W, expected, 1e-8)
    assert_parity(mine.components_, theirs.components_, 1e-8)
    assert mine.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one of the two did not meet tol
        assert_parity(mine.transform(X[:7]), theirs.transform(X[:7]), 1e-8)


@pytest.mark.parametrize("beta", [1, 1.2])
def test_project_finds_the_weights_that_a_fit_would(beta, backend):
    A, W, _ = data(d=3)
    H = np.asarray(project(A, W, loss=beta, l1=0.1, tol=1e-9, max_iter=5000, backend=backend))
    P = W @ H
    gradient = W.T @ (P ** (beta - 1) - A * P ** (beta - 2)) + 0.1
    assert np.abs(gradient * H).max() < 1e-3 * np.abs(W.T @ P ** (beta - 1)).max()
    assert gradient.min() > -1e-3 * np.abs(gradient).max()
    with pytest.warns(UserWarning, match="after max_iter = 3 iterations; take more"):
        project(A, W, loss=beta, max_iter=3, tol=1e-9, backend=backend)


@pytest.mark.parametrize("beta", [0.5, 1, 1.5])
def test_zeros_count_for_what_they_are(beta, backend):
    """Also where W H is less than what is reckoned with."""
    A, W0, H0 = data(d=3)
    A[5:25] = 0
    A[:, 7] = 0
    result = nmf(A, 3, loss=beta, W0=W0[:, :3], H0=H0[:3], max_iter=200, backend=backend)
    W, H = np.asarray(result.W), np.asarray(result.H)
    expected = divergence(A, np.maximum(W @ H, 1e-300), beta)
    assert result.error**2 == pytest.approx(expected, rel=1e-9)


def test_small_entries_count_as_much_as_large_ones():
    """Itakura and Saito's divergence does not see the size of what it compares."""
    A = np.outer(np.logspace(-13, 0, 27), np.random.default_rng(0).random(30) + 0.5)
    result = nmf(A, 1, loss="itakura-saito", max_iter=500, backend="numpy")
    assert result.error < 1e-6 * result.errors[0]


@pytest.mark.parametrize("zeros", [True, False])
def test_zeros_are_not_the_least_entry(zeros):
    A = data(zeros=zeros)[0]
    matrix = prepare(Given(A), backend="numpy", objective=Divergence(0.5)).A
    (floor,) = Divergence(0.5).facts(matrix, A.mean())
    assert floor == pytest.approx(1e-9 * A[A > 0].min())


@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-13])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_near_a_limit_it_is_the_limit(off, dtype):
    A, W0, H0 = data()
    for limit in (0, 1):
        found, expected = (
            nmf(A, 5, loss=b, W0=W0, H0=H0, max_iter=20, backend="numpy", dtype=dtype)
            for b in (limit + off, limit)
        )
        rtol = 20 * off + (1e-4 if dtype == "float32" else 1e-10)
        np.testing.assert_allclose(found.errors, expected.errors, rtol=rtol)


@pytest.mark.parametrize("beta", [0, 1, 1.2])
def test_the_kkt_residual_stops_a_run(beta, backend):
    A, W0, H0 = data(d=2)
    settings = {"loss": beta, "max_iter": 3000, "stop": "kkt", "tol": 1e-3, "backend": backend}
    result = nmf(A, 2, W0=W0, H0=H0, **settings)
    assert result.converged
    assert result.kkt < 1.2e-3


def test_a_matrix_of_one_number():
    result = nmf(np.ones((5, 6)), 1, loss=1, max_iter=3)
    assert result.norm == 0
    assert np.isnan(result.relative_error)
    assert "relative error nan" in repr(result)
    assert result.summary()["relative_error"] is None  # NaN is no JSON


@pytest.mark.parametrize("A", [np.zeros((40, 4)), csr_array((40, 4))], ids=["dense", "sparse"])
def test_projecting_nothing(A):
    W = data()[1]
    np.testing.assert_array_equal(project(A, W, loss=1), np.zeros((5, 4)))


@pytest.mark.parametrize("X", [np.eye(6, 8), np.pad(np.eye(6), ((0, 2), (1, 1)))], ids=str)
@pytest.mark.parametrize("beta", [0.5, 1])
def test_zero_rows_and_columns_in_the_estimator(X, beta):
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    options = {"solver": "mu", "beta_loss": beta, "init": "random", "random_state": 0, "tol": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = (kind(2, max_iter=20, **options).fit(X) for kind in (NMF, decomposition.NMF))
    assert mine.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-4)


def test_backends_change_forms_where_the_loss_does():
    assert numpys.NEAR_ONE == cupys.NEAR_ONE == divergences.NEAR_ONE


def test_the_names_are_numbers():
    assert loss_called("kullback-leibler") == loss_called(1) == Divergence(1.0)
    assert loss_called("itakura-saito") == loss_called(0.0) == Divergence(0.0)
    assert loss_called(2) is FROBENIUS is LOSSES["frobenius"]
    for number, name in ((0, "itakura-saito"), (1.0, "kullback-leibler"), (2, "frobenius")):
        assert Options(rank=1, loss=number).loss == name
    assert Options(rank=1, loss=1.5).loss == 1.5


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        ("itakura-saito", {}, r"A has 1 zero entry, first at \(3, 5\), .* A \+ 1e-3"),
        (-1, {}, "where the divergence with β = -1 is infinite"),
        ("kl", {}, "loss is 'kl'; it must be one of .*, or a number"),
        (np.nan, {}, "loss is nan; it must be from -20 to 20"),
        (np.inf, {}, "loss is inf; it must be from -20 to 20"),
        (-np.inf, {}, "loss is -inf; it must be from -20 to 20"),
        ("kullback-leibler", {"solver": "hals"}, "solver is 'hals', which does not take"),
        ("kullback-leibler", {"inner": 2}, "inner is 2, but a model of loss='kullback-leibler'"),
    ],
)
def test_what_does_not_go_together_is_refused(loss, options, message):
    A = np.ones((6, 8))
    A[3, 5] = 0
    with pytest.raises(ValueError, match=message):
        nmf(A, 2, loss=loss, **options)


def test_a_sparse_matrix_is_refused_with_advice():
    with pytest.raises(TypeError, match=r"A is sparse, which .* β = 0.5 .*A\.toarray\(\)"):
        nmf(csr_array(np.eye(5)), 2, loss=0.5)
