"""A sparse matrix gives the results of a dense one, in the memory of its non-zeros."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import assert_histories_agree, assert_parity, require_or_skip

from nmf_accel import BackendError, backends, nmf, project, sweep
from nmf_accel.intake import Given, fingerprint, prepare

rng = np.random.default_rng(0)
A = rng.random((40, 30)) * (rng.random((40, 30)) < 0.2)
A[3], A[:, 5] = 0, 0
MAKE = [sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_matrix]


def assert_same(sparse, dense, rtol):
    assert_parity(sparse.W, dense.W, rtol)
    assert_parity(sparse.H, dense.H, rtol)
    assert_histories_agree(sparse.errors, dense.errors, rtol)
    assert sparse.kkt == pytest.approx(dense.kkt, rel=1e-3)


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("solver", ["mu", "hals", "bpp", "apg"])
def test_the_results_of_the_dense_matrix(make, turn, solver):
    dense = A.T.copy() if turn else A
    options = {"solver": solver, "max_iter": 40, "tol": 1e-6, "backend": "numpy", "l1_H": 0.01}
    assert_same(nmf(make(dense), 5, **options), nmf(dense, 5, **options), 1e-10)


@pytest.mark.parametrize("init", ["nndsvda", "nndsvdar"])
def test_starts_from_singular_vectors(init):
    # Of a sparse matrix they are found by the randomized decomposition alone.
    options = {"init": init, "solver": "hals", "max_iter": 20, "backend": "numpy"}
    sparse, dense = nmf(sp.csr_array(A), 5, **options), nmf(A, 5, **options)
    assert sparse.error == pytest.approx(dense.error, rel=0.05)


def test_float32_and_other_dtypes():
    sparse = nmf(sp.csr_array(A.astype(np.float32)), 4, max_iter=30, backend="numpy")
    assert sparse.W.dtype == np.float32
    assert sparse.error == pytest.approx(nmf(A, 4, max_iter=30).error, rel=1e-4)
    counts = (A * 10).astype(np.int64)
    assert_same(*(nmf(x, 4, max_iter=30, backend="numpy") for x in (sp.csr_array(counts), counts)),
                1e-10)  # fmt: skip


def test_duplicates_and_explicit_zeros():
    coo = sp.coo_array(A)
    row, column = coo.coords
    twice = (np.r_[coo.data / 2, coo.data / 2, 0], (np.r_[row, row, 3], np.r_[column, column, 5]))
    sparse = sp.coo_array(twice, shape=A.shape)
    sparse = sp.csr_array((sparse.data, sparse.coords), shape=A.shape)
    before = sparse.copy()
    assert_same(nmf(sparse, 4, max_iter=20), nmf(A, 4, max_iter=20), 1e-10)
    np.testing.assert_array_equal(sparse.data, before.data)
    np.testing.assert_array_equal(sparse.indices, before.indices)


def test_an_exact_factorization():
    # Where the free formula for the error cancels, it is computed from blocks made dense.
    W, H = (rng.random(s) * (rng.random(s) < 0.5) for s in ((40, 3), (3, 30)))
    options = {"solver": "hals", "max_iter": 300, "backend": "numpy"}
    sparse, dense = nmf(sp.csr_array(W @ H), 3, **options), nmf(W @ H, 3, **options)
    assert dense.relative_error < 1e-5
    floor = 1e-14 * sparse.norm
    np.testing.assert_allclose(sparse.errors, dense.errors, rtol=1e-6, atol=floor)


def test_sweeps_and_projections(tmp_path):
    options = {"seeds": 3, "max_iter": 20, "backend": "numpy", "keep": "all"}
    clean = sp.csr_array(A * 0.9)
    sparse = sweep(sp.csr_array(A), [2, 4], reference=clean, store=tmp_path, **options)
    dense = sweep(A, [2, 4], reference=clean.toarray(), **options)
    for mine, theirs in zip(sparse.table, dense.table, strict=True):
        assert mine["error"] == pytest.approx(theirs["error"], rel=1e-10)
        assert mine["reference_error"] == pytest.approx(theirs["reference_error"], rel=1e-10)
    again = sweep(sp.csc_array(A), [2, 4], reference=clean, store=tmp_path, **options)
    assert again.skipped == 6
    W = dense.best(4).W
    assert_parity(project(sp.csr_array(A), W), project(A, W), 1e-10)


def test_fingerprints_tell_matrices_apart():
    csr = sp.csr_array(A)
    assert fingerprint(csr) == fingerprint(csr.tocsc()) != fingerprint(2 * csr)
    wide = csr.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert fingerprint(wide) == fingerprint(csr)


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        (sp.csr_array(-A), ValueError, "reference has .* negative entries"),
        (sp.csr_array(A[:5]), ValueError, r"reference has shape \(5, 30\), but A has \(40, 30\)"),
        (A + 1j, TypeError, "reference is complex128"),
    ],
)
def test_bad_references(reference, error, message):
    with pytest.raises(error, match=message):
        sweep(A, [2], 1, reference=reference, max_iter=1, backend="numpy")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (-0.5, r"A has 1 negative entry, first at \(2, 1\): -0.5; NMF needs finite A >= 0"),
        (np.nan, r"A has 1 NaN entry, first at \(2, 1\): nan"),
        (np.inf, r"A has 1 infinite entry, first at \(2, 1\): inf"),
    ],
)
def test_bad_entries(entry, message):
    bad = sp.csr_array(([1.0, entry], ([0, 2], [1, 1])), shape=(3, 2))
    with pytest.raises(ValueError, match=message):
        nmf(bad, 1, backend="numpy")


def test_bad_matrices():
    with pytest.raises(ValueError, match="A is zero everywhere"):
        nmf(sp.csr_array((3, 2)), 1, backend="numpy")
    with pytest.raises(TypeError, match="A is complex128"):
        nmf(sp.csr_array(A + 1j), 1, backend="numpy")
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    with pytest.raises(BackendError, match="'jax' takes no sparse matrices; take numpy or cu"):
        nmf(sp.csr_array(A), 2, backend="jax")


def test_memory_grows_with_the_entries():
    shape, stored = (20_000, 5_000), 50_000
    places = tuple(rng.integers(0, size, stored) for size in shape)
    big = sp.csr_array((rng.random(stored), places), shape=shape)
    tracemalloc.start()
    result = nmf(big, 4, max_iter=3, tol=1e-9, check_every=1, backend="numpy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.n_iter == 3
    dense = shape[0] * shape[1] * 8
    assert peak < 20 * (result.W.nbytes + result.H.nbytes) + 100 * stored < dense / 25


@pytest.mark.parametrize("format", ["csr", "csc"])
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
@pytest.mark.parametrize("dtype", [bool, "int8", "float32", "float64"])
def test_a_matrix_of_any_dtype_and_format_is_what_its_entries_are(dtype, shape, format):
    whole = (np.random.default_rng(0).random(shape) < 0.6).astype(dtype)
    A = sp.csr_array(whole).asformat(format)
    found, expected = (nmf(X, 2, max_iter=20, solver="hals", backend="numpy") for X in (A, whole))
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-3, atol=1e-5)


def test_zeros_that_are_stored_are_not_multiplied_with():
    stored = sp.csr_array(A)
    stored.data[::3] = 0
    problem = prepare(Given(stored), None, "numpy")
    assert problem.A.entries == np.count_nonzero(stored.toarray())
    assert np.count_nonzero(stored.data) < stored.data.size, "the caller's are left alone"


def test_a_fingerprint_tells_shapes_apart():
    assert fingerprint(np.ones((2, 6))) != fingerprint(np.ones((3, 4)))
