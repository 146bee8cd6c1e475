"""`choose_rank` finds ranks that are known, and says no more than the errors allow."""

import numpy as np
import pytest
from known_ranks import NOISE, data, rank_of
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from nmf_accel import Interrupted, RankChoice, StoreError, SweepResult, choose_rank, sweep
from nmf_accel.selection import Unfinished
from nmf_accel.sweeps import Packing, merge

HOW = {"solver": "hals", "max_iter": 150, "backend": "numpy"}
FEW = {"solver": "hals", "max_iter": 20, "backend": "numpy"}
RNG = np.random.default_rng(5)
A = RNG.gamma(0.6, 1, (25, 3)) @ RNG.gamma(0.6, 1, (3, 30)) + 0.05 * RNG.random((25, 30))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", NOISE)
def test_the_rank_of_the_truth_is_chosen_and_1_of_pure_noise(kind, seed):
    choice = choose_rank(data(kind, seed), range(2, 13), seeds=1, **HOW)
    assert choice.rank == rank_of(kind)
    assert ("no structure beyond one component" in str(choice)) == (rank_of(kind) == 1)
    assert choice.ranks == list(range(1, 13))


def test_of_digits_some_ten_components_are_chosen():
    digits = load_digits().data.T[:, ::3]
    ranks = [2, 5, 8, 10, 12, 15, 18, 21, 25, 30]
    choice = choose_rank(digits[digits.any(axis=1)], ranks, seeds=1, **HOW | {"max_iter": 100})
    assert 8 <= choice.rank <= 12


def test_of_punks_no_more_is_claimed_than_the_errors_allow(punks):
    """The error of what is held out still falls at rank 24, which is said, and no rank is found."""
    choice = choose_rank(punks, [8, 24], seeds=1, **FEW)
    assert choice.rank == 24
    assert "Rank 24 is the largest that was tried, and the error may fall further" in str(choice)


def test_without_noise_the_rank_that_is_enough_is_named():
    """There is nothing to overfit, and larger ranks converge faster."""
    rng = np.random.default_rng(0)
    exact = rng.random((30, 3)) @ rng.random((3, 40))
    choice = choose_rank(exact, range(2, 6), **HOW | {"max_iter": 500})
    assert choice.rank > 3
    assert "But rank 3 leaves only 0.0" in str(choice)


def test_small_components_that_are_found_are_not_told_away():
    """The error of rank 3 is 1/20 of that of rank 1, and it rises behind rank 6, which is right."""
    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.5, 1, (100, 6)), rng.gamma(0.5, 1, (6, 120))
    faint = W * [1, 1, 1, 0.05, 0.05, 0.05] @ H
    noisy = faint + 0.003 * rng.random(faint.shape)
    choice = choose_rank(noisy, range(1, 9), seeds=1, **HOW | {"max_iter": 300})
    assert choice.rank == 6
    assert choice.row(3)["held_out"] < 0.05 * choice.row(1)["held_out"]
    assert "structure" not in str(choice)


def test_it_is_a_sweep_with_folds():
    choice = choose_rank(A, [3, 2], folds=4, seeds=2, **FEW)
    expected = sweep(A, [1, 2, 3], seeds=8, folds=4, keep="all", **FEW)
    timeless = [{**row, "seconds": 0} for row in expected.table]
    assert [{**row, "seconds": 0} for row in choice.sweep.table] == timeless
    errors = {
        rank: [
            np.mean([row["held_out"] for row in expected.table if found(row, rank, fold)])
            for fold in range(4)
        ]
        for rank in (1, 2, 3)
    }
    for rank, row in zip((1, 2, 3), choice.table, strict=True):
        assert (row["rank"], row["runs"]) == (rank, 8)
        assert row["held_out"] == pytest.approx(np.mean(errors[rank]))
        assert row["held_out_se"] == pytest.approx(np.std(errors[rank], ddof=1) / 2)
        assert 0 < row["in_sample"] < row["held_out"]
        assert row["in_sample_se"] > 0
    assert choice.row(3)["held_out"] == min(row["held_out"] for row in choice.table)
    with pytest.raises(KeyError, match=r"no rank 4; there are \[1, 2, 3\]"):
        choice.row(4)


def found(row, rank, fold):
    return row["rank"] == rank and row["seed"] % 4 == fold


@pytest.mark.parametrize(
    "how",
    [
        {"loss": "kullback-leibler", "solver": "mu"},
        {"missing": np.nan},
        {"weights": RNG.random(A.shape) + 0.1},
        {"dtype": "float32"},
    ],
    ids=lambda how: next(iter(how)),
)
def test_of_every_kind_of_run(how, backend):
    seen = np.where(RNG.random(A.shape) < 0.05, np.nan, A) if "missing" in how else A
    options = FEW | {"max_iter": 200, "backend": backend} | how
    choice = choose_rank(seen, [2, 3, 4], seeds=1, **options)
    assert choice.rank == 3
    assert choice.table[0]["silhouette"] == 1
    if "loss" in how:
        assert "d(A | WH)" in choice.plot().axes[0].get_ylabel()


def test_with_components_that_are_held_rank_1_is_not_tried_unasked():
    H = RNG.random((2, A.shape[1]))
    choice = choose_rank(A, [3, 4], seeds=1, H_fixed=H, **FEW)
    assert choice.ranks == [3, 4]
    np.testing.assert_array_equal(choice.sweep.factorization(4, 0).H[:2], H)


