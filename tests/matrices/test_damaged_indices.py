"""A sparse matrix whose indices are damaged is refused in a sentence, wherever it is passed."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import run_python
from damaging import at

from nmf_accel import nmf
from nmf_accel.matrices import check_indices, indices, is_canonical

A = sp.random_array((30, 20), density=0.3, format="csr", rng=np.random.default_rng(0))
FAR = 10**8


def written(kind, part, change):
    """A in a format, a part of which is another than it was made with."""
    found = A.asformat(kind, copy=True)
    setattr(found, part, change(getattr(found, part)))
    return found


def line_of(axis, change):
    """A change of the indices along an axis of COO."""
    return lambda x: tuple(change(y) if k == axis else y for k, y in enumerate(x))


WRITTEN = [
    ("indptr goes from 0 to 100000000, and 180 entries", "indptr", at(-1, FAR)),
    ("indptr goes from -3 to 180", "indptr", at(0, -3)),
    ("indptr falls, so that a line", "indptr", at(5, FAR)),
    ("indptr falls, so that a line", "indptr", at(5, -FAR)),
    ("indptr has 3 numbers, and", "indptr", lambda x: x[:3]),
    ("indptr are float64 of shape", "indptr", lambda x: x.astype(float)),
    ("indices go from 0 to 100000000, and must lie", "indices", at(4, FAR)),
    ("indices go from -100000000 to", "indices", at(4, -FAR)),
    ("180 entries and 170 indices", "indices", lambda x: x[:170]),
    ("20 entries and 180 indices", "data", lambda x: x[:20]),
    ("which are no indices", "indices", lambda x: x[:, None]),
]
DAMAGED = [(words, written(kind, *how)) for kind in ("csr", "csc") for words, *how in WRITTEN]
DAMAGED += [
    ("indices go from 0 to 100000000", written("bsr", "indices", at(4, FAR))),
    ("row go from 0 to 100000000", written("coo", "coords", line_of(0, at(4, FAR)))),
    ("col go from -1 to 19", written("coo", "coords", line_of(1, at(4, -1)))),
    ("numbers in col", written("coo", "coords", line_of(1, lambda x: x[:9]))),
    ("row 2 has indices outside of its 20", written("lil", "rows", at(2, [25] * 8))),
    ("row 2 has 8 entries and 1 indices", written("lil", "rows", at(2, [5]))),
    ("offsets, and data of shape", written("dia", "data", lambda x: np.tile(x, (3, 1)))),
    ("a diagonal of it is there twice", written("dia", "offsets", lambda x: 0 * x)),
    ("parts are not what they should be", written("csr", "indptr", lambda x: None)),
    ("its data are of shape", written("csr", "data", lambda x: x[:, None])),
]

SCRIPT = """
import pickle, sys
import numpy as np
from nmf_accel import nmf, project, sweep
from nmf_accel.sklearn import NMF

W, B, bad = np.ones((30, 2)), np.ones((30, 20)), pickle.load(open(sys.argv[1], "rb"))
options = {"max_iter": 2, "backend": "numpy"}
ways = [
    lambda A: nmf(A, 2, **options), lambda A: nmf(A, 2, zeros="missing", **options),
    lambda A: project(A, W, backend="numpy"), lambda A: sweep(A, [2], [0], **options),
    lambda A: NMF(2).fit(A), lambda A: NMF(2).fit(B).transform(A),
    lambda A: nmf(B, 2, weights=A, **options), lambda A: nmf(B, 2, W0=A, **options),
    lambda A: nmf(B, 2, W_fixed=A, **options), lambda A: project(B, A, backend="numpy"),
    lambda A: sweep(B, [2], [0], reference=A, **options),
]
for words, A in bad:
    for k, way in enumerate(ways):
        try:
            way(A)
        except ValueError as error:
            assert "is a damaged sparse matrix" in str(error) or "are a" in str(error), error
            assert words in str(error) and "\\n" not in str(error), (k, words, error)
        else:
            raise AssertionError((k, words))
"""


def test_it_is_refused_wherever_it_is_passed(tmp_path):
    pytest.importorskip("sklearn")
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(DAMAGED))
    # In a process of its own, which would be killed where they are believed.
    done = run_python(SCRIPT.replace("sys.argv[1]", repr(str(tmp_path / "bad.pkl"))))
    assert done.returncode == 0, done.stderr[-2000:]


def the_same(B):
    expected = nmf(A.toarray(), 3, max_iter=20, backend="numpy")
    found = nmf(B, 3, max_iter=20, backend="numpy")
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-8)


def test_what_a_matrix_remembers_of_itself_is_not_believed():
    halves = sp.csr_array(
        (np.repeat(A.data / 2, 2), np.repeat(A.indices, 2), 2 * A.indptr), shape=A.shape
    )
    halves.has_canonical_format = True
    assert not is_canonical(halves)
    the_same(halves)
    turned = A.tocsr(copy=True)
    for k, end in zip(A.indptr, A.indptr[1:], strict=False):
        turned.data[k:end], turned.indices[k:end] = A.data[k:end][::-1], A.indices[k:end][::-1]
    turned.has_canonical_format = True
    the_same(turned)


def test_entries_beyond_the_last_line_are_none():
    longer = A.tocsr(copy=True)
    longer.data = np.r_[longer.data, [1e9, np.nan]]
    longer.indices = np.r_[longer.indices, [0, -FAR]].astype(np.int32)
    the_same(longer)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_every_sound_format_is_taken(kind, dtype):
    B = A.asformat(kind, copy=True)
    if kind in ("csr", "csc", "bsr"):
        B.indices, B.indptr = B.indices.astype(dtype), B.indptr.astype(dtype)
    the_same(B)


@pytest.mark.parametrize("at_once", [1, 7, 10**6])
def test_in_blocks_the_order_is_seen_as_in_one(monkeypatch, at_once):
    monkeypatch.setattr(indices, "AT_ONCE", at_once)
    assert is_canonical(A)
    assert is_canonical(sp.csr_array((3, 4)))
    for k in set(range(A.nnz - 1)) - set(A.indptr - 1):
        for one, other in ((k + 1, k), (k, k)):  # in the wrong order, and twice
            B = A.tocsr(copy=True)
            B.indices[[k, k + 1]] = A.indices[[one, other]]
            assert not is_canonical(B)


def test_looking_takes_no_memory_to_speak_of():
    count = 10**6
    B = sp.csr_array(
        (np.ones(count), np.arange(count, dtype=np.int32) % 1000, np.arange(0, count + 1, 1000)),
        shape=(1000, 1000),
    )
    tracemalloc.start()
    try:
        check_indices(B, "B")
        assert is_canonical(B)
        assert tracemalloc.get_traced_memory()[1] < 3 * indices.AT_ONCE
    finally:
        tracemalloc.stop()
