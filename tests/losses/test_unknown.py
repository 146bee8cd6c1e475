"""Rows and columns of which nothing is known: refused, or zero and all else as without them."""

import numpy as np
import pytest
from conftest import assert_equals_single_runs, assert_parity
from scipy.sparse import csc_array, csr_array

from nmf_accel import nmf, project, sweep
from nmf_accel.solvers import SOLVERS

RNG = np.random.default_rng(0)
M, N, D = 30, 40, 3
A = RNG.gamma(0.6, 1, (M, D)) @ RNG.gamma(0.6, 1, (D, N)) + 0.1 * RNG.random((M, N)) + 0.01
ROWS, COLUMNS = (np.isin(np.arange(k), out, invert=True) for k, out in ((M, [0, 7]), (N, [5, 39])))
KNOWN = (RNG.random((M, N)) < 0.7) & ROWS[:, None] & COLUMNS
W0, H0 = RNG.random((M, D)) + 0.1, RNG.random((D, N)) + 0.1
STORED = (A[KNOWN], np.nonzero(KNOWN)), (M, N)
GIVEN = {
    "weights": (A, {"weights": KNOWN}),
    "NaN": (np.where(KNOWN, A, np.nan), {"missing": np.nan}),
    "masked": (np.ma.array(A, mask=~KNOWN), {}),
    "CSR": (csr_array(*STORED), {"zeros": "missing"}),
    "CSC": (csc_array(*STORED), {"zeros": "missing"}),
}
WITHOUT = {"A": A[ROWS][:, COLUMNS], "weights": KNOWN[ROWS][:, COLUMNS], "rank": D}
START = {"W0": W0, "H0": H0}
START_WITHOUT = {"W0": W0[ROWS], "H0": H0[:, COLUMNS]}


def assert_zero_and_else(found, expected):
    """Factors are zero where nothing is known, and else those expected."""
    W, H = np.asarray(found.W), np.asarray(found.H)
    assert W.shape == (M, D)
    assert H.shape == (D, N)
    assert not W[~ROWS].any()
    assert not H[:, ~COLUMNS].any()
    assert_parity(W[ROWS], expected.W, 1e-10)
    assert_parity(H[:, COLUMNS], expected.H, 1e-10)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)


RUNS = [
    *({"solver": solver} for solver in SOLVERS),
    {"solver": "hals", "extrapolate": True, "inner": 2},
    {"solver": "hals", "l1_W": 0.1, "l2_W": 0.2, "l1_H": 0.1, "l2_H": 0.3},
    {"loss": "kullback-leibler"},
    {"loss": 0.5, "l1_W": 0.1},
]


@pytest.mark.parametrize("options", RUNS, ids=str)
def test_they_are_zero_and_all_else_is_as_without_them(options, backend):
    """From the start that is left of one that is not zero there, with the same certificate."""
    options = {**options, "max_iter": 20}
    expected = nmf(**WITHOUT, **options, **START_WITHOUT, backend="numpy")
    B, more = GIVEN["weights"]
    found = nmf(B, D, unknown="zero", backend=backend, **more, **options, **START)
    assert_zero_and_else(found, expected)
    assert found.kkt == pytest.approx(expected.kkt, rel=1e-8)
    assert found.norm == pytest.approx(expected.norm, rel=1e-12)


@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler"])
@pytest.mark.parametrize("given", GIVEN)
def test_however_it_is_said(given, loss):
    options = {"loss": loss, "max_iter": 20, "backend": "numpy", "l2_H": 0.1}
    expected = nmf(**WITHOUT, **options, **START_WITHOUT)
    B, more = GIVEN[given]
    assert_zero_and_else(nmf(B, D, unknown="zero", **more, **options, **START), expected)
    with pytest.raises(ValueError, match=r"nothing is known of 2 rows of A, the first being row 0"):
        nmf(B, D, **more, **options)


def test_what_is_said_where_that_is_refused():
    known = KNOWN | ~ROWS[:, None]
    with pytest.raises(ValueError, match="2 columns of A, the first being column 5; leave them "):
        nmf(A, D, weights=known & COLUMNS)
    with pytest.raises(ValueError, match="hold them at zero by unknown='zero'"):
        nmf(A, D, weights=known & COLUMNS)
    with pytest.raises(ValueError, match="unknown is 'drop'; it must be one of refuse, zero"):
        nmf(A, D, weights=KNOWN, unknown="drop")
    with pytest.raises(ValueError, match="nothing is known of A"):
        nmf(A, D, weights=np.zeros((M, N)), unknown="zero")


@pytest.mark.parametrize("init", ["random", "nndsvda"])
def test_in_a_sweep(init, backend, tmp_path):
    options = {"solver": "hals", "init": init, "max_iter": 10, "weights": KNOWN, "unknown": "zero"}
    result = sweep(A, [2], seeds=2, backend=backend, keep="all", **options)
    assert_equals_single_runs(result, A, backend, **options)
    assert not np.asarray(result.factorizations[2, 0].W)[~ROWS].any()


def test_a_store_goes_on_where_nothing_is_to_be_zero(tmp_path):
    """There the word changes no result."""
    options = {"seeds": 1, "max_iter": 3, "store": tmp_path, "weights": WITHOUT["weights"]}
    sweep(WITHOUT["A"], [2], **options)
    again = sweep(WITHOUT["A"], [2, 3], unknown="zero", **options)
    assert (again.skipped, len(again.table)) == (1, 2)


@pytest.mark.parametrize("given", ["NaN", "CSR"])
def test_it_is_completed_by_zeros(given):
    B, more = GIVEN[given]
    completed = nmf(B, D, unknown="zero", max_iter=5, backend="numpy", **more).complete()
    assert not completed[~ROWS].any()
    assert not completed[:, ~COLUMNS].any()
    np.testing.assert_array_equal(completed[KNOWN], A[KNOWN])
    assert (completed[ROWS][:, COLUMNS] > 0).all()


@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler"])
@pytest.mark.parametrize("given", ["weights", "CSC"])
def test_samples_are_projected(loss, given):
    """Of a row no sample need be known; a column of which nothing is known is refused, or zero."""
    B, more = GIVEN[given]
    options = {"loss": loss, "tol": 1e-6, "backend": "numpy"}
    H = project(B, W0, unknown="zero", **more, **options)
    assert not H[:, ~COLUMNS].any()
    few = {"weights": WITHOUT["weights"]}
    assert_parity(H[:, COLUMNS], project(WITHOUT["A"], W0[ROWS], **few, **options), 1e-10)
    with pytest.raises(ValueError, match="nothing is known of 2 columns of A"):
        project(B, W0, **more, **options)
    kept = {key: x[:, COLUMNS] if key == "weights" else x for key, x in more.items()}
    assert_parity(project(B[:, COLUMNS], W0, **kept, **options), H[:, COLUMNS], 1e-10)


def test_of_a_sample_of_which_nothing_is_known_the_weights_are_zero(backend):
    options = {"missing": np.nan, "unknown": "zero", "backend": backend}
    H = np.asarray(project(np.full((M, 1), np.nan), W0, **options))
    np.testing.assert_array_equal(H, np.zeros((D, 1)))
    H = project(csr_array((M, 2)), W0, zeros="missing", unknown="zero", backend="numpy")
    np.testing.assert_array_equal(H, np.zeros((D, 2)))
