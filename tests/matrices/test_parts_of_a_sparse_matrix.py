"""Each part of a sparse matrix may be what fits its shape, up to the last index, and no more."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from damaging import at

from nmf_accel.matrices import check_indices, indices, is_canonical

# Rows 1 and 5 are empty, and the last column is not.
WHOLE = np.zeros((6, 12))
WHOLE[[0, 0, 2, 3, 4, 4, 4], [0, 11, 3, 4, 1, 2, 11]] = np.arange(1, 8)
MAKE = {
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "bsr": lambda A: sp.bsr_array(A, blocksize=(2, 3)),  # 3 lines of 4 blocks
    "coo": sp.coo_array,
    "lil": sp.lil_array,
    "dia": sp.dia_array,
    "dok": sp.dok_array,
}


def damaged(kind, part, change):
    """The matrix in a format, of which a part is another."""
    A = MAKE[kind](WHOLE)
    if part in ("row", "col"):
        k = ("row", "col").index(part)
        A.coords = tuple(change(x) if k == axis else x for axis, x in enumerate(A.coords))
    else:
        setattr(A, part, change(getattr(A, part)))
    return A


def as_float(x):
    return x.astype(float)


def upright(x):
    return x[:, None]


WRONG = [
    ("csr", "indices", at(1, 12), "its indices go from 0 to 12, and must lie from 0 to 11"),
    ("csr", "indices", at(0, -1), "its indices go from -1 to 11, and must lie from 0 to 11"),
    ("csc", "indices", at(-1, 6), "its indices go from 0 to 6, and must lie from 0 to 5"),
    ("bsr", "indices", at(1, 4), "its indices go from 0 to 4, and must lie from 0 to 3"),
    ("csr", "indptr", at(-1, 8), "its indptr goes from 0 to 8, and 7 entries are stored"),
    ("csr", "indptr", at(0, 1), "its indptr goes from 1 to 7, and 7 entries are stored"),
    ("csr", "indptr", at(0, -1), "its indptr goes from -1 to 7, and 7 entries are stored"),
    ("csr", "indptr", at(2, 1), "its indptr falls, so"),
    ("csr", "indptr", lambda x: x[:-1], "its indptr has 6 numbers, and 7 are needed"),
    ("csc", "indptr", lambda x: np.r_[x, 7], "its indptr has 14 numbers, and 13 are needed"),
    ("bsr", "indptr", lambda x: x[1:], "its indptr has 3 numbers, and 4 are needed"),
    ("csr", "data", lambda x: x[1:], "it has 6 entries and 7 indices"),
    ("csr", "data", upright, "its data are of shape (7, 1)"),
    ("csr", "indices", as_float, "its indices are float64 of shape (7,), which are no"),
    ("csr", "indptr", as_float, "its indptr are float64 of shape (7,), which are no"),
    ("csr", "indices", upright, "of shape (7, 1), which are no"),
    ("csr", "indptr", upright, "of shape (7, 1), which are no"),
    ("csr", "indptr", lambda x: None, "its parts are not what they should be ("),
    ("bsr", "data", lambda x: x[0], "its parts are not what they should be ("),
    ("bsr", "data", lambda x: x[..., None], "its parts are not what they should be ("),
    ("coo", "row", at(0, 6), "its row go from 0 to 6, and must lie from 0 to 5"),
    ("coo", "row", at(0, -1), "its row go from -1 to 4, and must lie from 0 to 5"),
    ("coo", "col", at(0, 12), "its col go from 1 to 12, and must lie from 0 to 11"),
    ("coo", "col", at(0, -1), "its col go from -1 to 11, and must lie from 0 to 11"),
    ("coo", "col", as_float, "its col is float64 of shape (7,), which are no"),
    ("coo", "row", upright, "of shape (7, 1), which are no"),
    ("coo", "row", lambda x: x[1:], "it has 7 entries, and 6 numbers in row"),
    ("lil", "rows", at(0, [0, 12]), "row 0 has indices outside of its 12 columns"),
    ("lil", "rows", at(4, [-1, 2, 3]), "row 4 has indices outside of its 12 columns"),
    ("lil", "rows", at(2, [3, 5]), "row 2 has 1 entries and 2 indices"),
    ("lil", "data", lambda x: x[:-1], "its parts are not what they should be ("),
    ("dia", "offsets", as_float, "its offsets are float64 of shape (6,), which are no"),
    ("dia", "offsets", upright, "of shape (6, 1), which are no"),
    ("dia", "offsets", at(0, 0), "a diagonal of it is there twice"),
    ("dia", "offsets", lambda x: x[1:], "it has 5 offsets, and data of shape (6, 12)"),
    ("dia", "data", lambda x: x[0], "it has 6 offsets, and data of shape (12,)"),
    ("dia", "data", lambda x: x[..., None], "it has 6 offsets, and data of shape (6, 12, 1)"),
]


@pytest.mark.parametrize(("kind", "part", "change", "words"), WRONG)
def test_what_is_wrong_is_said(kind, part, change, words):
    """With the numbers that show it."""
    with pytest.raises(ValueError, match=f"X is a damaged sparse matrix: .*{re.escape(words)}"):
        check_indices(damaged(kind, part, change), "X")


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32])
@pytest.mark.parametrize("kind", MAKE)
def test_what_fits_is_taken(kind, dtype):
    """Lines without entries, indices of any whole numbers, and a matrix with nothing in it."""
    check_indices(MAKE[kind](0 * WHOLE), "X")
    A = MAKE[kind](WHOLE)
    for part in ("indices", "indptr", "offsets"):
        if hasattr(A, part) and not (part == "offsets" and dtype == np.uint32):
            setattr(A, part, getattr(A, part).astype(dtype))
    if kind == "coo":
        A.coords = tuple(x.astype(dtype) for x in A.coords)
    check_indices(A, "X")


def test_what_lies_beyond_the_last_line_is_none_of_it():
    A = sp.csr_array(WHOLE)
    A.data, A.indices = np.r_[A.data, 1, 2], np.r_[A.indices, -5, 99]
    check_indices(A, "X")


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("places", "canonical"),
    [
        ([1, 3, 5, 0, 4], True),
        ([1, 3, 5, 4, 0], False),  # the last two fall
        ([3, 1, 5, 0, 4], False),  # the first two
        ([1, 3, 3, 0, 4], False),  # one is there twice
        ([1, 3, 5, 5, 6], True),  # but in two rows
        ([0, 1, 2, 3, 4], True),  # none falls, where a row begins neither
    ],
)
def test_indices_of_a_line_rise(monkeypatch, at_once, places, canonical):
    """However many are looked at together; where a new line begins they may fall."""
    monkeypatch.setattr(indices, "AT_ONCE", at_once)
    A = sp.csr_array((np.ones(5), places, [0, 0, 3, 3, 5]), shape=(4, 7))
    assert is_canonical(A) == canonical


def test_every_block_is_as_long_as_it_may_be(monkeypatch):
    """And the last one ends where the indices do."""
    monkeypatch.setattr(indices, "AT_ONCE", 4)
    assert [*indices.blocks(10)] == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert [*indices.blocks(8)] == [slice(0, 4), slice(4, 8)]
    assert [*indices.blocks(0)] == []