def test_zeros_of_a_sparse_matrix_are_known():
    counts = RNG.poisson(A)
    choices = [choose_rank(X, [2], seeds=1, **FEW) for X in (counts, csr_array(counts))]
    assert choices[0].table == choices[1].table


@pytest.mark.parametrize("size", [1e-50, 1e50])
def test_zeros_of_a_sparse_matrix_whose_entries_are_no_numbers_of_the_dtype(size):
    """They are brought near 1 before they are float32, as those of a dense one are."""
    choices = [
        choose_rank(X, [2], seeds=1, dtype="float32", **FEW)
        for X in (A * size, csr_array(A * size))
    ]
    assert choices[0].table == choices[1].table


@pytest.mark.parametrize(
    ("dtype", "entries", "cure"), [("float64", 17, "32"), ("float32", 9, "or")]
)
def test_zeros_that_do_not_fit_into_memory_are_refused(dtype, entries, cure):
    wide = csr_array(([1.0], ([0], [0])), shape=(10**6, 10**6))
    said = rf"its zeros among them, which take {entries},000,000,000,000 bytes in {dtype}, .*{cure}"
    with pytest.raises(MemoryError, match=said):
        choose_rank(wide, [2], dtype=dtype, **FEW)


def test_in_a_folder_it_goes_on_where_it_was_and_more_seeds_add_to_it(tmp_path, monkeypatch):
    choose_rank(A, [2], seeds=1, store=tmp_path / "a", **FEW)
    choice = choose_rank(A, [2, 3], seeds=2, store=tmp_path / "a", **FEW)
    assert choice.sweep.skipped == 10
    assert choice.table == choose_rank(A, [2, 3], seeds=2, **FEW).table
    assert RankChoice.of(SweepResult.read(tmp_path / "a")).table == choice.table
    with pytest.raises(StoreError, match="folds"):
        choose_rank(A, [2, 3], folds=4, store=tmp_path / "a", **FEW)


def test_of_merged_folders_it_is_that_of_both(tmp_path):
    for name, ranks in (("a", [1, 2]), ("b", [3])):
        sweep(A, ranks, 5, folds=5, keep="all", store=tmp_path / name, **FEW)
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    choice = RankChoice.of(SweepResult.read(tmp_path / "both"))
    assert choice.table == choose_rank(A, [2, 3], seeds=1, **FEW).table


@pytest.mark.parametrize(("batches", "ranks", "unfinished"), [(4, [1, 2], []), (3, [1], [2])])
def test_after_ctrl_c_what_is_finished_has_its_say(batches, ranks, unfinished, monkeypatch):
    done, start = [], Packing.start

    def interrupting(packing, runs, size):
        if len(done) == batches:
            raise KeyboardInterrupt
        done.append(runs)
        return start(packing, runs, size)

    monkeypatch.setattr(Packing, "start", interrupting)
    monkeypatch.setattr("nmf_accel.sweeps.packing.runs_per_batch", lambda *args: 3)
    with pytest.raises(Interrupted) as stopped:
        choose_rank(A, [2, 3], seeds=1, **FEW)
    choice = RankChoice.of(stopped.value.result)
    assert (choice.ranks, choice.unfinished) == (ranks, unfinished)
    told = "Of rank 2 not every fold has an error yet."
    assert (told in str(choice)) == bool(unfinished)


def test_where_no_rank_is_finished_there_is_no_choice():
    result = sweep(A, [1, 2], 3, folds=5, **FEW)
    with pytest.raises(Unfinished, match="each of the 5 folds"):
        RankChoice.of(result)
    with pytest.raises(ValueError, match="leaves anything out; sweep with folds=5"):
        RankChoice.of(sweep(A, [1, 2], 3, **FEW))


@pytest.mark.parametrize(("shape", "folds"), [((2, 3), 5), ((6, 6), 200), ((20, 1), 2)], ids=str)
def test_where_folds_are_empty_fewer_are_to_be_taken(shape, folds):
    with pytest.raises(Unfinished, match=r"though all have run: .* take fewer folds"):
        choose_rank(A[: shape[0], : shape[1]], [2], folds=folds, seeds=1, **FEW)


@pytest.mark.parametrize("keep", ["best", "none"])
def test_without_the_factors_nothing_is_said_of_components(keep):
    choice = choose_rank(A, [2, 3], seeds=1, keep=keep, **FEW)
    assert [row["repeating"] for row in choice.table] == [None] * 3
    assert "repeat" not in str(choice)
    assert len(choice.plot().axes) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ranks": []}, "ranks is empty"),
        ({"ranks": [1]}, r"ranks is \[1\], which leaves no choice; name one above 1"),
        ({"ranks": [2, 2]}, "ranks has 2 more than once"),
        ({"ranks": [0, 2]}, "rank is 0"),
        ({"ranks": 3}, "ranks is 3; it must be whole numbers"),
        ({"folds": 1}, "folds is 1; it must be from 2 to 255"),
        ({"folds": None}, "folds is None"),
        ({"seeds": 0}, "seeds is 0; it must be at least 1"),
        ({"seeds": [0, 1]}, r"seeds is \[0, 1\]; it must be an integer"),
        ({"init": "nndsvd"}, "looks at all of A"),
        ({"colour": 1}, "colour"),
    ],
    ids=str,
)
def test_bad_input_is_told_in_a_sentence(given, told):
    with pytest.raises((ValueError, TypeError), match=told):
        choose_rank(A, **{"ranks": [2], **FEW, **given})
