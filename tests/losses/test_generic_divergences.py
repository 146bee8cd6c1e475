"""What a loss computes where a backend has no form of its own, held against plain loops."""

from itertools import product

import numpy as np
import pytest
from plain import Plain
from scipy.sparse import csr_array

from nmf_accel.losses import Divergence
from nmf_accel.losses.divergences import deviance_in_blocks
from nmf_accel.matrices import Dense, Observed, Sparse, Weighted
from nmf_accel.matrices.seen import Seen

RNG = np.random.default_rng(0)
RUNS, D, M, N = 2, 3, 7, 5
Y, X = RNG.gamma(0.5, 1, (RUNS, D, M)), RNG.gamma(0.5, 1, (RUNS, D, N))
Y[1, :, 4] = 0  # so that a row of W H is zero
A = RNG.gamma(1, 1, (M, N)) + 0.01
A[RNG.random(A.shape) < 0.3] = 0
WEIGHTS = 3 * RNG.random((M, N)) * (A > 0)
FOLDS = RNG.integers(0, 2, (M, N)).astype(np.uint8)
FLOOR = 0.4
"""Of the size of W H, so that it matters where it is reckoned with."""
FEW = 2 * RUNS * N
"""Entries of a block of two rows."""


def d(a, p, beta):
    """d(a | p), by its definition."""
    if beta == 0:
        return a / p - np.log(a / p) - 1
    if beta == 1:
        return (a * np.log(a / p) if a else 0) - a + p
    if not a:
        return p**beta / beta
    return (a**beta + (beta - 1) * p**beta - beta * a * p ** (beta - 1)) / (beta * (beta - 1))


def by_loops(A, of_run, beta):
    """Both parts of the gradient and twice the divergence, entry by entry.

    ``of_run[r]`` are the weights of run r.
    """
    minus, plus, value = np.zeros(X.shape), np.zeros(X.shape), np.zeros(RUNS)
    for r, i, j in product(range(RUNS), range(M), range(N)):
        a, weight, raw = A[i, j], of_run[r][i, j], Y[r, :, i] @ X[r, :, j]
        if weight:
            p = max(raw, FLOOR)
            minus[r, :, j] += weight * Y[r, :, i] * a * p ** (beta - 2)
            plus[r, :, j] += weight * Y[r, :, i] * p ** (beta - 1)
            value[r] += 2 * weight * d(a, p if a else raw, beta)
    return minus, plus, value


def sparse(kind, A, known, library, **more):
    """A matrix that stores what is known, as the library's own sparse ones are made."""
    stored = csr_array((A[known], np.nonzero(known)), shape=A.shape)
    return kind(stored, stored.T, library, float((A[known] ** 2).sum()), **more)


def left_out(matrix):
    """That matrix as two runs see it, of which the first leaves out fold 1, and the other 0."""
    return Seen(matrix, np.array([1, 0], dtype=np.uint8))


def folded(A, library):
    """With some entries that are known, in folds."""
    known = A > 0.3
    found = sparse(Observed, A, known, library)
    rows, columns = found.places
    return left_out(sparse(Observed, A, known, library, folds=FOLDS[rows, columns]))


SEEN = [np.where(out != FOLDS, 1.0, 0.0) for out in (1, 0)]
KINDS = {
    "dense": (lambda A, library: Dense(A, library), [np.ones((M, N))] * 2),
    "weighted": (lambda A, library: Weighted(A, library, WEIGHTS), [WEIGHTS] * 2),
    "folds": (
        lambda A, library: left_out(Weighted(A, library, WEIGHTS, FOLDS)),
        [WEIGHTS * seen for seen in SEEN],
    ),
    "stored": (lambda A, library: sparse(Sparse, A, A > 0, library), [np.ones((M, N))] * 2),
    "known": (lambda A, library: sparse(Observed, A, FOLDS > 0, library), [1.0 * FOLDS] * 2),
    "known in folds": (folded, [(A > 0.3) * seen for seen in SEEN]),
}
BETAS = [-0.5, 0, 0.3, 0.7, 1, 1.4, 2.5]
CASES = [
    (kind, beta)
    for kind, beta in product(KINDS, BETAS)
    if kind != "stored" or beta == 1  # others see what is zero in A
]


