"""Stores are merged whole or not at all, the first named first, and nothing damaged with them."""

import itertools
import json
import shutil

import numpy as np
import pytest
from killing import killed_at

from nmf_accel import StoreError, nmf, sweep
from nmf_accel.sweeps import Store, SweepResult, merge
from nmf_accel.sweeps.store import merging
from nmf_accel.sweeps.store.head import Head
from nmf_accel.sweeps.store.lines import Line, digest

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


@pytest.fixture
def two(tmp_path):
    """Two sweeps that share a run, of rank 2 and seed 1."""
    sweep(A, [1, 2], [0, 1], store=tmp_path / "a", **RUN)
    sweep(A, [2, 3], [1, 2], store=tmp_path / "b", **RUN)
    return tmp_path / "a", tmp_path / "b"


def change(folder, rank, seed, **values):
    """Let a run of a folder have other values, as if another machine had made it."""
    path, content = folder / "runs.jsonl", []
    for line in path.read_text().splitlines():
        held = json.loads(line)
        if (held["rank"], held["seed"]) == (rank, seed):
            del held["sum"]
            held |= values
            held["sum"] = digest(held)
        content.append(json.dumps(held) + "\n")
    path.write_text("".join(content))


def row(store, rank, seed):
    return next(x for x in store.rows if (x["rank"], x["seed"]) == (rank, seed))


def files(folder):
    return {x.relative_to(folder): x.read_bytes() for x in folder.rglob("*") if x.is_file()}


def same(out, expected):
    """Whether a merge is what it was without interruption; locks and times may differ."""
    was, now = files(expected), files(out)
    return {k: x for k, x in was.items() if k.name != "sweep.lock"} == {
        k: x for k, x in now.items() if k.name != "sweep.lock"
    }


@pytest.mark.parametrize("first", [0, 1])
def test_of_a_run_that_two_have_that_of_the_first_is_taken(two, tmp_path, first):
    for seconds, folder in enumerate(two, 100):
        change(folder, 2, 1, seconds=seconds)
    merged = merge(two[:: -1 if first else 1], tmp_path / "m")
    assert row(merged, 2, 1)["seconds"] == 100 + first
    assert len(merged.rows) == 7


@pytest.mark.parametrize("first", [0, 1])
def test_its_factors_are_taken_from_there_too(tmp_path, first):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, names in zip(folders, ("x", "y"), strict=True):
        sweep(A, [2], 1, store=folder, about={"source": names}, **RUN)
    kept = [(folder / "factors" / "rank-2-seed-0.npz").read_bytes() for folder in folders]
    assert kept[0] != kept[1], "times differ, or this test says nothing"
    merged = merge(folders[:: -1 if first else 1], tmp_path / "m")
    assert merged.factors(2, 0).read_bytes() == kept[first]
    assert merged.about["source"] == "xy"[first]


@pytest.mark.parametrize(("factor", "told"), [(1.019, False), (1.03, True)])
def test_errors_of_a_run_that_differ_beyond_rounding_are_told(two, tmp_path, factor, told):
    error = row(Store.read(two[0]), 2, 1)["error"]
    change(two[1], 2, 1, error=error * factor)
    if told:
        with pytest.warns(UserWarning, match=r"rank 2, seed 1 has error .* in .*a and .* in .*b; "):
            merged = merge(two, tmp_path / "m")
    else:
        merged = merge(two, tmp_path / "m")
    assert row(merged, 2, 1)["error"] == error


def test_the_best_is_never_a_row_without_factors(tmp_path):
    # In b the run of seed 0 is best, and that of seed 1 has no factors; a made seed 0 worse.
    sweep(A, [2], 2, store=tmp_path / "b", **RUN)
    best = SweepResult(Store.read(tmp_path / "b").rows).best_row(2)["seed"]
    other = 1 - best
    sweep(A, [2], [best], store=tmp_path / "a", **RUN)
    worse = row(Store.read(tmp_path / "b"), 2, other)["error"] * 1.001
    change(tmp_path / "a", 2, best, error=worse)
    told = rf"rank-2-seed-{other}\.npz was never kept; .* name the folders in another order"
    with pytest.raises(StoreError, match=told), pytest.warns(UserWarning, match="has error"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "m")
    assert not (tmp_path / "m" / "sweep.json").exists()
    with pytest.warns(UserWarning, match="has error"):
        merged = merge([tmp_path / "b", tmp_path / "a"], tmp_path / "m")
    assert SweepResult(merged.rows, store=merged).best(2).settings["seed"] == best


