"""What each kind of matrix says of itself and does, against NumPy's arrays of other heights."""

import math
import re

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from strict_backend import StrictBackend

from nmf_accel import backends
from nmf_accel.matrices import (
    Dense,
    Frame,
    Known,
    Partly,
    RawDense,
    RawSparse,
    Side,
    base,
    weigh,
)

RNG = np.random.default_rng(0)
NUMPY, STRICT = backends.get("numpy"), StrictBackend()
M, N, D, RUNS = 7, 5, 4, 3
A = RNG.random((M, N)) * (RNG.random((M, N)) < 0.6)
A[2], A[:, 3] = 0, 0
WEIGHTS = RNG.random((M, N)) * (A > 0)


def sparse(A=A, dtype="float64"):
    return NUMPY.matrix(RawSparse(csr_array(A.astype(dtype)), NUMPY))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_how_much_each_takes(dtype):
    """Dense ones their entries, sparse ones two forms with indices of 4 bytes; weights as much."""
    size, stored = np.dtype(dtype).itemsize, np.count_nonzero(A)
    plain, thin = Dense(A.astype(dtype), NUMPY), sparse(dtype=dtype)
    assert (plain.entries, plain.nbytes, plain.read) == (35, 35 * size, 35 * size)
    assert (thin.entries, thin.nbytes) == (stored, 2 * (size + 4) * stored)
    assert thin.read == (size + 4) * stored
    assert weigh(plain, WEIGHTS)[0].nbytes == 2 * 35 * size
    assert weigh(plain, WEIGHTS, 3)[0].nbytes == 2 * 35 * size + 35  # a byte for each fold
    assert weigh(thin, None)[0].nbytes == thin.nbytes


def test_what_each_kind_can_do():
    plain, thin = Dense(A, NUMPY), sparse()
    weighted, observed = weigh(plain, WEIGHTS)[0], weigh(thin, None)[0]
    kinds = [plain, thin, weighted, observed]
    assert [x.kind for x in kinds] == ["dense", "sparse", "weighted", "observed"]
    assert [x.by_columns for x in kinds] == [True, False, False, False]
    assert [x.by_entries for x in kinds] == [False, True, False, True]
    assert [x.by_run for x in kinds] == [False] * 4
    assert [x.largest_weight for x in kinds] == [1, 1, WEIGHTS.max(), 1]
    assert observed.weights == 1
    assert plain.weights is thin.weights is None
    assert [x.aside(A) for x in kinds] == [None] * 4
    assert [x.least_block(100) for x in kinds] == [4, 1, 4, 1]  # at most 32 blocks
    assert [x.least_block(96) for x in kinds] == [3, 1, 3, 1]
    assert base.BLOCKS == 32


def test_which_lie_by_columns():
    """Of dense ones those in the order of columns alone, and of sparse ones CSC."""
    by_columns = np.asfortranarray(A)
    assert Dense(by_columns, NUMPY).lies_by_columns
    assert not Dense(by_columns, NUMPY).T.lies_by_columns
    for array in (A, A[::2, ::2], A[:, :1].copy()):
        assert not Dense(array, NUMPY).lies_by_columns
    assert not Dense(STRICT.asarray(A, A.dtype), STRICT).lies_by_columns
    assert not sparse().lies_by_columns  # tall, so by rows
    assert sparse().T.lies_by_columns
    assert sparse(A.T).lies_by_columns


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("runs", [1, RUNS])
def test_a_sparse_matrix_where_it_stores_entries(turn, runs, monkeypatch):
    """Places, values, the entries of YᵀX there, and products with others in their place."""
    array, matrix = (A.T, sparse().T) if turn else (A, sparse())
    m, n = array.shape
    Y, X = RNG.random((runs, D, m)), RNG.random((runs, D, n))
    rows, columns = matrix.places
    np.testing.assert_array_equal(matrix.stored, array[rows, columns])
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {
        (int(i), int(j)) for i, j in zip(*np.nonzero(array), strict=True)
    }
    for entries in (1, 2 * runs * D, 2**18):
        monkeypatch.setattr(type(NUMPY), "block_entries", entries)
        sampled = matrix.sampled(Y, X)
        np.testing.assert_allclose(sampled, (Y.mT @ X)[:, rows, columns], rtol=1e-14)
    others = RNG.random((runs, matrix.entries))
    Q = np.zeros((runs, m, n))
    Q[:, rows, columns] = others
    np.testing.assert_allclose(matrix.left_with(others, Y), Y @ Q, rtol=1e-14)


@pytest.mark.parametrize("make", [lambda A: Dense(A, NUMPY), sparse])
def test_means_and_norms_of_what_is_known(make):
    """Weighted, or of what is stored; of nothing at all the mean is 0."""
    thin = make is sparse
    weights = None if thin else WEIGHTS
    matrix, mean = weigh(make(A), weights)
    weights = (A > 0) if thin else WEIGHTS
    assert mean == pytest.approx((weights * A).sum() / weights.sum(), rel=1e-14)
    assert matrix.norm2 == pytest.approx((weights * A**2).sum(), rel=1e-14)
    assert matrix.T.norm2 == pytest.approx(matrix.norm2, rel=1e-14)
    assert matrix.folds is None
    assert matrix.T.folds is None
    assert weigh(make(0 * A), None if thin else 0 * A)[1] == 0
    one = 0 * A
    one[1, 2] = 5
    assert weigh(make(one), None if thin else one / 2)[1] == 5


