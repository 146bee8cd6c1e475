"""Which runs a sweep makes, and what its table, its best runs and its summary say of them."""

import itertools

import numpy as np
import pytest

from nmf_accel import Interrupted, StoreError, nmf, sweep
from nmf_accel.sweeps import SweepResult, best_rank, plan, planned_runs, summarize, sweeping
from nmf_accel.sweeps.packing import Packing
from nmf_accel.sweeps.reference import Reference

RNG = np.random.default_rng(0)
A = RNG.random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


def keys(result):
    return [(row["rank"], row["seed"]) for row in result.table]


def test_runs_are_planned_in_the_order_they_were_named():
    """Ranks first, then seeds; a number of seeds begins at 0."""
    found = [(run.rank, run.seed) for run in planned_runs((4, 2), [7, 1], {})]
    assert found == [(4, 7), (4, 1), (2, 7), (2, 1)]
    assert [run.seed for run in planned_runs([1], np.int64(3), {})] == [0, 1, 2]
    assert [run.seed for run in planned_runs([1], 1, {})] == [0]


def test_so_many_runs_are_a_sweep_and_one_more_is_none(monkeypatch):
    """Whatever names them; what never ends is not waited for."""
    monkeypatch.setattr(plan, "MOST_RUNS", 4)
    assert len(planned_runs([1, 2, 3, 4], 1, {})) == 4
    assert len(planned_runs([1], 4, {})) == 4
    assert len(planned_runs([1, 2], 2, {})) == 4
    with pytest.raises(ValueError, match=r"^ranks are more than 4, and a sweep has no more runs"):
        planned_runs(itertools.count(1), 1, {})
    with pytest.raises(ValueError, match=r"^seeds are more than 4"):
        planned_runs([1], range(5), {})
    with pytest.raises(ValueError, match=r"^seeds is 5; a sweep has at most 4 runs"):
        planned_runs([1], 5, {})
    with pytest.raises(ValueError, match=r"^ranks and seeds make 6 runs; a sweep has at most 4"):
        planned_runs([1, 2, 3], 2, {})


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"seeds": True}, TypeError, "^seeds is True; it must be whole numbers"),
        ({"ranks": 3}, TypeError, "^ranks is 3; it must be whole numbers"),
        ({"ranks": [3, 1, 3, 2, 1]}, ValueError, "^ranks has 1, 3 more than once$"),
        ({"options": {"rank": 1, "no": 2}}, TypeError, "unexpected keyword argument 'no'"),
    ],
)
def test_what_names_no_runs_is_refused(given, kind, message):
    """With the name of what was given."""
    with pytest.raises(kind, match=message):
        planned_runs(**{"ranks": [1], "seeds": 1, "options": {}, **given})


@pytest.mark.parametrize(("memory", "message"), [(-1, "it must be a finite"), (0, "is 0 bytes")])
def test_no_memory_at_all_is_too_little_and_less_is_no_number_of_bytes(memory, message):
    """The one by what a run takes, the other at once."""
    with pytest.raises(ValueError, match=message):
        sweep(A, [2], 1, memory=memory, **RUN)


def test_a_table_is_ordered_and_a_sweep_without_a_folder_skips_nothing(capsys):
    """However ranks and seeds were named; and nothing is printed that nobody asked for."""
    result = sweep(A, [3, 2], [2, 0, 1], **RUN)
    assert keys(result) == [(rank, seed) for rank in (2, 3) for seed in (0, 1, 2)]
    assert (result.skipped, result.store) == (0, None)
    assert capsys.readouterr() == ("", "")


def test_five_seeds_are_taken_and_the_best_factors_kept_where_nothing_is_said():
    """As the documentation has it."""
    result = sweep(A, [2], **RUN)
    assert keys(result) == [(2, seed) for seed in range(5)]
    assert result.factorizations.keys() == {(2, result.best_row(2)["seed"])}