def test_of_a_run_that_several_have_one_that_keeps_its_factors_is_taken(tmp_path):
    """Also where it is named last, and the best of another folder is not so good in the first."""
    errors = {x["seed"]: x["error"] for x in sweep(A, [2], 3, **RUN).table}
    best, second, _ = sorted(errors, key=errors.get)
    change_all = {"first": [best], "second": [best, second], "third": [second]}
    for name, seeds in change_all.items():
        sweep(A, [2], seeds, store=tmp_path / name, **RUN)
    for name in ("second", "third"):
        change(tmp_path / name, 2, second, error=errors[best] * 1.001)
    change(tmp_path / "first", 2, best, error=errors[best] * 1.002)
    merged = merge([tmp_path / name for name in change_all], tmp_path / "m")
    assert merged.wanted == {(2, second)}
    kept = tmp_path / "third" / "factors" / f"rank-2-seed-{second}.npz"
    assert merged.factors(2, second).read_bytes() == kept.read_bytes()


def test_a_merge_has_the_names_of_the_first_or_none(tmp_path):
    """As it has its settings."""
    names = "names"
    for name, more in (("a", {names: "x"}), ("b", {})):
        Head({"keep": "none", **more}).write(tmp_path / "sweep.json")
        (tmp_path / name).mkdir()
        (tmp_path / "sweep.json").rename(tmp_path / name / "sweep.json")
        (tmp_path / name / "runs.jsonl").write_bytes(b"")
    a, b = tmp_path / "a", tmp_path / "b"
    assert merge([a, b], tmp_path / "ab").settings.get(names) == "x"
    assert merge([b, a], tmp_path / "ba").settings.get(names) is None


@pytest.mark.parametrize("name", ["cut", "bent", "missing"])
def test_damaged_factors_are_not_copied(two, tmp_path, name):
    path = next((two[0] / "factors").glob("rank-1-*"))
    held = path.read_bytes()
    path.unlink()
    if name != "missing":
        path.write_bytes(held[:-9] if name == "cut" else held[:-9] + b"x" + held[-8:])
    told = r"factors/rank-1-seed-\d.npz .*; the same sweep into .*a does that run again"
    with pytest.raises(StoreError, match=told):
        merge(two, tmp_path / "m")
    assert not (tmp_path / "m" / "sweep.json").exists()
    with pytest.warns(UserWarning, match="done again"):
        sweep(A, [1, 2], 2, store=two[0], **RUN)
    assert len(merge(two, tmp_path / "m").rows) == 7


def test_what_changes_while_it_is_copied_is_not_taken(two, tmp_path, monkeypatch):
    def changing(old, new):
        new.write(old.read()[:-1] + b"x")

    monkeypatch.setattr(merging.shutil, "copyfileobj", changing)
    with pytest.raises(StoreError, match="changed while it was copied; merge again"):
        merge(two, tmp_path / "m")
    assert list((tmp_path / "m" / "factors").iterdir()) == []


def test_a_merge_can_be_repeated_after_any_interruption(two, tmp_path, monkeypatch):
    """At every event the same command does it again, and the folder was no store before its end."""
    expected = tmp_path / "expected"
    merge(two, expected)
    for number in itertools.count():
        out = tmp_path / f"m{number}"
        killed = killed_at(number, lambda out=out: merge(two, out))
        if (out / "sweep.json").exists():
            assert len(Store.read(out).rows) == 7
        assert len(merge(two, out).rows) == 7
        assert same(out, expected)
        if not killed:
            break
    assert number > 12


def test_what_was_best_when_a_merge_was_interrupted_does_not_stay(tmp_path):
    errors = {x["seed"]: x["error"] for x in sweep(A, [2], 4, **RUN).table}
    worst, best = max(errors, key=errors.get), min(errors, key=errors.get)
    sweep(A, [2], [worst], store=tmp_path / "a", **RUN)
    merge([tmp_path / "a"], tmp_path / "m")
    (tmp_path / "m" / "sweep.json").unlink()  # as if it had been killed before its end
    sweep(A, [2], [worst, best], store=tmp_path / "a", **RUN)
    merge([tmp_path / "a"], tmp_path / "m")
    assert [x.name for x in (tmp_path / "m" / "factors").iterdir()] == [f"rank-2-seed-{best}.npz"]


