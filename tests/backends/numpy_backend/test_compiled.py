"""The kernels that numba compiles, held against NumPy's own, which are the reference."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from conftest import run_python
from scipy.sparse import csr_array

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.backends.numpy_backend import kernels, shared, threads
from nmf_accel.losses import NONE, Penalty, Quadratic
from nmf_accel.losses.kkt import descent_violation
from nmf_accel.solvers.pivoting import PATIENCE, ROUNDS, Limits, exchanged

compiled = pytest.importorskip("nmf_accel.backends.numpy_backend.compiled")
compiled_pivoting = pytest.importorskip("nmf_accel.backends.numpy_backend.compiled_pivoting")
NUMPY = backends.get("numpy")
CLOSE = {"float64": 1e-12, "float32": 1e-4}


def problem(runs, d, n, dtype, seed=0):
    """X with zeros, and a model with a dead component in the first run."""
    rng = np.random.default_rng(seed)
    Y, X = rng.random((runs, d, d + 20)), rng.random((runs, d, n))
    Y[0, d // 2] = 0
    N = Y @ rng.random((runs, d + 20, n))
    X[rng.random(X.shape) < 0.3] = 0
    return X.astype(dtype), Quadratic(N.astype(dtype), (Y @ Y.mT).astype(dtype))


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


PENALTIES = [NONE, Penalty(0.3), Penalty(0.3, 0.7)]
SHAPES = [(1, 1, 1), (2, 3, 127), (1, 4, 128), (3, 5, 129), (2, 18, 300), (1, 70, 40)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestDescent:
    def test_it_moves_as_numpys(self, shape, penalty, dtype):
        X, model = problem(*shape, dtype)
        before = X.copy()
        new = compiled.descend(NUMPY, X, model, penalty)
        expected = kernels.descend(NUMPY, X, model, penalty)
        np.testing.assert_allclose(new, expected, rtol=CLOSE[dtype], atol=CLOSE[dtype])
        assert np.array_equal(X, before)
        assert new.dtype == X.dtype

    @pytest.mark.parametrize("kernel", [compiled, kernels], ids=["compiled", "numpy"])
    def test_it_tells_what_it_met(self, shape, penalty, dtype, kernel):
        X, model = problem(*shape, dtype)
        new, met = kernel.telling_descend(NUMPY, X, model, penalty)
        expected = kernels.descend(NUMPY, X, model, penalty)
        np.testing.assert_allclose(new, expected, rtol=CLOSE[dtype], atol=CLOSE[dtype])
        violation = descent_violation(NUMPY, X, new, model, penalty)
        np.testing.assert_allclose(met, violation, rtol=CLOSE[dtype])
        assert met.dtype == np.float64

    def test_some_columns_of_it_are_moved_alike(self, shape, penalty, dtype):
        X, model = problem(*shape, dtype)
        whole = compiled.descend(NUMPY, X, model, penalty)
        half = slice(shape[2] // 2, shape[2])
        new = compiled.descend(NUMPY, X[..., half], model.columns(half), penalty)
        np.testing.assert_array_equal(new, whole[..., half])


@pytest.mark.parametrize("kernel", [compiled, kernels], ids=["compiled", "numpy"])
def test_what_is_no_number_stays_none(dtype, kernel):
    X, model = problem(1, 4, 10, dtype)
    model.N[0, 1, 3] = np.nan
    new, met = kernel.telling_descend(NUMPY, X, model, NONE)
    assert np.isnan(new[0, 1, 3])
    assert np.isnan(met[0])
    assert np.isfinite(np.delete(new[0], 3, axis=1)).all()


def exchanges(d, n, dtype, seed=0):
    """X, N, G and limits of least squares whose columns exchange now and then."""
    rng = np.random.default_rng(seed)
    Y = rng.random((2, d, d + 20))
    N, G = Y @ rng.normal(size=(2, d + 20, n)), Y @ Y.mT
    X = np.maximum(rng.normal(size=N.shape), 0)
    size = np.sqrt(np.diagonal(G, axis1=1, axis2=2))[..., None]
    slack = np.finfo(dtype).eps ** (2 / 3)
    least = -slack * size * np.abs(N / size).max(axis=1, keepdims=True)
    X, N, G, size, least = (x.astype(dtype) for x in (X, N, G, size, least))
    return X, N, G, Limits(size, least, float(slack), ROUNDS * d, PATIENCE)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("d", [1, 2, 7, 30, compiled_pivoting.MOST_ROWS])
def test_it_exchanges_as_the_solver(d, order, dtype):
    X, N, G, limits = exchanges(d, 40, dtype)
    X, N = (np.asarray(x, order=order) for x in (X, N))
    found = compiled_pivoting.exchange_by_column(NUMPY, X, N, G, limits)
    expected = exchanged(NUMPY, X, N, G, limits)
    assert (expected > 0).any()
    assert (expected == 0).any()
    close = 1e-8 if dtype == "float64" else 2e-2
    np.testing.assert_allclose(found, expected, rtol=close, atol=close * expected.max())
    if dtype == "float64":
        assert np.array_equal(found > 1e-10, expected > 1e-10)


def test_it_gives_up_when_the_solver_does(monkeypatch):
    """With no patience, one variable after the other; with few rounds, in the middle of it."""
    X, N, G, limits = exchanges(12, 60, "float64", seed=3)
    for rounds in (0, 1, 2, 60):
        some = limits._replace(rounds=rounds, patience=0)
        found = compiled_pivoting.exchange_by_column(NUMPY, X, N, G, some)
        np.testing.assert_allclose(found, exchanged(NUMPY, X, N, G, some), rtol=1e-8, atol=1e-10)


def test_what_is_not_definite_or_large_is_left_to_the_solver(dtype):
    X, N, G, limits = exchanges(compiled_pivoting.MOST_ROWS + 1, 5, dtype)
    assert compiled_pivoting.exchange_by_column(NUMPY, X, N, G, limits) is None
    G = np.asarray([[[1, 2], [2, 1]]], dtype)
    N, X = np.asarray([[[3], [3]]], dtype), np.ones((1, 2, 1), dtype)
    limits = Limits(np.ones((1, 2, 1), dtype), -0.0 * N, 0.0, 10, 3)
    assert compiled_pivoting.exchange_by_column(NUMPY, X, N, G, limits) is None


def test_threads_share_exchanges(monkeypatch):
    X, N, G, limits = exchanges(6, 300, "float64")
    expected = compiled_pivoting.exchange_by_column(NUMPY, X, N, G, limits)
    monkeypatch.setattr(shared, "LEAST_ENTRIES", 1)
    with threads.crew(3) as crew, threads.within(shared.current, crew):
        found = compiled_pivoting.exchange_by_column(NUMPY, X, N, G, limits)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("d", [1, 4, 7, 20])
def test_it_multiplies_rows_as_scipy(d, dtype):
    """Of no entries, of fours, and of what is left."""
    rng = np.random.default_rng(d)
    M = csr_array(np.tril(rng.random((11, 10)), k=-1).astype(dtype))
    assert set(np.diff(M.indptr)) == set(range(11))
    X = rng.random((10, d)).astype(dtype)
    found, expected = np.full((11, d), np.nan, dtype), np.empty((11, d), dtype)
    compiled.rows_times(NUMPY, M, X, found)
    shared.multiply_rows(NUMPY, M, X, expected)
    np.testing.assert_allclose(found, expected, rtol=CLOSE[dtype])


def test_threads_may_use_them_at_once():
    X, model = problem(1, 12, 3000, "float64")
    expected = compiled.descend(NUMPY, X, model, NONE)
    found = []
    crowd = [
        threading.Thread(target=lambda: found.append(compiled.descend(NUMPY, X, model, NONE)))
        for _ in range(8)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(found) == 8
    assert all(np.array_equal(x, expected) for x in found)


def test_they_are_what_the_backend_uses_and_a_result_says_so():
    assert NUMPY.kernel("descend", None) is compiled.descend
    assert set(compiled.KERNELS) == numpy_backend.COMPILED | numpy_backend.WALKED
    result = nmf(np.ones((3, 4)), 1, max_iter=2, solver="hals", backend="numpy")
    assert "numba" in result.settings["versions"]


def test_numpys_own_do_where_nothing_is_compiled(monkeypatch):
    A = np.random.default_rng(0).random((30, 40))
    settings = {"solver": "hals", "stop": "descent", "tol": 1e-3, "check_every": 1}
    expected = nmf(A, 5, **settings, backend="numpy")
    monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    assert NUMPY.kernel("descend", None) is kernels.descend
    result = nmf(A, 5, **settings, backend="numpy")
    assert "numba" not in result.settings["versions"]
    assert result.n_iter == expected.n_iter
    np.testing.assert_allclose(result.W, expected.W, rtol=1e-10, atol=1e-13)


def test_multiplicative_updates_that_are_over_at_once_import_no_numba():
    code = (
        "import sys\nimport numpy as np\nfrom nmf_accel import nmf\n"
        "A = np.ones((30, 200))\nA[0] = 2\n"
        "nmf(A, 2, max_iter=20, tol=1e-9, backend='numpy')\n"
        "print('numba' in sys.modules)"
    )
    assert run_python(code).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", "descend of compiled"),
        ("import sys; sys.modules['numba'] = None", "descend of kernels"),
        ("import os; os.environ['NUMBA_DISABLE_JIT'] = '1'", "descend of kernels"),
    ],
)
def test_numba_may_be_missing_or_switched_off(before, said):
    code = (
        f"{before}\nfrom nmf_accel import backends\n"
        "f = backends.get('numpy').kernel('descend', None)\n"
        "print(f.__name__, 'of', f.__module__.rpartition('.')[2])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV_CORE")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout.strip() == said