@pytest.mark.parametrize("where", [None, "s"])
def test_factors_that_were_not_kept_are_no_damage(tmp_path, where):
    """Of a folder as without one: it is the sweep that was not asked to keep them."""
    store = None if where is None else tmp_path / where
    result = sweep(A, [2], 2, store=store, **RUN)
    best = result.best_row(2)["seed"]
    assert result.factorization(2, best).settings["seed"] == best
    with pytest.raises(KeyError, match="rank 2 were not kept; sweep with keep='all'"):
        result.factorization(2, 1 - best)


def test_a_folder_with_held_components_is_of_these_alone(tmp_path):
    """Each side by itself; what is held is known by its fingerprint."""
    W, H = RNG.random((6, 1)), RNG.random((1, 5))
    sweep(A, [2], 1, store=tmp_path, W_fixed=W, **RUN)
    assert sweep(A, [2], 1, store=tmp_path, W_fixed=W.copy(), **RUN).skipped == 1
    for other in ({"W_fixed": 2 * W}, {"W_fixed": W, "H_fixed": H}, {"H_fixed": H}, {}):
        with pytest.raises(StoreError, match=r"holds another sweep: [HW]_fixed is "):
            sweep(A, [2], 1, store=tmp_path, **other, **RUN)


def test_a_folder_gives_an_ordered_table_too(tmp_path):
    """Of what it had, and what is new."""
    sweep(A, [3], [1], store=tmp_path, **RUN)
    result = sweep(A, [3, 2], [1, 0], store=tmp_path, **RUN)
    assert keys(result) == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert result.skipped == 1


@pytest.mark.parametrize("where", [None, "s"])
def test_what_was_interrupted_has_the_finished_runs_in_order(tmp_path, monkeypatch, where):
    """And their factors; a folder has them too."""
    done, start = [], Packing.start

    def interrupting(packing, runs, size):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(runs)
        return start(packing, runs, size)

    monkeypatch.setattr(Packing, "start", interrupting)
    store = None if where is None else tmp_path / where
    if store is not None:
        sweep(A, [3], [0], store=store, **RUN)
        done.clear()
    with pytest.raises(Interrupted) as caught:
        sweep(A, [3, 2, 4], 2, store=store, **RUN)
    result = caught.value.result
    assert str(caught.value) == "interrupted after 4 of 6 runs"
    assert keys(result) == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert result.best(2).error == result.best_row(2)["error"]
    assert result.skipped == (0 if store is None else 1)


def test_a_summary_is_of_each_rank_and_of_what_was_measured():
    """The median, the least and the largest; None of what no run has measured."""
    rows = [
        {"rank": 2, "error": 4.0, "relative_error": 0.4, "held_out": None, "reference_error": 7.0},
        {"rank": 1, "error": 9.0, "relative_error": 0.9, "held_out": 0.5, "reference_error": None},
        {"rank": 2, "error": 1.0, "relative_error": 0.1, "reference_error": 3.0},
        {"rank": 2, "error": 2.0, "relative_error": 0.2, "held_out": 6.0, "reference_error": 0.0},
    ]
    first, second = summarize(iter(rows))
    nothing = {f"reference_error_{x}": None for x in ("median", "min", "max")}
    assert {**first, "rank": 1, "runs": 1, "error_median": 9.0, **nothing} == first
    expected = {"rank": 2, "runs": 3, "error_median": 2.0, "error_min": 1.0, "error_max": 4.0}
    expected |= {"held_out_median": 6.0, "held_out_min": 6.0, "reference_error_median": 3.0}
    expected |= {"reference_error_min": 0.0, "reference_error_max": 7.0, "relative_error_max": 0.4}
    assert {**second, **expected} == second
    assert best_rank([first, second]) == 2
    assert best_rank([first]) is None
    assert best_rank([]) is None


def test_the_best_rank_has_the_lowest_median_error_against_the_reference():
    """Wherever it stands, also where that error is nothing at all."""
    rows = [{"rank": k, "reference_error_median": x} for k, x in ((2, 3.0), (5, 0.0), (7, 4.0))]
    assert best_rank(rows) == 5
    assert best_rank([*rows[::-1], {"rank": 9, "reference_error_median": None}]) == 5