def test_a_merge_that_is_there_is_left_so(two, tmp_path):
    merge(two, tmp_path / "m")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "m").rglob("*.npz")}
    assert len(merge(two, tmp_path / "m").rows) == 7
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "m").rglob("*.npz")} == before
    with pytest.raises(StoreError, match="m holds a sweep already; merge into a new folder"):
        merge(two[:1], tmp_path / "m")
    next((tmp_path / "m" / "factors").iterdir()).unlink()
    with pytest.raises(StoreError, match="m holds a sweep already; merge into a new folder"):
        merge(two, tmp_path / "m")


def test_the_same_rows_of_other_settings_are_another_sweep(two, tmp_path):
    found = merge(two, tmp_path / "m")
    head = Head({**found.settings, "tol": 1e-9}, found.about)
    head.write(tmp_path / "m" / "sweep.json")
    found.log.write(Line(x.row, head.digest, x.seal) for x in found.lines.values())
    with pytest.raises(StoreError, match="m holds a sweep already; merge into a new folder"):
        merge(two, tmp_path / "m")


@pytest.mark.parametrize("content", ["theirs", "other times", "other settings", "garbage\n"])
def test_a_folder_that_lost_its_head_is_not_merged_over(two, tmp_path, content):
    """Runs of the same ranks and seeds are not these very ones; they would be lost."""
    if content == "other times":
        lines = merge(two, tmp_path / "m").lines
        for folder in two:  # the second run of the merge, in whichever folder it is
            change(folder, *list(lines)[1], seconds=77.0)
    elif content == "other settings":
        found = merge(two, tmp_path / "m")
        found.log.write(Line(x.row, "0" * 16, x.seal) for x in found.lines.values())
    else:
        sweep(A, [5], 2, store=tmp_path / "m", **RUN)
    (tmp_path / "m" / "sweep.json").unlink()
    if content == "garbage\n":
        (tmp_path / "m" / "runs.jsonl").write_text(content)
    before = files(tmp_path / "m")
    number = 2 if content == "other times" else 1
    with pytest.raises(StoreError, match=rf"line {number} is no run of the folders to merge"):
        merge(two, tmp_path / "m")
    assert {k: x for k, x in files(tmp_path / "m").items() if k.name != "sweep.lock"} == {
        k: x for k, x in before.items() if k.name != "sweep.lock"
    }


def test_what_keeps_all_or_nothing_is_merged(tmp_path):
    for keep, count in (("all", 3), ("none", 0)):
        for name, seeds in (("a", [0, 1]), ("b", [1, 2])):
            sweep(A, [2], seeds, store=tmp_path / keep / name, keep=keep, **RUN)
        out = tmp_path / keep / "m"
        merged = merge([tmp_path / keep / "a", tmp_path / keep / "b"], out)
        assert len(merged.rows) == 3
        assert len(list((out / "factors").iterdir())) == count


def test_stores_of_format_1_are_merged_into_one_of_today(two, tmp_path):
    old = shutil.copytree(two[0], tmp_path / "old")
    lines = [json.loads(line) for line in (old / "runs.jsonl").read_text().splitlines()]
    plain = [
        {k: x for k, x in line.items() if k not in ("sum", "settings", "factors")} for line in lines
    ]
    (old / "runs.jsonl").write_text("".join(json.dumps(x) + "\n" for x in plain))
    held = json.loads((old / "sweep.json").read_text())
    del held["format"]
    (old / "sweep.json").write_text(json.dumps(held))
    merged = merge([old, two[1]], tmp_path / "m")
    assert all(line.settings == merged.head.digest for line in merged.lines.values())
    assert merged.lost == merged.wanted
    merged.look()
    assert merged.lost == set()
    single = nmf(A, 1, seed=row(merged, 1, 0)["seed"], **RUN)
    assert row(merged, 1, 0)["error"] == pytest.approx(single.error, rel=1e-12)
