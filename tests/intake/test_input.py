"""What `nmf` is given is taken or refused with its reason, and never written to."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import require_or_skip
from toys import KullbackLeibler

from nmf_accel import backends, nmf
from nmf_accel.intake import Given, prepare

GOOD = np.arange(1.0, 13.0).reshape(3, 4)
INF = np.inf


def with_entries(dtype="float64", **entries):
    """`GOOD` with other values at places given as ``r1c2=value``."""
    A = GOOD.astype(dtype)
    for place, value in entries.items():
        A[int(place[1]), int(place[3])] = value
    return A


def run(A, rank=2, **options):
    return nmf(A, rank, **{"max_iter": 5, **options})


BAD_ENTRIES = [
    (with_entries(r1c2=-0.25), r"A has 1 negative entry, first at \(1, 2\): -0.25; .* A >= 0"),
    (with_entries(r0c3=-1, r2c0=-2), r"A has 2 negative entries, first at \(0, 3\): -1.0"),
    (with_entries(r2c1=np.nan), r"A has 1 NaN entry, first at \(2, 1\): nan"),
    (with_entries(r0c0=INF, r0c1=INF), r"A has 2 infinite entries, first at \(0, 0\): inf"),
    (with_entries(r1c1=-INF), r"A has 1 infinite entry, first at \(1, 1\): -inf"),
    (with_entries(r1c1=-1, r2c2=np.nan, r0c1=INF), r"A has 1 NaN entry, first at \(2, 2\)"),
    (with_entries("int64", r1c1=-3), r"A has 1 negative entry, first at \(1, 1\): -3.0"),
    (np.zeros((3, 2)), "A is zero everywhere, so there is nothing to factorize"),
]


@pytest.mark.parametrize(("A", "message"), BAD_ENTRIES)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_bad_entries(backend, A, message):
    with pytest.raises(ValueError, match=message):
        run(A, backend=backend)


@pytest.mark.parametrize(
    ("A", "message"),
    [
        (
            np.full((2, 2), 1e200),
            "squares of A's entries overflow float64; divide A by its max",
        ),
        (np.full((2, 2), 1e-30, np.float32), "squares of A's entries underflow float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_loss_without_a_degree_takes_no_extreme_scale(A, message):
    with pytest.raises(ValueError, match=message):
        prepare(Given(A), backend="numpy", objective=KullbackLeibler())


@pytest.mark.parametrize(("A", "message"), BAD_ENTRIES[:5])
def test_bad_entries_on_the_device(backend, A, message):
    library = backends.get(backend)
    with library.scope():
        A = library.asarray(A, A.dtype)
    with pytest.raises(ValueError, match=message):
        run(A)


@pytest.mark.parametrize(
    ("A", "error", "message"),
    [
        (np.zeros((0, 3)), ValueError, r"A is empty: its shape is \(0, 3\)"),
        (np.zeros((3, 0)), ValueError, r"A is empty: its shape is \(3, 0\)"),
        (np.ones(4), ValueError, r"A must be a matrix \(2-D\), but its shape is \(4,\)"),
        (np.ones((2, 2, 2)), ValueError, r"A must be a matrix .* shape is \(2, 2, 2\)"),
        (3.0, ValueError, r"A must be a matrix \(2-D\), but its shape is \(\)"),
        (GOOD + 1j, TypeError, r"A is complex128; NMF needs real numbers, so pass abs\(A\)"),
        (GOOD.astype(object), TypeError, r"A has dtype object; .* A.astype\(float\)"),
        (GOOD.astype(str), TypeError, "A has dtype <U"),
        ([["a", "b"]], TypeError, "A has dtype <U1; NMF needs real numbers"),
        (
            np.ma.masked_array(GOOD, np.ones_like(GOOD)),
            ValueError,
            "nothing is known of A, so there is nothing to factorize",
        ),
    ],
)
def test_what_is_no_real_matrix(A, error, message):
    with pytest.raises(error, match=message):
        run(A, backend="numpy")


def test_sparse_starts_are_refused_with_advice():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"W0 is sparse \(csr_matrix\); pass W0.toarray\(\)"):
        run(GOOD, W0=sparse.csr_matrix(np.ones((3, 2))))


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("W0", np.ones((2, 3)), r"W0 has shape \(2, 3\); .* it must be \(3, 2\)"),
        ("H0", np.ones((4, 2)), r"H0 has shape \(4, 2\); .* it must be \(2, 4\)"),
        ("W0", np.ones(3), r"W0 must be a matrix \(2-D\), but its shape is \(3,\)"),
        ("W0", -np.ones((3, 2)), r"W0 has 6 negative entries, first at \(0, 0\): -1.0"),
        ("H0", np.full((2, 4), np.nan), r"H0 has 8 NaN entries"),
        ("H0", np.full((2, 4), INF), r"H0 has 8 infinite entries"),
        ("W0", np.zeros((3, 2)), "W0 is zero everywhere"),
    ],
)
def test_bad_starts(backend, name, start, message):
    with pytest.raises(ValueError, match=message):
        run(GOOD, backend=backend, **{name: start})


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("w", "h"), [(1e25, 1), (1, 1e25), (1e15, 1e12)])
def test_starts_that_overflow_would_end_in_zeros(backend, w, h):
    starts = {"W0": np.full((3, 2), w), "H0": np.full((2, 4), h)}
    with pytest.raises(ValueError, match=r"W0 and H0 .* are so large .* overflow float32; scale"):
        run(GOOD, backend=backend, dtype="float32", **starts)
    assert np.isfinite(run(GOOD, backend=backend, dtype="float64", **starts).error)


@pytest.mark.parametrize(
    "start", [np.ones((3, 2)) * 1j, np.full((3, 2), "a"), np.full((3, 2), None)]
)
def test_starts_that_are_no_real_numbers(start):
    with pytest.raises(TypeError, match="W0 "):
        run(GOOD, W0=start)


def test_starts_of_another_library_are_refused():
    strict = backends.get("strict")
    W0 = strict.asarray(np.ones((3, 2)), np.dtype("float64"))
    with pytest.raises(ValueError, match="W0 is a strict array, but this runs on numpy; give a N"):
        run(GOOD, W0=W0)
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    with pytest.raises(ValueError, match="W0 is a strict array, but this runs on jax"):
        run(backends.get("jax").xp.asarray(GOOD), W0=W0)


def test_numpy_starts_go_with_a_device_array(backend):
    library = backends.get(backend)
    W0, H0 = np.ones((3, 2)), np.eye(2, 4) + 0.5
    with library.scope():
        A, W0_there, H0_there = (library.asarray(x, x.dtype) for x in (GOOD, W0, H0))
    expected = run(GOOD, W0=W0, H0=H0, backend=backend)
    for starts in ((W0, H0), (W0_there, H0_there), (W0, H0_there)):
        result = run(A, W0=starts[0], H0=starts[1])
        np.testing.assert_array_equal(library.to_numpy(result.W), expected.W)
        assert result.W0 is starts[0]


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int64", "uint64", "float16", "float32", "float64", ">f8"]
)
def test_dtypes(backend, dtype):
    A = GOOD.astype(dtype)
    if backend == "strict" and dtype == ">f8":
        A = A.astype("float64")
    result = run(A, backend=backend)
    computed = "float32" if dtype in ("float16", "float32") else "float64"
    assert result.W.dtype == result.H.dtype == computed
    expected = run(A.astype(computed), backend=backend)
    np.testing.assert_array_equal(result.errors, expected.errors)


@pytest.mark.parametrize("asked", ["float32", np.float32, np.dtype("float32")])
def test_the_dtype_asked_for(backend, asked):
    result = run(GOOD, dtype=asked, backend=backend)
    assert result.W.dtype == np.float32
    assert result.settings["dtype"] == "float32"
    assert run(GOOD.astype("float32"), dtype="float64", backend=backend).W.dtype == np.float64


def layouts(A):
    return {
        "Fortran order": np.asfortranarray(A),
        "every second": np.repeat(np.repeat(A, 2, axis=0), 2, axis=1)[::2, ::2],
        "backwards": A[::-1, ::-1].copy()[::-1, ::-1],
        "a list": A.tolist(),
        "a matrix": np.asarray(A).view(np.ndarray),
    }


@pytest.mark.parametrize("layout", layouts(GOOD))
def test_layouts(backend, layout):
    expected = run(GOOD, backend=backend)
    result = run(layouts(GOOD)[layout], backend=backend)
    np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_given_is_written_to(backend, dtype, order):
    given = {
        "A": np.array(GOOD, dtype, order=order),
        "W0": np.array(np.ones((3, 2)), dtype, order=order),
        "H0": np.array(np.eye(2, 4) + 1, dtype, order=order),
    }
    copies = {name: x.copy() for name, x in given.items()}
    result = run(given["A"], W0=given["W0"], H0=given["H0"], backend=backend)
    for name, x in given.items():
        np.testing.assert_array_equal(x, copies[name])
    assert not any(np.shares_memory(result.W, x) for x in given.values())
    assert not any(np.shares_memory(result.H, x) for x in given.values())
    for x in given.values():
        x.flags.writeable = False
    again = run(given["A"], W0=given["W0"], H0=given["H0"], backend=backend)
    np.testing.assert_array_equal(again.W, result.W)


def test_a_device_array_is_not_written_to(backend):
    library = backends.get(backend)
    given = GOOD, np.ones((3, 2)), np.eye(2, 4) + 1
    with library.scope():
        A, W0, H0 = (library.asarray(x.copy(), x.dtype) for x in given)
    run(A, W0=W0, H0=H0)
    for x, value in zip((A, W0, H0), given, strict=True):
        np.testing.assert_array_equal(library.to_numpy(x), value)


def test_a_copy_made_to_read_the_matrix_is_gone_while_it_is_factorized():
    # A tall CSC matrix is turned into CSR; in the loop there is that beside the caller's, no more.
    A = sp.random_array((4000, 3000), density=0.02, rng=np.random.default_rng(0))

    def taken(matrix):
        held = []

        def look(k, error):
            held.append(tracemalloc.get_traced_memory()[0])
            return True

        tracemalloc.start()
        nmf(matrix, 2, check_every=1, callback=look, backend="numpy")
        tracemalloc.stop()
        return held[0]

    by_rows, by_columns = A.tocsr(), A.tocsc()
    copy = by_rows.data.nbytes + by_rows.indices.nbytes
    assert taken(by_columns) < taken(by_rows) + 1.5 * copy
    # A wide one is multiplied by columns, as it is.
    assert taken(by_rows.T) < taken(by_rows) + 0.5 * copy
