"""Equal rows and columns of A are multiplied once, and the results stay the same."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from conftest import assert_parity
from threadpoolctl import threadpool_limits

from nmf_accel import backends, nmf, sweep
from nmf_accel.backends.base import Backend
from nmf_accel.backends.numpy_backend import kernels, ways
from nmf_accel.backends.numpy_backend.folded import LEAST_SIZE, MOST_LAYERS, Folded, layers
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import frobenius
from nmf_accel.losses.frobenius import residual2

RNG = np.random.default_rng(0)
BOTH = RNG.random((60, 90))
BOTH = BOTH[RNG.permutation(np.repeat(np.arange(60), RNG.integers(1, 12, 60)))]
BOTH = BOTH[:, RNG.permutation(np.repeat(np.arange(90), 3))]
MATRICES = {
    "rows": np.repeat(RNG.random((80, 250)), 4, 0),
    "columns": np.repeat(RNG.random((250, 80)), 4, 1),
    "both": BOTH,
    "both, in the order of columns": np.asfortranarray(BOTH),
    "all equal": np.full((400, 200), 0.3),
    "zeros besides": np.pad(BOTH, ((2, 3), (5, 0))),
}


def unfolded(monkeypatch, function):
    with monkeypatch.context() as patch:
        patch.setattr(type(backends.get("numpy")), "arrange", Backend.arrange)
        return function()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("A", MATRICES.values(), ids=MATRICES)
def test_products(A, dtype):
    problem = prepare(Given(A), dtype, backend="numpy")
    folded, A = problem.A, A.astype(dtype)
    assert isinstance(folded, Folded)
    rows, columns = problem.frame.rows.index, problem.frame.columns.index
    A = A if rows is None else A[rows]
    A = A if columns is None else A[:, columns]
    assert np.array_equal(folded.array, A)
    assert np.array_equal(folded.rows(slice(3, 9)), A[3:9])
    assert folded.entries < A.size / 2
    for matrix, expected in ((folded, A), (folded.T, A.T)):
        assert matrix.shape == expected.shape
        Y = RNG.random((5, matrix.shape[0])).astype(dtype)
        assert_parity(matrix.times(Y), Y @ expected, 1e-14 if dtype == "float64" else 1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_copy_is_found_but_layers_are_few(dtype, order):
    copies = np.array([1, 2, 3, 4, 5, 25, 200])
    A = np.repeat(RNG.random((7, 333)), copies, 0).astype(dtype)[RNG.permutation(240)]
    A = np.asarray(A, order=order)
    kept = np.delete(np.arange(240), [3, 17])
    for given in (None, kept):
        rows, sizes = layers(A, given)
        assert sorted(rows) == list(range(240) if given is None else kept)
        counts = np.unique(A[rows], axis=0, return_counts=True)[1]
        assert sizes[0] == (-(-counts // MOST_LAYERS)).sum()
        assert len(sizes) == MOST_LAYERS
        assert sum(sizes) == rows.size
        first, *more = np.split(A[rows], np.cumsum(sizes)[:-1])
        for layer in more:
            assert np.array_equal(layer, first[-len(layer) :])


def test_rows_that_seem_equal_are_not_taken_for_it():
    A = np.full((300, 300), 1e8, dtype=np.float32)
    assert layers(A, None)[1] == (75, 75, 75, 75)
    A[np.arange(300), np.arange(300)] += 8  # lost in the sum of the row
    assert layers(A, None) == (None, (300,))


@pytest.mark.parametrize(
    "A",
    [
        RNG.random((300, 300)),
        np.vstack([RNG.random((300, 300)), RNG.random((1, 300)).repeat(30, 0)]),  # one in eleven
        np.vstack([RNG.random((9000, 10))] * 2),  # short rows
        np.ones((LEAST_SIZE // 100, 100)),
        np.ones((1, 1)),
        (RNG.random((300, 300)) * 3e38).astype("float32"),  # sums overflow
    ],
    ids=["none", "few", "short", "small", "tiny", "large"],
)
def test_what_is_not_worth_it_stays_as_it_is(A):
    kept = np.arange(A.shape[0] - 1)
    assert layers(A, None) == (None, A.shape[:1])
    assert layers(A, kept)[0] is kept


def test_a_glance_spares_a_look_at_all_but_misses_no_copies(monkeypatch):
    rng = np.random.default_rng(1)
    A = np.zeros((300, 300), dtype=np.float32)
    A[:, 7] = rng.random(300)  # no entry of those that are glanced at
    assert layers(A, None) == (None, (300,))
    A[::2] = A[1::2]
    assert layers(A, None)[1] == (150, 150)
    monkeypatch.setattr("nmf_accel.backends.numpy_backend.folded._first_equal", None)
    assert layers(rng.random((300, 300)), None) == (None, (300,))


@pytest.mark.parametrize("zeros", [0, 1])
def test_peak_memory(zeros):
    """Beside the caller's A, the loop's and one more on the way."""
    A = np.repeat(np.repeat(RNG.random((500, 500)), 2, 0), 2, 1)
    A[:zeros], A[:, :zeros] = 0, 0
    tracemalloc.start()
    problem = prepare(Given(A), backend="numpy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(problem.A, Folded)
    assert problem.A.array.flags.c_contiguous
    assert peak < 2.1 * A.nbytes


def test_a_matrix_is_left_unchanged_and_may_be_read_only():
    A = BOTH.copy()
    A.flags.writeable = False
    before = A.copy()
    nmf(A, 3, max_iter=2, backend="numpy")
    assert np.array_equal(A, before)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inner": 3},
        {"solver": "hals"},
        {"solver": "bpp"},
        {"solver": "apg"},
        {"init": "nndsvda"},
        {"l1_W": 1e-3, "l2_H": 1e-2},
    ],
    ids=str,
)
def test_the_results_are_the_same(monkeypatch, options, zeros):
    A = BOTH.copy()
    if zeros:
        A[5], A[:, 7] = 0, 0
    factorize = partial(nmf, A, 4, max_iter=30, backend="numpy", **options)
    assert isinstance(prepare(Given(A), backend="numpy").A, Folded)
    result, expected = factorize(), unfolded(monkeypatch, factorize)
    assert_parity(result.W, expected.W, 1e-9)
    assert_parity(result.H, expected.H, 1e-9)
    assert_parity(result.errors, expected.errors, 1e-10)
    assert result.kkt == pytest.approx(expected.kkt, rel=1e-6)


def test_the_caller_gives_a_start(monkeypatch):
    W0, H0 = RNG.random((BOTH.shape[0], 3)), RNG.random((3, BOTH.shape[1]))
    factorize = partial(nmf, BOTH, 3, max_iter=9, W0=W0, H0=H0, backend="numpy")
    assert_parity(factorize().W, unfolded(monkeypatch, factorize).W, 1e-12)


@pytest.mark.parametrize("solver", ["mu", "cd"])
def test_the_estimator(monkeypatch, solver):
    sklearn = pytest.importorskip("nmf_accel.sklearn")
    options = {"solver": solver, "init": "random", "random_state": 0, "max_iter": 20, "tol": 0}
    fit = sklearn.NMF(4, **options, backend="numpy").fit
    expected = unfolded(monkeypatch, lambda: fit(BOTH).components_)
    seen = []
    monkeypatch.setattr(Folded, "times", lambda *x, f=Folded.times: seen.append(1) or f(*x))
    assert_parity(fit(BOTH).components_, expected, 1e-10)
    assert len(seen) >= 40


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sweep(monkeypatch, threads):
    monkeypatch.setattr(ways, "here", lambda: ways.Machine(threads, python=0, reading=0))
    run = partial(sweep, BOTH, [2, 5], 4, max_iter=50, backend="numpy", reference=BOTH, keep="all")
    with threadpool_limits(threads, "blas"):
        result, expected = run(), unfolded(monkeypatch, run)
    assert len(result.table) == 8
    for a, b in zip(result.table, expected.table, strict=True):
        assert a["error"] == pytest.approx(b["error"], rel=1e-10)
        assert a["reference_error"] == pytest.approx(a["error"], rel=1e-10)
    assert_parity(result.best(5).H, expected.best(5).H, 1e-9)


def test_punks(monkeypatch, punks):
    problem = prepare(Given(punks), backend="numpy")
    assert problem.A.entries < 0.85 * punks.any(axis=1).sum() * 500
    factorize = partial(nmf, punks, 16, max_iter=1000, backend="numpy")
    result, expected = factorize(), unfolded(monkeypatch, factorize)
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)
    assert_parity(result.errors, expected.errors, 1e-10)


def test_numpy_computes_the_residual_where_it_is_needed_and_no_iteration_twice(
    no_walks, monkeypatch
):
    rng = np.random.default_rng(2)
    A = rng.random((30, 3)) @ rng.random((3, 20))
    steps, careful = [], []
    monkeypatch.setattr(frobenius, "residual2", lambda *x: careful.append(1) or residual2(*x))
    divide = kernels.multiply_divide
    monkeypatch.setitem(
        kernels.KERNELS, "multiply_divide", lambda *x: steps.append(1) or divide(*x)
    )
    result = nmf(A, 3, max_iter=2000, backend="numpy")
    trusted = np.flatnonzero(result.errors**2 < 1e-5 * result.norm**2)[0]
    assert 10 < trusted < 1900
    assert len(careful) == 2000 - trusted
    assert len(steps) == 2 * 2000
