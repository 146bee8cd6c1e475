"""What a sweep believes of its folder: rows of its own settings, and factors that are there."""

import json
import shutil

import numpy as np
import pytest

from nmf_accel import StoreError, sweep
from nmf_accel.intake import fingerprint
from nmf_accel.options import COMMON
from nmf_accel.sweeps import Packing, Store, SweepResult
from nmf_accel.sweeps.reference import Reference
from nmf_accel.sweeps.store import best_of
from nmf_accel.sweeps.store.head import Head
from nmf_accel.sweeps.store.lines import Line

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


@pytest.fixture
def counted(monkeypatch):
    """Ranks and seeds of the runs that are really done."""
    done = []

    def count(packing, runs, size):
        done.extend((run.rank, run.seed) for run in runs)
        return original(packing, runs, size)

    original = Packing.start
    monkeypatch.setattr(Packing, "start", count)
    return done


def headless(folder):
    (folder / "sweep.json").unlink()
    return folder


@pytest.mark.parametrize(
    "other",
    [
        {"A": A * 5},
        {"A": A.reshape(5, 6)},
        {"A": A.astype(np.float32).astype(np.float64)},
        {"max_iter": 6},
        {"dtype": "float32"},
        {"reference": A},
        {"keep": "all"},
    ],
    ids=str,
)
def test_rows_without_a_head_are_never_taken_for_other_ones(tmp_path, other):
    sweep(A, [2], 2, store=tmp_path, **RUN)
    headless(tmp_path)
    before = (tmp_path / "runs.jsonl").read_bytes()
    with pytest.raises(StoreError, match=r"lies beside no sweep\.json, and line 1 is of another"):
        sweep(**{"A": A, "ranks": [2], "seeds": 2, "store": tmp_path, **RUN, **other})
    assert (tmp_path / "runs.jsonl").read_bytes() == before
    assert not (tmp_path / "sweep.json").exists()


def test_rows_without_a_head_are_taken_by_their_own_sweep(tmp_path, counted):
    sweep(A, [2], 2, store=tmp_path, **RUN)
    counted.clear()
    result = sweep(A, [2, 3], 2, store=headless(tmp_path), **RUN)
    assert result.skipped == 2
    assert sorted(counted) == [(3, 0), (3, 1)]
    assert result.best(2).error == result.best_row(2)["error"]


