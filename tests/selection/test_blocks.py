"""Bi-cross-validation: held against least squares by hand, on every kind of matrix."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from known_ranks import data

from nmf_accel import nmf, project
from nmf_accel.selection import BiCrossValidation, bi_cross_validation

FEW = {"max_iter": 60, "solver": "hals", "backend": "numpy"}
RANKS = [1, 3]


@pytest.fixture(scope="module")
def A():
    return np.round(10 * data("gaussian 50 %", 0, (24, 30)))


def held_out(A, **options):
    return bi_cross_validation(A, RANKS, repeats=1, **{**FEW, **options}).held_out


def blocks_of(shape, folds=2, seed=0):
    """Which rows and columns are held out: the groups drawn as the page says."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(size) % folds for size in shape)
    return [(rows == i, columns == j) for i in range(folds) for j in range(folds)]


def test_an_error_is_that_of_non_negative_least_squares(A):
    nnls = pytest.importorskip("scipy.optimize").nnls
    for k, (rows, columns) in enumerate(blocks_of(A.shape)):
        fit = nmf(A[~rows][:, ~columns], 3, **FEW)
        H = np.array([nnls(fit.W, a)[0] for a in A[~rows][:, columns].T]).T
        W = np.array([nnls(fit.H.T, a)[0] for a in A[rows][:, ~columns]])
        expected = np.sqrt(np.mean((A[rows][:, columns] - W @ H) ** 2))
        assert held_out(A)[1, k] == pytest.approx(expected, rel=1e-6)


def test_another_loss_is_that_of_the_error_as_well(A):
    how = {"loss": "kullback-leibler", "backend": "numpy"}
    rows, columns = blocks_of(A.shape)[2]
    fit = nmf(A[~rows][:, ~columns], 3, max_iter=60, **how)
    H = project(A[~rows][:, columns], fit.W, **how)
    W = project(A[rows][:, ~columns].T, fit.H.T, **how).T
    a, p = A[rows][:, columns], W @ H
    of_logarithm = a[a > 0] * np.log(a[a > 0] / p[a > 0])
    expected = np.sqrt(2 * (of_logarithm.sum() - a.sum() + p.sum()) / a.size)
    found = held_out(A, solver="mu", **how)
    assert found[1, 2] == pytest.approx(expected, rel=1e-6)


def test_penalties_hold_for_what_is_fitted_afterwards(A):
    rows, columns = blocks_of(A.shape)[0]
    fit = nmf(A[~rows][:, ~columns], 3, l1_H=2.0, l2_W=3.0, **FEW)
    H = project(A[~rows][:, columns], fit.W, l1=2.0)
    W = project(A[rows][:, ~columns].T, fit.H.T, l2=3.0).T
    expected = np.sqrt(np.mean((A[rows][:, columns] - W @ H) ** 2))
    assert held_out(A, l1_H=2.0, l2_W=3.0)[1, 0] == pytest.approx(expected, rel=1e-9)


def test_each_entry_is_held_out_once_in_every_repeat():
    A = np.ones((7, 5))
    weights = np.zeros(A.shape)
    for rows, columns in blocks_of(A.shape, 3):
        weights += np.outer(rows, columns)
    assert (weights == 1).all()
    found = bi_cross_validation(A, [1], folds=3, repeats=2, **FEW)
    assert found.held_out.shape == (1, 18)
    assert found.table[0]["blocks"] == 18
    np.testing.assert_allclose(found.held_out, 0, atol=1e-6)


def test_the_groups_are_drawn_anew_in_every_repeat_and_alike_in_every_call(A):
    found = bi_cross_validation(A, [2], repeats=2, **FEW).held_out[0]
    assert not set(found[:4]) & set(found[4:])
    np.testing.assert_array_equal(
        held_out(A, **FEW)[0], bi_cross_validation(A, [1], **FEW).held_out[0][:4]
    )


def test_the_rank_is_the_least_within_one_standard_error_of_the_lowest():
    # Means 5, 3.5, 3, 3.2; the standard error of rank 4 is 1/√3.
    errors = np.array([[5, 5, 5], [3.5, 3.5, 3.5], [4, 3, 2], [3.2, 3.2, 3.2]], dtype=float)
    found = BiCrossValidation.of((2, 3, 4, 5), errors)
    assert (found.rank, found.lowest) == (3, 4)
    assert BiCrossValidation.of((2, 3, 4, 5), errors + np.array([[0], [0.2], [0], [0]])).rank == 4


