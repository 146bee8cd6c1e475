"""Every kind of matrix, on every backend, is the same A as NumPy's array of it.

A has zero rows and columns, which a frame leaves out, and equal ones, which NumPy folds.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import backends
from nmf_accel.backends.numpy_backend.folded import Folded
from nmf_accel.matrices import (
    Dense,
    Frame,
    Matrix,
    Raw,
    RawDense,
    RawSparse,
    Sparse,
    is_sparse,
)

rng = np.random.default_rng(0)
COPIES = [1, 2, 3, 4] * 30  # of a row or column; of more, NumPy takes some for different ones
A = rng.random((120, 120)) * (rng.random((120, 120)) < 0.4)
A = np.pad(np.repeat(np.repeat(A, COPIES, 0), COPIES, 1), ((2, 5), (3, 0)))
A = A[rng.permutation(307)][:, rng.permutation(303)]
RTOL = {"float64": 1e-13, "float32": 1e-5}


class Alike(NamedTuple):
    """A matrix, NumPy's array of it, the frame in which it stands, and what it should be."""

    matrix: Matrix | Raw
    array: np.ndarray
    frame: Frame
    kind: type[Matrix]
    entries: int

    def __repr__(self):
        return f"{self.matrix!r} of {self.matrix.library}"


def lying(library, dtype):
    """A as a caller has it: dense, and sparse where the backend takes that."""
    array, numpy = A.astype(dtype), backends.get("numpy")
    found: list[Raw] = [RawDense(library.asarray(array, array.dtype), library)]
    if RawSparse in library.kinds:
        there: Any = library.matrix(RawSparse(csr_array(array), numpy))
        found.append(RawSparse(there.matrix.tocsr(), library))
    whole = Frame.whole(array.shape)
    kinds = {RawDense: (Dense, array.size), RawSparse: (Sparse, np.count_nonzero(array))}
    return [Alike(x, array, whole, *kinds[type(x)]) for x in found]


def ready(library, dtype):
    """A made ready for many products: as it is, and what its frame keeps, arranged."""
    found = []
    for one in lying(library, dtype):
        whole, entries = library.matrix(one.matrix), one.entries
        found.append(one._replace(matrix=whole))
        matrix, frame = library.arrange(one.matrix, one.matrix.frame())
        rows, columns = frame.rows.index, frame.columns.index
        kept = one.array[np.ix_(rows, columns)]
        kind = one.kind
        if library.name == "numpy" and kind is Dense:
            kind, entries = Folded, len(np.unique(kept, axis=0)) * len(np.unique(kept, axis=1).T)
        elif kind is Dense:
            entries = kept.size
        found.append(Alike(matrix, kept, frame, kind, entries))
    return found


def each(library, dtype):
    """All of them, and their transposes."""
    found = ready(library, dtype)
    turned = [one._replace(matrix=one.matrix.T, array=one.array.T) for one in found]
    return [*found, *turned]


@pytest.fixture
def library(backend):
    """The backend itself; a test runs in its scope, as all calls of the library do."""
    library = backends.get(backend)
    with library.scope():
        yield library


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def test_the_example_has_what_it_should():
    rows, columns = (np.unique(x, axis=0, return_counts=True)[1].tolist() for x in (A, A.T))
    assert sorted(rows) == sorted([*COPIES, 7])  # those that are zero are equal too
    assert sorted(columns) == sorted([*COPIES, 3])


def test_shapes_and_kinds(library, dtype):
    found = each(library, dtype)
    folded = {Folded} if library.name == "numpy" else set()
    kinds = {RawDense: Dense, RawSparse: Sparse}
    assert {type(one.matrix) for one in found} == {kinds[x] for x in library.kinds} | folded
    for one in found:
        assert type(one.matrix) is one.kind, one
        assert one.matrix.shape == one.array.shape, one
        assert one.matrix.dtype == one.array.dtype, one
        assert one.matrix.entries == one.entries, one
        squares = (one.array.astype(np.float64) ** 2).sum()
        assert one.matrix.norm2 == pytest.approx(squares, rel=RTOL[dtype]), one


def test_products(library, dtype):
    for one in each(library, dtype):
        Y = np.random.default_rng(1).random((2, 3, one.array.shape[0])).astype(dtype)
        N = library.to_numpy(one.matrix.left(library.asarray(Y, Y.dtype)))
        assert N.dtype == dtype, one
        np.testing.assert_allclose(N, Y @ one.array, rtol=RTOL[dtype], err_msg=repr(one))


@pytest.mark.parametrize("block", [slice(2, 11), slice(0, 1), slice(250, 299)])
def test_blocks_of_rows(library, dtype, block):
    for one in each(library, dtype):
        rows = library.to_numpy(one.matrix.rows(block))
        np.testing.assert_array_equal(rows, one.array[block], err_msg=repr(one))


def test_entries_and_their_places(library, dtype):
    for one in lying(library, dtype):
        stored = library.to_numpy(one.matrix.stored)
        indices = np.random.default_rng(1).integers(0, stored.shape, (20, stored.ndim))
        for index in map(tuple, indices.tolist()):
            assert stored[index] == one.array[one.matrix.place(index)], one
        np.testing.assert_array_equal(np.sort(stored[stored > 0]), np.sort(one.array[A > 0]))


def test_what_is_not_zero(library, dtype):
    for one in lying(library, dtype):
        frame = one.matrix.frame()
        assert frame.shape == A.shape
        found = zip(one.matrix.nonzero(), (frame.rows, frame.columns), strict=True)
        for (index, side), axis in zip(found, (1, 0), strict=True):
            np.testing.assert_array_equal(index, np.flatnonzero(A.any(axis=axis)))
            np.testing.assert_array_equal(side.index, index)


def test_what_a_frame_keeps(library, dtype):
    for one in lying(library, dtype):
        frame = one.matrix.frame()
        kept = one.array[np.ix_(frame.rows.index, frame.columns.index)]
        for asked, expected in ((frame, kept), (Frame.whole(A.shape), one.array)):
            cut = one.matrix.cut(asked)
            assert cut.shape == expected.shape
            assert type(cut) is type(one.matrix)
            rows = library.matrix(cut).rows(slice(None))
            np.testing.assert_array_equal(library.to_numpy(rows), expected)


def test_the_whole_of_it_on_the_host(library, dtype):
    for one in ready(library, dtype):
        whole = one.matrix.whole(one.frame)
        assert is_sparse(whole) == (one.kind is Sparse), one
        whole = whole.toarray() if is_sparse(whole) else whole
        assert type(whole) is np.ndarray, one
        np.testing.assert_array_equal(whole, A.astype(dtype), err_msg=repr(one))
