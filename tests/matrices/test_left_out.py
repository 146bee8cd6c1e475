"""What a run sees of a matrix of which it leaves a fold out, and what of that fold, entry by entry.

Dense with weights, and sparse with only what it stores; each and its transpose.
"""

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import backends
from nmf_accel.matrices import Dense, RawSparse, Seen, seen, weigh
from nmf_accel.matrices.seen import folds_of

RNG = np.random.default_rng(1)
NUMPY = backends.get("numpy")
SHAPE, FOLDS = (6, 9), 3
LEFT_OUT = np.array([2, 0])  # of two runs
A = RNG.random(SHAPE) * (RNG.random(SHAPE) < 0.9)
M = RNG.random(SHAPE) * (A > 0) * (RNG.random(SHAPE) < 0.9)
WHERE = folds_of(np.arange(6)[:, None], np.arange(9), FOLDS)
# What these lines have is in one fold alone: where it is left out, nothing can be predicted.
ROW, COLUMN = (WHERE == 2).sum(axis=1).argmax(), (WHERE == 0).sum(axis=0).argmax()
for x in (A, M):
    x[ROW, WHERE[ROW] != 2] = 0
    x[WHERE[:, COLUMN] != 0, COLUMN] = 0


def dense():
    return weigh(Dense(A, NUMPY), M, FOLDS)[0], M


def sparse():
    return weigh(NUMPY.matrix(RawSparse(csr_array(A), NUMPY)), None, FOLDS)[0], (A > 0) * 1.0


@pytest.fixture(params=[(dense, False), (dense, True), (sparse, False), (sparse, True)])
def case(request):
    """A matrix, what its entries weigh, their folds, and how it is turned."""
    make, turn = request.param
    (matrix, weights), where = make(), WHERE
    return (matrix.T, weights.T, where.T) if turn else (matrix, weights, where)


def known_to(weights, where, run):
    """What a run knows, and what it could predict of the fold that it leaves out."""
    kept = weights * (where != LEFT_OUT[run])
    lines = (kept > 0).any(axis=1)[:, None] & (kept > 0).any(axis=0)
    return kept, weights * (where == LEFT_OUT[run]) * lines


def at_places(matrix, found):
    """The dense matrix of numbers of the entries stored."""
    whole = np.zeros(matrix.shape)
    whole[(matrix.matrix if isinstance(matrix, Seen) else matrix).places] = found
    return whole


def of_run(matrix, run):
    """The weights of a run, however they are asked for."""
    if matrix.by_entries:
        stored = at_places(matrix, matrix.weights_stored[run])
        np.testing.assert_array_equal(at_places(matrix, matrix.stored_seen(run)), stored > 0)
        return stored
    whole = matrix.weights_in(slice(None))[run]
    lazy = matrix.weights_of(run)
    for block in (slice(1, 3), slice(0, 1)):
        np.testing.assert_array_equal(matrix.weights_in(block)[run], whole[block])
        for there in (slice(None), slice(2, 5)):
            np.testing.assert_array_equal(lazy[block, there], whole[block, there])
            np.testing.assert_array_equal(lazy.T[block, there], whole.T[block, there])
    return whole


def test_folds_are_where_they_are_drawn(case):
    matrix, weights, where = case
    folds = at_places(matrix, matrix.folds) if matrix.by_entries else matrix.folds
    np.testing.assert_array_equal(folds, where * (weights > 0) if matrix.by_entries else where)


def test_weights_without_a_fold_and_of_it_alone(case):
    """Of the fold alone those are left out in whose lines nothing else was known."""
    matrix, weights, where = case
    kept, rest = Seen(matrix, LEFT_OUT), Seen(matrix, LEFT_OUT).alone()
    for run in range(2):
        here, there = known_to(weights, where, run)
        np.testing.assert_array_equal(of_run(kept, run), here)
        np.testing.assert_array_equal(of_run(rest, run), there)
        assert (there != weights - here).any(), "some cannot be predicted"
        np.testing.assert_array_equal(of_run(kept.T, run), here.T)
        np.testing.assert_array_equal(of_run(rest.T, run), there.T)
    for found, part in ((kept, 0), (rest, 1)):
        total = [known_to(weights, where, run)[part].sum() for run in range(2)]
        np.testing.assert_allclose(found.total_weight, total, rtol=1e-14)


class InBlocks:
    """NumPy, with a walk through a matrix in blocks of that many entries."""

    def __init__(self, block_entries):
        self.block_entries = block_entries

    def __getattr__(self, name):
        return getattr(NUMPY, name)


@pytest.mark.parametrize("entries", [1, 36, 10**6])
def test_the_total_weight_is_summed_in_blocks(entries):
    """Of as many rows as there may be entries of all runs, one at least."""
    matrix = weigh(Dense(A, InBlocks(entries)), M, FOLDS)[0]
    heights = []

    class Watched(Seen):
        def weights_in(self, block):
            heights.append(block.stop - block.start)
            return super().weights_in(block)

    total = Watched(matrix, LEFT_OUT).total_weight
    np.testing.assert_allclose(total, [known_to(M, WHERE, run)[0].sum() for run in range(2)])
    assert heights == {1: [1] * 6, 36: [2] * 3, 10**6: [6]}[entries]


def test_it_is_the_matrix_itself_for_all_else(case):
    matrix, weights, _ = case
    found = Seen(matrix, LEFT_OUT)
    for name in ("shape", "dtype", "norm2", "entries", "nbytes", "by_entries", "lies_by_columns"):
        assert getattr(found, name) == getattr(matrix, name), name
    assert found.largest_weight == matrix.largest_weight == weights.max()
    assert found.by_run
    assert not matrix.by_run
    assert found.least_block(40) == matrix.least_block(40)
    np.testing.assert_array_equal(found.rows(slice(1, 3)), matrix.rows(slice(1, 3)))


@pytest.mark.parametrize("at_once", [1, 7, 20, 2**20])
def test_folds_are_drawn_in_blocks_as_at_once(monkeypatch, at_once):
    """From the places alone, however many there are; of none there are none."""
    monkeypatch.setattr(seen, "DRAWN_AT_ONCE", at_once)
    rows, columns = np.arange(6)[:, None], np.arange(9)
    np.testing.assert_array_equal(folds_of(rows, columns, FOLDS), WHERE)
    np.testing.assert_array_equal(folds_of(*np.nonzero(A), FOLDS), WHERE[A > 0])
    assert folds_of(np.arange(0), np.arange(0), FOLDS).shape == (0,)
    assert folds_of(np.zeros((2, 0), int), np.zeros((2, 0), int), FOLDS).shape == (2, 0)


def test_no_more_is_drawn_at_once_than_may_be(monkeypatch):
    sizes, mixed = [], seen._mixed
    monkeypatch.setattr(seen, "_mixed", lambda x: sizes.append(x.size) or mixed(x))
    monkeypatch.setattr(seen, "DRAWN_AT_ONCE", 20)
    folds_of(np.arange(6)[:, None], np.arange(9), FOLDS)
    assert max(sizes) == 18  # two rows of nine