@pytest.mark.parametrize(
    ("dtype", "least", "largest"),
    [
        ("float64", np.finfo("float64").smallest_normal ** 0.4, np.finfo("float64").max ** 0.4),
        # Its squares in float64 are far from that dtype's limits.
        ("float32", float(np.finfo("float32").smallest_normal), float(np.finfo("float32").max)),
    ],
)
def test_weights_may_be_as_small_and_as_large_as_their_squares_allow(dtype, least, largest):
    """Or as the dtype of A does; beyond that they are refused."""
    matrix = Dense(np.full((2, 3), 1e-3, dtype), NUMPY)
    sizes = np.array([[1, 0, 0], [0, 0.5, 0]])
    for size in (least, largest):
        weigh(matrix, size * sizes)
    weigh(matrix, 0 * sizes)  # of nothing at all another one speaks
    with pytest.raises(ValueError, match=f"is {0.9 * least:g}, too small for {dtype}"):
        weigh(matrix, 0.9 * least * sizes)
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=re.escape(f"is {1.1 * largest:g}, too large for {dtype}")),
    ):
        weigh(matrix, 1.1 * largest * sizes)


HELD, UNNEEDED = np.array([0, 1, 0, 1, 0], bool), np.array([0, 0, 1, 1, 0], bool)


@pytest.mark.parametrize("library", [NUMPY, STRICT], ids=["numpy", "written out"])
@pytest.mark.parametrize("held", [HELD, ~HELD, 0 * HELD > 0, HELD | True])
@pytest.mark.parametrize("unneeded", [UNNEEDED, 0 * UNNEEDED > 0])
def test_products_of_which_some_are_known(library, held, unneeded):
    """Of the rows that are held as they were known, of those nobody needs zeros, others anew."""
    matrix = Dense(library.asarray(A, A.dtype), library)
    fixed, Y = RNG.random((1, 5, M)), RNG.random((RUNS, 5, M))
    known = Known.of(held, unneeded, library).multiplied(matrix, library.asarray(fixed, Y.dtype))
    empty = Known.of(0 * held > 0, 0 * held > 0, library)
    partly = Partly(matrix, known, empty)
    assert library.to_numpy(known.asked).tolist() == np.flatnonzero(~(held | unneeded)).tolist()
    expected = np.where(held[:, None], fixed @ A, Y @ A)
    expected[:, unneeded] = 0
    found = partly.left(library.asarray(Y, Y.dtype))
    np.testing.assert_allclose(library.to_numpy(found), expected, rtol=1e-14)
    X = RNG.random((RUNS, 5, N))
    aside = partly.aside(library.asarray(X, X.dtype))
    if held.any():
        by_hand = ((fixed @ A) * X)[:, held].sum(axis=(1, 2))
        np.testing.assert_allclose(library.to_numpy(aside), by_hand, rtol=1e-14)
    else:
        assert aside is None
    assert partly.T.aside(found) is None
    turned = partly.T.left(library.asarray(X, X.dtype))
    np.testing.assert_allclose(library.to_numpy(turned), X @ A.T, rtol=1e-14)


def test_blocks_of_columns_bring_what_is_known_once():
    """Their products with the transpose add up to those with all columns."""
    matrix = Dense(A, NUMPY)
    Y, X = RNG.random((RUNS, 5, M)), RNG.random((RUNS, 5, N))
    held, none = HELD, 0 * HELD > 0
    here = Known.of(held, none, NUMPY).multiplied(matrix, Y[:1])
    there = Known.of(~held, none, NUMPY).multiplied(matrix.T, X[:1])
    partly = Partly(matrix, here, there)
    blocks = slice(0, 2), slice(2, 3), slice(3, N)
    parts = [partly.columns(block) for block in blocks]
    for block, part in zip(blocks, parts, strict=True):
        np.testing.assert_allclose(part.left(Y), partly.left(Y)[..., block], rtol=1e-14)
    total = sum(part.T.left(X[..., b]) for b, part in zip(blocks, parts, strict=True))
    np.testing.assert_allclose(total, partly.T.left(X), rtol=1e-14)
    assert partly.by_columns
    assert not Partly(sparse(), here, there).by_columns
    bare = Partly(matrix, *[Known.of(none, none, NUMPY)] * 2).columns(slice(2, 4))
    np.testing.assert_allclose(bare.left(Y), (Y @ A)[..., 2:4], rtol=1e-14)
    assert bare.T.aside(Y) is None