@pytest.mark.parametrize(("kind", "beta"), CASES)
def test_model_and_value_are_those_of_the_definition(kind, beta):
    """Also of entries of W H below the floor: of zeros of A the value counts what they are."""
    make, weights = KINDS[kind]
    B = A if beta > 0 or kind == "weighted" else A + 0.01
    if kind == "known in folds":
        B = np.where(A > 0.3, B, 0)  # what is not stored
    loss, library = Divergence(beta), Plain(FEW)
    matrix = make(B, library)
    minus, plus, value = by_loops(B, weights, beta)
    model = loss.model(matrix, (FLOOR,), Y, X)
    np.testing.assert_allclose(model.minus(), minus, rtol=1e-12)
    np.testing.assert_allclose(model.plus(library, X), plus, rtol=1e-12)
    np.testing.assert_allclose(loss.value(matrix, (FLOOR,), X, Y), value, rtol=1e-12)
    carried, settled = loss.settle(matrix, (FLOOR,), X, Y, None, record=True)
    np.testing.assert_array_equal(settled, loss.value(matrix, (FLOOR,), X, Y))
    assert loss.settle(matrix, (FLOOR,), X, Y, None, record=False)[1] is None
    again = loss.model(None, (FLOOR,), Y, X, carried)
    np.testing.assert_array_equal(again.minus(), model.minus())
    np.testing.assert_array_equal(again.plus(library, X), model.plus(library, X))


def test_the_value_of_a_sparse_float32_matrix_near_an_exact_fit_is_that_of_float64():
    """There d is of the size of the square of what the products of float32 are off by."""
    y, x = (F[:1].astype(np.float32) + np.float32(0.1) for F in (Y, X))
    P = y[0].T.astype(float) @ x[0]
    B = (P * (1 + 1e-5 * RNG.standard_normal(P.shape))).astype(np.float32)
    found = Divergence(1.0).value(sparse(Sparse, B, B > 0, Plain()), (1e-9,), x, y)
    expected = 2 * sum(d(a, p, 1) for a, p in zip(B.astype(float).flat, P.flat, strict=True))
    assert found[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_recorded_is_zero(kind):
    """For each run, so that it passes through a compiler beside what is."""
    matrix, loss = KINDS[kind][0](A, Plain()), Divergence(1.0)
    np.testing.assert_array_equal(loss._parts(matrix, (FLOOR,), Y, X, False)[2], np.zeros(RUNS))


def test_what_is_added_is_alike_for_all_columns_where_it_may_be():
    """So it takes no memory of the size of a factor."""
    for kind, width in (("dense", 1), ("stored", 1), ("weighted", N)):
        model = Divergence(1.0).model(KINDS[kind][0](A, Plain()), (FLOOR,), Y, X)
        assert model.D.shape == (RUNS, D, width)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("dense", "divergence_parts"),
        ("weighted", "weighted_divergence_parts"),
        ("folds", "weighted_divergence_parts"),
        ("stored", "stored_parts"),
    ],
)
def test_a_backend_is_asked_for_its_own_form_by_this_name(kind, name):
    library = Plain()
    Divergence(1.0).value(KINDS[kind][0](A, library), (FLOOR,), X, Y)
    assert library.asked[-1] == name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("entries", [1, 12, 80, 2**18])
def test_entries_that_are_stored_go_in_blocks(entries, weighted):
    """Of each run a quarter of what a block has, but one entry at least."""
    library = Plain(entries)
    ratio, P, weights = (RNG.random((RUNS, 23)) + 0.1 for _ in range(3))
    weights = weights if weighted else None
    found = deviance_in_blocks(library, ratio, P, 1, weights)
    terms = P * (ratio * np.log(ratio) - ratio + 1)
    expected = 2 * (terms * weights if weighted else terms).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert library.heights == [max(entries // 4 // RUNS, 1)]
