"""The scikit-learn estimator gives the numbers of scikit-learn's own, and passes its checks."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from allowed import ESTIMATOR
from conftest import require_or_skip
from sklearn import clone, config_context
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF as Theirs
from sklearn.decomposition import non_negative_factorization as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nmf_accel import backends
from nmf_accel.sklearn import NMF, non_negative_factorization

X = np.random.default_rng(0).random((60, 40))
X[X < 0.2] = 0
X[7], X[:, [3, 30]] = 0, 0
PENALTIES = {"alpha_W": 0.001, "alpha_H": 0.002, "l1_ratio": 0.3}
unconverged = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Array API does not support LU factorization")
@parametrize_with_checks(
    [
        NMF(),
        NMF(solver="mu", alpha_W=0.01),
        NMF(solver="hals", inner=3),
    ]
)
def test_scikit_learns_checks(estimator, check):
    if "cupy" in str(check):
        found = backends.probe("cupy")
        require_or_skip("cupy", found.usable, found.reason)
    check(estimator)


@pytest.mark.parametrize("solver", ["cd", "mu"])
@pytest.mark.parametrize("init", [None, "random", "nndsvdar"])
@pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@unconverged
def test_the_same_numbers(solver, init, penalties, dtype, make):
    A = make(X.astype(dtype))
    options = {"n_components": 5, "solver": solver, "init": init, "random_state": 0}
    options |= {"tol": 1e-3, "max_iter": 300, **penalties}
    mine, model = NMF(**options, backend="numpy"), Theirs(**options)
    W = mine.fit_transform(A)
    model.fit(A)
    # Their 'mu' adds nothing to a denominator unless it is zero; ours adds δ. In float32, 'cd'
    # carries roundings to 6e-5 (measured).
    rtol = 2e-4 if dtype == "float32" else ESTIMATOR[solver]
    assert mine.n_iter_ == model.n_iter_
    np.testing.assert_allclose(mine.components_, model.components_, rtol=0, atol=rtol)
    found = non_negative_factorization(A, **options, backend="numpy")
    expected = theirs(A, **options)
    assert found[2] == expected[2]
    assert [x.dtype for x in found[:2]] == [x.dtype for x in expected[:2]]
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=10 * rtol)
    np.testing.assert_array_equal(found[0], W)
    assert mine.reconstruction_err_ <= model.reconstruction_err_ * (1 + 1e-2)


@pytest.mark.parametrize("solver", ["cd", "mu", "hals", "bpp", "apg", "auto"])
@pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
@unconverged
def test_transform_agrees_with_fit_transform(backend, solver, penalties):
    model = NMF(4, solver=solver, max_iter=30, random_state=0, backend=backend, **penalties)
    W = model.fit_transform(X)
    again = model.transform(X)
    assert np.linalg.norm(W - again) <= 1e-10 * np.linalg.norm(W)
    assert model.reconstruction_err_ == pytest.approx(np.linalg.norm(X - W @ model.components_))
    assert model.errors_[-1] == model.reconstruction_err_
    few = model.transform(X[:3])
    np.testing.assert_allclose(few, W[:3], rtol=1e-8, atol=1e-12)
    # Theirs differ by percents with 'mu' (scikit-learn's issue 18663), so this says something.
    if solver == "mu":
        original = Theirs(4, solver="mu", max_iter=30, random_state=0, **penalties)
        W = original.fit_transform(X)
        assert np.linalg.norm(W - original.transform(X)) > 1e-3 * np.linalg.norm(W)


@pytest.mark.parametrize("solver", ["cd", "mu", "hals", "bpp", "apg"])
@pytest.mark.parametrize("init", [None, "nndsvda", "random"])
@pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
@unconverged
def test_the_function_gives_what_the_class_gives(backend, solver, init, penalties):
    # As scikit-learn's own test of consistency has it, to the bit.
    options = {"init": init, "solver": solver, "max_iter": 30, "random_state": 1, "tol": 1e-2}
    options |= {**penalties, "backend": backend}
    model = NMF(4, **options)
    W, H, n_iter = non_negative_factorization(X, n_components=4, **options)
    np.testing.assert_array_equal(W, model.fit_transform(X))
    np.testing.assert_array_equal(H, model.components_)
    assert n_iter == model.n_iter_
    again, *_ = non_negative_factorization(X, H=H, update_H=False, n_components=4, **options)
    np.testing.assert_array_equal(again, model.transform(X))
    assert np.linalg.norm(W - again) <= 1e-10 * np.linalg.norm(W)


def test_refusals_without_looking_for_components():
    H = np.ones((2, 40))
    options = {"extrapolate": True}
    with pytest.raises(ValueError, match="takes the very iterations of scikit-learn's"):
        non_negative_factorization(X, H=H, update_H=False, **options)
    with pytest.raises(ValueError, match="H must be given"):
        non_negative_factorization(X, update_H=False)


@unconverged
def test_integers_start_as_in_numpy(backend):
    counts = (X * 255).astype(np.uint8)
    library = backends.get(backend)
    with library.scope():
        there = library.xp.asarray(counts)
    for init in ("random", None):
        options = {"init": init, "random_state": 0, "max_iter": 20}
        model, expected = NMF(3, **options).fit(there), NMF(3, **options).fit(counts)
        assert model.n_iter_ == expected.n_iter_
        assert model.reconstruction_err_ == pytest.approx(expected.reconstruction_err_, rel=1e-8)


def test_doubles_of_jax():
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    import jax

    with jax.enable_x64(True):
        there, bad = jax.numpy.asarray(X), jax.numpy.asarray(X - 0.5)
    model = NMF(3, tol=0.1, random_state=0)
    W = model.fit_transform(there)
    assert W.dtype == np.float64
    np.testing.assert_allclose(model.transform(X), np.asarray(W), atol=1e-10)
    with pytest.raises(ValueError, match=r"X has \d+ negative entries, first at"):
        model.fit(bad)


def test_components_given(backend):
    H = np.random.default_rng(1).random((4, 40))
    W, same, n_iter = non_negative_factorization(X, H=H, update_H=False, backend=backend)
    assert same is H
    assert n_iter == 1
    expected = theirs(X, H=H, update_H=False, tol=1e-12, max_iter=5000)[0]
    np.testing.assert_allclose(W, expected, atol=1e-6)
    penalized = {"H": H, "update_H": False, "tol": 1e-12, "max_iter": 5000, **PENALTIES}
    W, *_ = non_negative_factorization(X, **penalized, backend=backend)
    np.testing.assert_allclose(W, theirs(X, **penalized)[0], atol=1e-6)
    with pytest.raises(ValueError, match="Array with wrong second dimension passed to NMF"):
        non_negative_factorization(X, H=H[:, :3], update_H=False)


def test_starts_given():
    rng = np.random.default_rng(1)
    W, H = rng.random((60, 3)), rng.random((3, 40))
    options = {"n_components": 3, "init": "custom", "tol": 1e-2}
    mine, original = NMF(**options, backend="numpy"), Theirs(**options)
    mine.fit(X, W=W, H=H)
    original.fit(X, W=W, H=H)
    np.testing.assert_allclose(mine.components_, original.components_, atol=1e-10)


def test_n_components():
    for n_components, expected in (("auto", 40), (None, 40), (3, 3)):
        model = NMF(n_components, tol=0.1, random_state=0).fit(X)
        assert model.n_components_ == expected
        assert len(model.get_feature_names_out()) == expected


def test_it_warns_as_scikit_learn_does():
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations 3 reached"):
        model = NMF(3, max_iter=3).fit(X)
    assert not model.converged_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not NMF(3, max_iter=3, tol=0).fit(X).converged_
        assert NMF(3, tol=0.1).fit(X).converged_
    with pytest.warns(UserWarning, match="cannot update zeros present in the initialization"):
        NMF(3, solver="mu", init="nndsvd", tol=0.1).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta_loss": "kullback-leibler", "solver": "hals"}, "does not handle beta_loss"),
        ({"solver": "als"}, "The 'solver' parameter of NMF must be a str among"),
        ({"inner": 0}, "The 'inner' parameter of NMF must be an int"),
        ({"backend": "tensorly"}, "unknown backend 'tensorly'"),
        ({"n_components": 0}, "The 'n_components' parameter of NMF"),
    ],
)
def test_what_it_does_not_do(options, message):
    with pytest.raises(ValueError, match=message):
        NMF(**{"n_components": 2, **options}).fit(X)


@pytest.mark.parametrize(
    ("entry", "message"),
    [(-1.0, "Negative values in data passed to "), (np.nan, "Input X contains NaN")],
)
def test_bad_entries(entry, message):
    bad = X.copy()
    bad[3, 2] = entry
    for call in (NMF(2).fit, NMF(2, tol=0.1).fit(X).transform, non_negative_factorization):
        with pytest.raises(ValueError, match=message):
            call(bad)


def test_a_grid_search_over_a_pipeline():
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:300], labels[:300]
    factorize = NMF(tol=1e-2, random_state=0, backend="numpy")
    pipeline = make_pipeline(MinMaxScaler(clip=True), factorize, KNeighborsClassifier())
    search = GridSearchCV(pipeline, {"nmf__n_components": [2, 16]}, cv=3).fit(digits, labels)
    assert search.best_params_ == {"nmf__n_components": 16}
    assert search.score(digits, labels) > 0.9


def test_clones_and_pickles():
    model = NMF(3, solver="hals", inner=2, dtype="float32", tol=0.1, random_state=0)
    assert clone(model).get_params() == model.get_params()
    W = model.fit_transform(X)
    assert W.dtype == np.float32
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).transform(X), W, atol=1e-5)


def test_frames():
    names = [f"pixel {k}" for k in range(40)]
    expected = NMF(3, tol=0.1, random_state=0).fit_transform(X)
    for frame, kind in ((pd.DataFrame(X, columns=names), "pandas"), (pl.DataFrame(X), "polars")):
        model = NMF(3, tol=0.1, random_state=0).set_output(transform=kind)
        W = model.fit_transform(frame)
        assert type(W) is type(frame)
        assert list(W.columns) == ["nmf0", "nmf1", "nmf2"]
        np.testing.assert_allclose(W.to_numpy(), expected, atol=1e-10)
        assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame.rename({"column_0": "other"}))


@unconverged
def test_arrays_stay_where_they_are(backend):
    library = backends.get(backend)
    with library.scope():
        there = library.asarray(X, np.dtype("float32"))
    model = NMF(3, max_iter=20, random_state=0)
    W = model.fit_transform(there)
    for x in (W, model.components_, model.transform(there)):
        assert library.owns(x)
        assert "float32" in str(x.dtype)
    expected = NMF(3, max_iter=20, random_state=0).fit_transform(X.astype(np.float32))
    np.testing.assert_allclose(library.to_numpy(W), expected, atol=1e-3)
    with library.scope(), pytest.raises(ValueError, match=r"X has 1 neg|Negative values"):
        model.fit(library.asarray(np.where(X[1, 2] == X, -1, X), np.dtype("float64")))


def test_array_api_dispatch():
    torch = pytest.importorskip("torch")
    tensor = torch.asarray(X)
    with config_context(array_api_dispatch=True):
        model = NMF(3, tol=1e-2, random_state=0).fit(tensor)
        assert isinstance(model.transform(tensor), torch.Tensor)
        assert isinstance(model.components_, torch.Tensor)


def test_the_constraints_are_those_of_the_class():
    assert "hals" in str(NMF._parameter_constraints["solver"][0])


def test_extrapolate():
    X = np.random.default_rng(0).random((30, 20))
    options = {"init": "random", "random_state": 0, "max_iter": 30, "tol": 0}
    plain = NMF(4, solver="hals", **options).fit(X)
    moved = NMF(4, solver="hals", extrapolate=True, **options).fit(X)
    assert moved.reconstruction_err_ < plain.reconstruction_err_
    with pytest.raises(ValueError, match="solver='cd' takes the very iterations of scikit-learn's"):
        NMF(4, extrapolate=True, **options).fit(X)
    with pytest.raises(ValueError, match="extrapolate is True, but solver is 'mu'"):
        NMF(4, solver="mu", extrapolate=True, **options).fit(X)
