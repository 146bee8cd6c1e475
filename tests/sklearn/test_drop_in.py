"""What scikit-learn's `NMF` takes, ours takes: every option, and matrices at the edge."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from allowed import ESTIMATOR
from sklearn.decomposition import NMF as Theirs
from sklearn.decomposition import non_negative_factorization as theirs
from sklearn.exceptions import ConvergenceWarning

from nmf_accel import backends
from nmf_accel.sklearn import NMF, non_negative_factorization

rng = np.random.default_rng(0)
X = rng.random((60, 40))
X[X < 0.2] = 0
X[7], X[:, [3, 30]] = 0, 0
PENALTIES = {"alpha_W": 0.001, "alpha_H": 0.002, "l1_ratio": 0.3}
KINDS = pytest.mark.parametrize("make", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


@pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
@pytest.mark.parametrize("tol", [1e-3, 0])
@unconverged
def test_shuffle_takes_the_orders_that_theirs_draws(penalties, tol, backend):
    options = {"n_components": 5, "random_state": 3, "tol": tol, "max_iter": 150, **penalties}
    mine = NMF(shuffle=True, backend=backend, **options)
    W, expected = mine.fit_transform(X), Theirs(shuffle=True, **options).fit(X)
    assert mine.n_iter_ == expected.n_iter_
    atol = ESTIMATOR["cd"]
    np.testing.assert_allclose(mine.components_, expected.components_, rtol=0, atol=atol)
    np.testing.assert_allclose(mine.transform(X), W, rtol=0, atol=atol)
    in_order = NMF(backend=backend, **options).fit(X).components_
    assert np.abs(mine.components_ - in_order).max() > 1e-6


@KINDS
@unconverged
def test_a_random_state_that_is_shared_goes_on_as_theirs_does(make):
    ours, other = np.random.RandomState(5), np.random.RandomState(5)
    options = {"n_components": 4, "init": "random", "shuffle": True, "max_iter": 60, "tol": 1e-2}
    A = make(X.astype(np.float32))
    for _ in range(2):
        found = non_negative_factorization(A, random_state=ours, **options)
        expected = theirs(A, random_state=other, **options)
        assert found[2] == expected[2] < 60
        np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=2e-4)
    assert ours.randint(2**31) == other.randint(2**31)


@pytest.mark.parametrize("solver", ["mu", "hals"])
@unconverged
def test_shuffle_says_nothing_to_other_solvers(solver):
    options = {"n_components": 3, "solver": solver, "random_state": 0, "max_iter": 20}
    found, expected = (NMF(shuffle=x, **options).fit(X).components_ for x in (True, False))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("solver", ["cd", "mu"])
@pytest.mark.parametrize("tol", [1, 30.0])
def test_a_tol_of_one_and_more(solver, tol):
    options = {"n_components": 3, "solver": solver, "tol": tol, "random_state": 0}
    mine, expected = NMF(**options).fit(X), Theirs(**options).fit(X)
    assert mine.n_iter_ == expected.n_iter_ == {"cd": 1, "mu": 10}[solver]
    assert mine.converged_
    atol = ESTIMATOR[solver]
    np.testing.assert_allclose(mine.components_, expected.components_, rtol=0, atol=atol)


@pytest.mark.parametrize("solver", ["cd", "mu", "hals", "bpp"])
@pytest.mark.parametrize("init", [None, "nndsvdar", "random", "custom"])
@pytest.mark.parametrize("shuffle", [False, True])
@KINDS
def test_zeros_everywhere(solver, init, shuffle, make):
    zeros = make(np.zeros((6, 5), dtype=np.float32))
    options = {"n_components": 3, "init": init, "shuffle": shuffle, "random_state": 0}
    starts = {"W": rng.random((6, 3), "float32"), "H": rng.random((3, 5), "float32")}
    starts = starts if init == "custom" else {}
    copies = {name: x.copy() for name, x in starts.items()}
    mine, original = NMF(solver=solver, **options), Theirs(**options)
    if solver == "mu":
        original.solver = solver
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        W = mine.fit_transform(zeros, **starts)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():  # of 0 / 0 in 'mu'
        warnings.simplefilter("ignore", ConvergenceWarning)
        original.fit(zeros, **copies)
    assert mine.n_iter_ == original.n_iter_
    assert [x.category for x in caught] == [ConvergenceWarning] * (mine.n_iter_ == 200)
    assert mine.converged_ == (mine.n_iter_ < 200)
    np.testing.assert_array_equal(mine.components_, original.components_)
    assert mine.components_.dtype == W.dtype == np.float32
    assert not W.any()
    assert not mine.transform(zeros).any()
    np.testing.assert_array_equal(mine.errors_, np.zeros(mine.n_iter_ + 1))
    assert mine.reconstruction_err_ == original.reconstruction_err_ == 0
    for name, x in starts.items():  # which theirs writes over
        assert x.all(), name


def test_zeros_stay_where_they_are(backend):
    library = backends.get(backend)
    with library.scope():
        zeros = library.asarray(np.zeros((6, 5)), np.dtype("float64"))
    model = NMF(2, dtype="float32").fit(zeros)
    for x in (model.components_, model.errors_, model.transform(zeros)):
        assert library.owns(x)
    assert "float32" in str(model.components_.dtype)
    assert model.n_iter_ == 1
    W, H, n_iter = non_negative_factorization(zeros, n_components=2)
    assert library.owns(W)
    assert (W.shape, H.shape, n_iter) == ((6, 2), (2, 5), 1)


def test_zeros_everywhere_of_another_loss():
    options = {"n_components": 2, "solver": "mu", "beta_loss": 1, "tol": 0, "max_iter": 30}
    model = NMF(**options).fit(np.zeros((4, 3)))
    np.testing.assert_array_equal(model.errors_, np.zeros(30))


@pytest.mark.parametrize("beta", [0.5, 1.5, 3])
@unconverged
def test_a_sparse_matrix_with_any_beta(beta):
    options = {"n_components": 3, "solver": "mu", "beta_loss": beta, "init": "random"}
    options |= {"random_state": 0, "max_iter": 30, "tol": 1e-4}
    A = sp.csr_array(X)
    mine, expected = NMF(**options).fit(A), Theirs(**options).fit(A)
    assert mine.n_iter_ == expected.n_iter_
    np.testing.assert_allclose(mine.components_, expected.components_, rtol=0, atol=1e-7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one of the two did not meet tol
        W, other = mine.transform(A), expected.transform(A)
    np.testing.assert_allclose(W, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("beta", [0, -0.5, "itakura-saito"])
@KINDS
def test_zeros_that_a_loss_does_not_take(beta, make):
    message = "^When beta_loss <= 0 and X contains zeros, the solver may diverge. Please add small"
    options = {"solver": "mu", "beta_loss": beta, "init": "random", "random_state": 0, "tol": 0.1}
    model = NMF(2, **options).fit(X + 0.1)
    H = model.components_
    for call in (NMF(2, **options).fit, model.transform):
        with pytest.raises(ValueError, match=message):
            call(make(X))
    with pytest.raises(ValueError, match=message):
        non_negative_factorization(make(X), H=H, update_H=False, **options)


def test_zeros_that_a_loss_does_not_take_of_other_libraries(backend):
    library = backends.get(backend)
    with library.scope():
        there = library.asarray(X, np.dtype("float64"))
    with pytest.raises(ValueError, match="When beta_loss <= 0 and X contains zeros"):
        NMF(2, solver="mu", beta_loss=0, init="random").fit(there)