def test_of_runs_that_are_taken_in_again_the_last_counts():
    """Without a folder, too: a row a run, and the factors that are wanted alone."""
    rows = [{"rank": 2, "seed": seed, "error": error} for seed, error in ((0, 3.0), (1, 2.0))]
    result = SweepResult([])
    result.add(rows, {(2, 1): "one"}, {(2, 1)})
    assert (result.best(2), result.best_row(2)) == ("one", rows[1])
    better = {"rank": 2, "seed": 0, "error": 1.0}
    result.add([better], {(2, 0): "zero"}, {(2, 0)})
    assert (result.table, result.factorizations) == ([rows[1], better], {(2, 0): "zero"})
    with pytest.raises(KeyError, match=r"no run of rank 3; there are ranks \[2\]"):
        result.best_row(3)


@pytest.mark.parametrize("held", ["W_fixed", "H_fixed"])
def test_a_sweep_that_holds_components_is_its_single_runs_where_a_row_is_zero(held):
    """Nothing of A is left out then, as the held ones are of its size."""
    B = RNG.random((6, 5))
    B[2], B[:, 3] = 0, 0
    known = {"W_fixed": RNG.random((6, 1)), "H_fixed": RNG.random((1, 5))}[held]
    result = sweep(B, [2], 2, keep="all", **{held: known}, **RUN)
    for row in result.table:
        single = nmf(B, 2, seed=row["seed"], **{held: known}, **RUN)
        assert row["error"] == pytest.approx(single.error, rel=1e-10)
        np.testing.assert_allclose(result.factorization(2, row["seed"]).W, single.W, rtol=1e-8)


def test_a_reference_counts_for_each_run_by_itself():
    """Its own W and H, not those of the run beside it; all of it must be known."""
    B = RNG.random((6, 5))
    result = sweep(A, [2, 3], 3, reference=B, keep="all", **RUN)
    for row in result.table:
        kept = result.factorization(row["rank"], row["seed"])
        assert row["reference_error"] == pytest.approx(np.linalg.norm(B - kept.W @ kept.H))
    with pytest.raises(TypeError, match="reference is a masked array; all of it must be known"):
        sweep(A, [2], 1, reference=np.ma.masked_less(B, 0.3), **RUN)


def test_what_was_measured_and_is_no_number_is_none(monkeypatch):
    """A table has numbers, or nothing; each measure for itself."""
    monkeypatch.setattr(Reference, "error", lambda *_: float("inf"))
    (row,) = sweep(A, [2], 1, reference=A, folds=2, **RUN).table
    assert row["reference_error"] is None
    assert row["held_out"] > 0
    (row,) = sweep(A, [2], 1, **RUN).table
    assert (row["held_out"], row["reference_error"]) == (None, None)


def test_what_is_kept_counts_only_where_it_stays(monkeypatch):
    """On the host, it is not the device's memory that factors take."""
    seen, plain = [], sweeping.Packing

    def noted(problem, memory, beside, kept):
        seen.append(kept)
        return plain(problem, memory, beside, kept)

    monkeypatch.setattr(sweeping, "Packing", noted)
    sweep(A, [2, 3], 2, **RUN)
    sweep(A.tolist(), [2, 3], 2, **RUN)
    sweep(A, [2, 3], 2, max_iter=5, backend="strict")
    assert seen == [(2 + 3) * (6 + 5) * 8] * 2 + [0]


def test_what_is_refused_leaves_no_folder(tmp_path):
    """An option that does not go with the data is looked at before anything is written."""
    with pytest.raises(ValueError, match="delta is 1e-60, which is zero in float32"):
        sweep(A, [2], 1, store=tmp_path / "s", dtype="float32", delta=1e-60, **RUN)
    with pytest.raises(ValueError, match="keep is 'some'; it must be one of best, all, none"):
        sweep(A, [2], 1, store=tmp_path / "s", keep="some", **RUN)
    assert list(tmp_path.iterdir()) == []