def test_names_and_sparse_matrices_change_no_number(A):
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    expected = held_out(A)
    names = [f"g{k}" for k in range(len(A))]
    np.testing.assert_array_equal(held_out(pandas.DataFrame(A, index=names)), expected)
    np.testing.assert_allclose(held_out(sparse.csc_array(A)), expected, rtol=1e-9)
    np.testing.assert_allclose(held_out(A.astype(int)), expected, rtol=1e-12)


@pytest.mark.parametrize("power", [-150, 150])
def test_the_scale_of_A_does_not_matter(A, power):
    found = bi_cross_validation(A * 2.0 ** (4 * power), RANKS, repeats=1, **FEW)
    np.testing.assert_allclose(found.held_out * 2.0 ** (-4 * power), held_out(A), rtol=1e-9)
    assert found.rank == bi_cross_validation(A, RANKS, repeats=1, **FEW).rank


def test_what_is_not_known_is_looked_at_nowhere(A):
    unknown = np.random.default_rng(0).random(A.shape) < 0.2
    with_nan, weights = np.where(unknown, np.nan, A), 1.0 * ~unknown
    expected = held_out(with_nan, missing=np.nan)
    np.testing.assert_array_equal(held_out(np.where(unknown, 1e3, A), weights=weights), expected)
    np.testing.assert_allclose(
        held_out(A, weights=2 * weights), expected, rtol=1e-9
    )  # the mean by weights


def test_only_what_a_sparse_matrix_stores_may_be_known(A):
    sparse = pytest.importorskip("scipy.sparse")
    there = held_out(sparse.csr_array(A), zeros="missing", unknown="zero")
    as_weights = held_out(A, weights=1.0 * (A > 0), unknown="zero")
    np.testing.assert_allclose(there, as_weights, rtol=1e-6)


@pytest.mark.parametrize("line", ["row", "column"])
def test_a_line_of_which_a_fit_sees_nothing_does_not_count(A, line):
    weights, (rows, columns) = np.ones(A.shape), blocks_of(A.shape)[0]
    spoilt = A.copy()
    # Known in the block, and nowhere beside it.
    if line == "row":
        k = np.flatnonzero(rows)[0]
        weights[k, ~columns], spoilt[k, columns] = 0, 1e4
    else:
        k = np.flatnonzero(columns)[0]
        weights[~rows, k], spoilt[rows, k] = 0, 1e4
    plain, changed = (held_out(x, weights=weights) for x in (A, spoilt))
    np.testing.assert_array_equal(changed[:, 0], plain[:, 0])
    assert (changed[:, 3] != plain[:, 3]).all()  # there it is among what is factorized


def test_a_block_of_which_nothing_is_known_does_not_count(A):
    weights = np.ones(A.shape)
    weights[np.ix_(*blocks_of(A.shape, 3)[4])] = 0
    found = bi_cross_validation(A, RANKS, 3, 1, weights=weights, **FEW)
    assert np.isnan(found.held_out[:, 4]).all()
    assert [row["blocks"] for row in found.table] == [8, 8]
    known = np.delete(found.held_out[1], 4)
    assert found.table[1]["held_out"] == pytest.approx(known.mean())
    assert found.table[1]["held_out_se"] == pytest.approx(known.std(ddof=1) / np.sqrt(8))


def test_a_row_that_is_zero_where_it_is_factorized_is_left_out_there(A):
    rows, columns = blocks_of(A.shape)[0]
    A = A.copy()
    row = np.flatnonzero(~rows)[1]
    A[np.ix_([row], ~columns)] = 0
    fit = nmf(np.delete(A, row, 0)[np.delete(~rows, row)][:, ~columns], 3, **FEW)
    H = project(np.delete(A, row, 0)[np.delete(~rows, row)][:, columns], fit.W)
    W = project(A[rows][:, ~columns].T, fit.H.T).T
    expected = np.sqrt(np.mean((A[rows][:, columns] - W @ H) ** 2))
    assert held_out(A)[1, 0] == pytest.approx(expected, rel=1e-9)