def test_what_lies_without_a_head_and_is_none_of_ours_stays(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text("somebody's runs\n")
    with pytest.raises(
        StoreError, match=r"lies beside no sweep\.json, and line 1 is damaged: it is"
    ):
        sweep(A, [2], 2, store=tmp_path, **RUN)
    assert path.read_text() == "somebody's runs\n"


def test_old_rows_without_a_head_are_refused(tmp_path):
    sweep(A, [2], 2, store=tmp_path, **RUN)
    path = tmp_path / "runs.jsonl"
    (line, *_) = Store.read(tmp_path).lines.values()
    path.write_bytes(Line(line.row).encoded)
    assert set(json.loads(path.read_text())) == set(line.row)
    with pytest.raises(StoreError, match="line 1 does not say of which sweep it is"):
        sweep(A, [2], 2, store=headless(tmp_path), **RUN)


def test_matrices_of_the_same_bytes_have_other_fingerprints():
    prints = {fingerprint(x) for x in (A, A.reshape(5, 6), A.reshape(30, 1), A.view(np.int64))}
    assert len(prints) == 4


def test_a_sweep_with_another_reference_is_refused(tmp_path):
    sweep(A, [2], 1, store=tmp_path, reference=A, **RUN)
    assert sweep(A, [2], 1, store=tmp_path, reference=A, **RUN).skipped == 1
    for reference in (None, A * 2):
        with pytest.raises(StoreError, match=r"reference is '[0-9a-f]{64}' there and "):
            sweep(A, [2], 1, store=tmp_path, reference=reference, **RUN)


def test_an_option_to_come_does_not_change_of_which_settings_old_lines_are():
    settings = {name: option.default for name, option in COMMON.items()} | {"keep": "best"}
    older = {k: x for k, x in settings.items() if x != COMMON.get(k, COMMON["tol"]).before}
    assert "loss" not in older
    assert Head(older).digest == Head(settings).digest
    for name, value in (
        ("loss", "kullback-leibler"),
        ("tol", 1e-3),
        ("keep", "all"),
        ("W_fixed", "x"),
    ):
        assert Head({**settings, name: value}).digest != Head(settings).digest


def test_of_a_run_that_is_there_twice_the_first_counts(tmp_path):
    sweep(A, [2], 2, store=tmp_path, **RUN)
    store = Store.read(tmp_path)
    line = store.lines[2, 1]
    other = Line({**line.row, "seconds": 77.0}, line.settings, line.seal)
    with (tmp_path / "runs.jsonl").open("ab") as file:
        file.write(other.encoded)
    assert Store.read(tmp_path).rows == store.rows
    sweep(A, [2], 2, store=tmp_path, **RUN)
    assert b"77.0" not in (tmp_path / "runs.jsonl").read_bytes()


def test_of_equal_errors_the_lowest_seed_is_best():
    rows = [{"rank": rank, "seed": seed, "error": 1.0} for seed in (3, 1, 2) for rank in (5, 4)]
    assert {rank: row["seed"] for rank, row in best_of(rows).items()} == {4: 1, 5: 1}


@pytest.mark.parametrize("damage", ["lost", "cut", "bent", "nan", "of another rank"])
def test_a_lost_factor_is_made_again(tmp_path, counted, damage):
    first = sweep(A, [2, 3], 3, store=tmp_path, **RUN)
    seed, W = first.best_row(2)["seed"], first.best(2).W
    path = first.store.factors(2, seed)
    held = path.read_bytes()
    path.unlink()
    if damage != "lost":
        bent = held[:900] + bytes([held[900] ^ 1]) + held[901:]
        path.write_bytes({"cut": held[:500], "bent": bent}.get(damage, held))
    if damage == "nan":
        np.savez(path, **{**dict(np.load(path)), "W": W * np.nan})
    if damage == "of another rank":
        shutil.copy(first.store.factors(3, first.best_row(3)["seed"]), path)
    counted.clear()
    store = Store.read(tmp_path)
    with pytest.raises(StoreError, match=rf"rank-2-seed-{seed}\.npz .*; unless a sweep is writing"):
        SweepResult(store.rows, store=store).best(2)
    with pytest.warns(UserWarning, match=rf"rank-2-seed-{seed}\.npz .*; done again"):
        again = sweep(A, [2, 3], 3, store=tmp_path, **RUN)
    assert counted == [(2, seed)]
    assert again.skipped == 5
    np.testing.assert_array_equal(again.best(2).W, W)
    assert len(again.table) == len(Store.read(tmp_path).rows) == 6
    assert sweep(A, [2, 3], 3, store=tmp_path, **RUN).skipped == 6


def test_a_lost_factor_of_a_rank_that_nobody_asks_for_stays_lost(tmp_path, counted):
    first = sweep(A, [2, 3], 2, store=tmp_path, **RUN)
    path = first.store.factors(3, first.best_row(3)["seed"])
    path.unlink()
    counted.clear()
    again = sweep(A, [2], 2, store=tmp_path, **RUN)
    assert counted == []
    with pytest.raises(StoreError, match="is not there; unless a sweep is writing there, the same"):
        again.best(3)


def test_a_lost_factor_of_a_seed_that_nobody_asks_for_is_made_again(tmp_path, counted):
    first = sweep(A, [2], 4, store=tmp_path, **RUN)
    best = first.best_row(2)["seed"]
    first.store.factors(2, best).unlink()
    counted.clear()
    with pytest.warns(UserWarning, match="is not there; done again"):
        again = sweep(A, [2], [(best + 1) % 4], store=tmp_path, **RUN)
    assert counted == [(2, best)]
    assert again.skipped == 1
    assert again.best(2).settings["seed"] == best


def test_a_run_that_is_not_best_any_more_when_done_again_leaves_no_best_without_factors(
    tmp_path, counted
):
    """As where another machine, which rounds otherwise, goes on."""
    sweep(A, [2], 3, store=tmp_path, **RUN)
    store = Store.read(tmp_path)
    ranking = sorted(store.rows, key=lambda row: row["error"])
    last = ranking[-1]["seed"]  # whose run there was so good that it was best
    lines = {**store.lines}
    line = lines[2, last]
    lines[2, last] = Line({**line.row, "error": ranking[0]["error"] / 2}, line.settings)
    store.log.write(lines.values())
    store.factors(2, ranking[0]["seed"]).unlink()
    counted.clear()
    with pytest.warns(UserWarning, match="done again"):
        again = sweep(A, [2], 3, store=tmp_path, **RUN)
    assert counted == [(2, last), (2, ranking[0]["seed"])]
    assert again.best_row(2)["seed"] == ranking[0]["seed"]
    assert again.best(2).error == pytest.approx(ranking[0]["error"], rel=1e-12)


def test_a_crash_between_the_lines_of_a_batch_costs_no_more_than_what_has_none(tmp_path, counted):
    first = sweep(A, [2], 3, store=tmp_path, **RUN)
    best = first.best_row(2)["seed"]
    lines = Store.read(tmp_path).lines
    whole = [line.encoded for key, line in lines.items() if key != (2, best)]
    (tmp_path / "runs.jsonl").write_bytes(b"".join(whole) + lines[2, best].encoded[:50])
    counted.clear()
    sweep(A, [2], 3, store=tmp_path, **RUN)
    assert counted == [(2, best)]


def test_a_damaged_line_is_told_by_its_number_and_its_run_done_again(tmp_path, counted):
    sweep(A, [2], 3, store=tmp_path, **RUN)
    path = tmp_path / "runs.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"iterations": ', '"iterations": 1')
    seed = json.loads(lines[1])["seed"]
    path.write_text("\n".join(lines) + "\n")
    told = r"runs\.jsonl, line 2 is damaged: its sum is not that of what it says; the same sweep"
    with pytest.raises(StoreError, match=told):
        Store.read(tmp_path)
    counted.clear()
    with pytest.warns(UserWarning, match=r"runs\.jsonl: line 2 is damaged: .*; dropped, so that"):
        sweep(A, [2], 3, store=tmp_path, **RUN)
    assert counted[0] == (2, seed)
    assert (tmp_path / "runs.jsonl.damaged").read_text().splitlines() == lines
    assert {row["seed"] for row in Store.read(tmp_path).rows} == {0, 1, 2}


def test_many_damaged_lines_are_one_sentence(tmp_path):
    sweep(A, [2], 1, store=tmp_path, **RUN)
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write("x\n" * 1000)
    with pytest.warns(
        UserWarning, match=r"line 4 is damaged: it is no JSON; and 997 more; "
    ) as told:
        sweep(A, [2], 1, store=tmp_path, **RUN)
    assert len(told) == 1


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_no_number_is_no_measure(tmp_path, monkeypatch, value):
    monkeypatch.setattr(Reference, "error", lambda *_: float(value))
    row = sweep(A, [2], 1, store=tmp_path, reference=A, **RUN).table[0]
    assert row["reference_error"] is None
    assert Store.read(tmp_path).rows == [row]