@pytest.mark.parametrize("library", [NUMPY, STRICT], ids=["numpy", "written out"])
def test_a_side_keeps_and_puts_back(library):
    """Along any axis, in the order that was asked for; what was left out comes back as zeros."""
    side, x = Side(7, np.array([5, 0, 3])), RNG.random((3, 7, 2))
    there = library.asarray(x, x.dtype)
    kept = side.keep(library, there, 1)
    np.testing.assert_array_equal(library.to_numpy(kept), x[:, [5, 0, 3]])
    last = side.keep(library, there.mT)
    np.testing.assert_array_equal(library.to_numpy(last), x.mT[..., [5, 0, 3]])
    expected = np.where(np.isin(np.arange(7), [5, 0, 3]), x.mT, 0)
    np.testing.assert_array_equal(library.to_numpy(side.put_back(library, last)), expected)
    assert side.left_out.tolist() == [1, 2, 4, 6]
    assert repr(side) == "<Side: 3 of 7>"
    whole = Side(7)
    assert whole.keep(library, there, 1) is there
    assert whole.put_back(library, there) is there
    assert (whole.source, whole.left_out.tolist(), repr(whole)) == (None, [], "<Side: 7 of 7>")


def test_a_frame_is_of_the_rows_and_the_columns():
    frame = RawDense(A, NUMPY).frame()
    assert (frame.rows.left_out.tolist(), frame.columns.left_out.tolist()) == ([2], [3])
    H, Wt = RNG.random((RUNS, D, N)), RNG.random((RUNS, D, M))
    kept = frame.keep(NUMPY, H, Wt)
    np.testing.assert_array_equal(kept[0], np.delete(H, 3, axis=-1))
    np.testing.assert_array_equal(kept[1], np.delete(Wt, 2, axis=-1))
    assert frame.shape == (M, N)
    full = Frame.whole((M, N))
    assert (full.rows.size, full.columns.size, full.rows.index, full.columns.index) == (
        *(M, N),
        *(None, None),
    )
    assert RawDense(A + 1, NUMPY).frame().rows.index is None


@pytest.mark.parametrize("rows", [None, [4, 0, 1]])
@pytest.mark.parametrize("columns", [None, [2, 1, 4, 0]])
def test_what_was_cut_is_put_back_where_it_was(rows, columns):
    """If rows are left out or columns, both or none."""
    index = [None if x is None else np.array(x) for x in (rows, columns)]
    sides = Side(M, index[0]), Side(N, index[1])
    frame, expected = Frame(*sides), np.zeros_like(A)
    kept = [np.arange(side.size) if side.index is None else side.index for side in sides]
    places = np.ix_(*kept)
    expected[places] = A[places]
    for raw in (RawDense(A, NUMPY), RawSparse(csr_array(A), NUMPY)):
        cut = raw.cut(frame)
        assert cut.shape == A[places].shape
        whole = NUMPY.matrix(cut).whole(frame)
        np.testing.assert_array_equal(
            whole if isinstance(raw, RawDense) else whole.toarray(), expected
        )
    assert RawSparse(csr_array(A), NUMPY).cut(Frame.whole((M, N))).csr is not None


def test_a_sparse_matrix_as_the_caller_has_it():
    """Its entries' places, squares, parts, and by columns; a copy only where it is needed."""
    csr = csr_array(A)
    raw = RawSparse(csr, NUMPY)
    places = [raw.place((k,)) for k in range(csr.nnz)]
    assert [A[place] for place in places] == csr.data.tolist()
    assert len({*places}) == csr.nnz
    assert raw.squares == pytest.approx((A**2).sum(), rel=1e-14)
    data, indices, ends = raw.parts()
    assert (indices.dtype, ends.dtype) == (np.int64, np.int64)
    rebuilt = csr_array((data, indices, ends), shape=A.shape)
    np.testing.assert_array_equal(rebuilt.toarray(), A)
    assert raw.astype(np.dtype("float64")) is raw
    assert raw.astype(np.dtype("float32")).dtype == np.float32
    np.testing.assert_array_equal(raw.times(3).csr.toarray(), 3 * A)
    np.testing.assert_array_equal(RawDense(A, NUMPY).times(3).array, 3 * A)
    csc = csc_array(A)
    assert RawSparse(csr, NUMPY, csc).by_columns() is csc
    assert raw.by_columns().format == "csc"
    np.testing.assert_array_equal(raw.by_columns().toarray(), A)
    rows, columns = raw.nonzero()
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 3, 4, 5, 6], [0, 1, 2, 4])


@pytest.mark.parametrize("zeros", [True, False])
def test_rows_that_are_not_zero_everywhere(zeros):
    """In array operations, as backends without a form of their own find them."""
    array = A if zeros else A + 1
    found = RawDense(STRICT.asarray(array, array.dtype), STRICT).nonzero()
    for index, axis in zip(found, (1, 0), strict=True):
        assert index.tolist() == np.flatnonzero(array.any(axis=axis)).tolist()


def test_products_of_runs_are_in_the_order_of_runs():
    Y = RNG.random((RUNS, D, M))
    for matrix in (Dense(A, NUMPY), sparse(), weigh(Dense(A, NUMPY), WEIGHTS)[0]):
        np.testing.assert_allclose(matrix.left(Y), Y @ A, rtol=1e-13)
    assert math.prod(Dense(A, NUMPY).columns(slice(1, 3)).shape) == 2 * M