def test_of_several_seeds_the_fit_of_least_error_predicts(A):
    rows, columns = blocks_of(A.shape)[1]
    fits = [nmf(A[~rows][:, ~columns], 3, seed=seed, **FEW).error for seed in (4, 7, 9)]
    best = (4, 7, 9)[int(np.argmin(fits))]
    several = held_out(A, seeds=[4, 7, 9])[1, 1]
    assert several == pytest.approx(held_out(A, seeds=[best])[1, 1], rel=1e-9)
    assert several != held_out(A, seeds=[(4, 7, 9)[int(np.argmax(fits))]])[1, 1]


def test_workers_compute_the_fits(A):
    with ThreadPoolExecutor(1) as executor:
        np.testing.assert_allclose(held_out(A, executor=executor), held_out(A), rtol=1e-9)


@pytest.mark.parametrize(("kind", "rank"), [("gaussian 10 %", 6), ("pure noise", 1)])
def test_it_finds_the_rank(kind, rank):
    found = bi_cross_validation(data(kind, 0, (60, 80)), range(1, 9), **{**FEW, "max_iter": 200})
    assert found.rank == rank


def test_it_prints_a_table_and_says_which_rank(A):
    found = bi_cross_validation(A, RANKS, repeats=1, **FEW)
    lines = str(found).splitlines()
    assert len(lines) == 1 + len(RANKS) + 1
    assert lines[-1].startswith(f"Rank {found.rank};")
    assert f"{found.table[1]['held_out']:.1f}" in lines[2]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"folds": 1}, "folds is 1; it must be at least 2"),
        ({"folds": 25}, "folds is 25, but A has 24 rows and 30 columns"),
        ({"repeats": 0}, "repeats is 0; it must be at least 1"),
        ({"ranks": []}, "ranks is empty"),
        ({"ranks": [2, 2]}, "ranks has 2 more than once"),
        ({"seeds": 0}, "seeds is 0; at least one is needed"),
        ({"loss": "mse"}, "loss is 'mse'; it must be one of"),
    ],
)
def test_a_wrong_number_is_refused(A, wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        bi_cross_validation(**{"A": A, "ranks": RANKS, **FEW, **wrong})


def test_what_is_wrong_with_A_is_said_by_its_place_and_name(A):
    pandas = pytest.importorskip("pandas")
    A = A.copy()
    A[3, 4] = np.nan
    frame = pandas.DataFrame(A, index=[f"g{k}" for k in range(24)])
    with pytest.raises(ValueError, match=r"1 NaN entry.*\(3, 4\).*'g3'"):
        bi_cross_validation(frame, RANKS)


def test_components_that_are_held_are_refused(A):
    with pytest.raises(TypeError, match="argument 'W_fixed'; its options are"):
        bi_cross_validation(A, RANKS, W_fixed=A[:, :1])


def test_where_nothing_is_left_to_factorize_it_says_what_to_do():
    A = np.zeros((6, 6))
    A[0, 0] = 1
    with pytest.raises(ValueError, match="nothing to factorize; take more folds"):
        bi_cross_validation(A, RANKS)


def test_there_is_no_standard_error_of_one_block():
    errors = np.array([[1.0, np.nan, np.nan, np.nan]])
    with pytest.raises(ValueError, match="known of 1 of 4 blocks only; take more folds"):
        BiCrossValidation.of([2], errors)


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_arrays_of_other_libraries_and_their_weights_give_the_same(A, library):
    other = pytest.importorskip(library)
    weights = 1.0 * (np.random.default_rng(0).random(A.shape) < 0.9)
    asarray = getattr(other, "as_tensor", None) or other.asarray
    how = {"backend": None, "dtype": "float32", "max_iter": 20}
    for beside in ({}, {"weights": weights}):
        theirs = {name: asarray(x.astype("float32")) for name, x in beside.items()}
        found = held_out(asarray(A.astype("float32")), **theirs, **how)
        np.testing.assert_allclose(found, held_out(A, **beside, max_iter=20), rtol=1e-4)
