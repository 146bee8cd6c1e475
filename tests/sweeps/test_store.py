"""A sweep's folder survives crashes and interruptions, and refuses what is not its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmf_accel import Factorization, StoreError, sweep
from nmf_accel.sweeps import Store, merge

OLD = Path(__file__).parents[1] / "data" / "sweep-1"
RANKS = [2, 3, 4, 5, 6, 7]
COMMAND = ["sprites", "--n-images", "40", "--seeds", "2", "--max-iter", "400", "--backend", "numpy"]


def outcome(store):
    """What must not depend on crashes: everything but times and places."""
    names = ("rank", "seed", "error", "relative_error", "iterations", "stopped_because")
    rows = sorted(Store.read(store).rows, key=lambda row: (row["rank"], row["seed"]))
    return [tuple(row[name] for name in names) for row in rows]


def start(out, ranks=RANKS):
    command = [sys.executable, "-m", "nmf_accel.cli", "sweep", *COMMAND, "--out", str(out)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # the same bits every time
    return subprocess.Popen(
        [*command, "--ranks", ",".join(map(str, ranks))],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(out, **options):
    process = start(out, **options)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output, errors


def lines(out):
    path = Path(out) / "runs.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def stop_after(out, count, how):
    """Start a sweep, send it a signal once `count` runs are on disk, and wait for its end."""
    process = start(out)
    deadline = time.monotonic() + 60
    while not (Path(out) / "sweep.json").exists() or lines(out) < count:
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    finish(out)
    return out


@pytest.mark.parametrize("count", [0, 2, 6])
def test_a_killed_sweep_goes_on_where_it_was(tmp_path, undisturbed, count):
    code, _ = stop_after(tmp_path, count, signal.SIGKILL)
    assert code == -signal.SIGKILL
    survived = lines(tmp_path)
    assert count <= survived < 2 * len(RANKS)
    _, errors = finish(tmp_path)
    if survived:
        assert f"{survived} runs were in {tmp_path} already" in errors
    assert outcome(tmp_path) == outcome(undisturbed)
    for rank in RANKS:
        best = min((row for row in outcome(tmp_path) if row[0] == rank), key=lambda row: row[2])
        kept = list((tmp_path / "factors").glob(f"rank-{rank}-*.npz"))
        assert kept == [tmp_path / "factors" / f"rank-{rank}-seed-{best[1]}.npz"]
        assert Factorization.load(kept[0]).error == best[2]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_says_how_to_go_on(tmp_path, undisturbed, how):
    code, errors = stop_after(tmp_path, 2, how)
    assert code == 128 + how
    assert f"{lines(tmp_path)} runs are in {tmp_path}; the same command does the rest" in errors
    finish(tmp_path)
    assert outcome(tmp_path) == outcome(undisturbed)


@pytest.mark.parametrize("cut", [1, 40])
def test_a_broken_last_line_is_done_again(tmp_path, undisturbed, cut):
    finish(tmp_path, ranks=RANKS[:3])
    runs = tmp_path / "runs.jsonl"
    runs.write_bytes(runs.read_bytes()[:-cut])
    assert len(Store.read(tmp_path).rows) == 5
    finish(tmp_path)
    assert outcome(tmp_path) == outcome(undisturbed)
    assert lines(tmp_path) == 2 * len(RANKS)


def test_other_settings_or_data_are_refused(tmp_path, sprites):
    A = sprites[:, :10]
    sweep(A, [2], seeds=1, max_iter=3, store=tmp_path)
    with pytest.raises(StoreError, match="max_iter is 3 there and 4 in this sweep"):
        sweep(A, [2], seeds=1, max_iter=4, store=tmp_path)
    with pytest.raises(StoreError, match=r"data is '[0-9a-f]{64}' there and '[0-9a-f]{64}'"):
        sweep(A * 0.5, [2], seeds=1, max_iter=3, store=tmp_path)
    with pytest.raises(StoreError, match="dtype is 'float64' there and 'float32'"):
        sweep(A, [2], seeds=1, max_iter=3, store=tmp_path, dtype="float32")
    assert sweep(A, [2, 3], seeds=2, max_iter=3, store=tmp_path).skipped == 1


def test_merge_joins_two_sweeps(tmp_path, sprites):
    A, settings = sprites[:, :10], {"max_iter": 5}
    sweep(A, [2, 3], seeds=[0, 1], store=tmp_path / "a", **settings)
    sweep(A, [2, 4], seeds=[1, 2], store=tmp_path / "b", **settings)
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "ab")
    pairs = {(2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (4, 1), (4, 2)}
    assert {(row["rank"], row["seed"]) for row in merged.rows} == pairs
    assert len(Store.read(tmp_path / "ab").rows) == len(pairs)
    result = sweep(A, [2, 3, 4], seeds=3, store=tmp_path / "ab", **settings)
    assert result.skipped == len(pairs)
    for rank in (2, 3, 4):
        assert result.best(rank).error == result.best_row(rank)["error"]
    sweep(A, [2], seeds=1, store=tmp_path / "c", max_iter=6)
    with pytest.raises(StoreError, match="max_iter is 5 there and 6 in "):
        merge([tmp_path / "a", tmp_path / "c"], tmp_path / "ac")
    with pytest.raises(StoreError, match="holds a sweep already"):
        merge([tmp_path / "a"], tmp_path / "ab")


def test_a_store_that_cannot_be_written_is_refused(tmp_path, sprites):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        sweep(sprites[:, :5], [2], seeds=1, max_iter=1, store=tmp_path / "file" / "runs")


def test_a_full_disk_leaves_what_was_finished(tmp_path, sprites, monkeypatch):
    A = sprites[:, :10]
    real = os.fsync

    def full(handle):
        real(handle)
        if lines(tmp_path) >= 4:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        sweep(A, [2, 3, 4], seeds=2, max_iter=3, store=tmp_path)
    monkeypatch.undo()
    assert len(Store.read(tmp_path).rows) == 4
    assert not list(tmp_path.rglob(".*")), "a temporary file was left behind"
    assert sweep(A, [2, 3, 4], seeds=2, max_iter=3, store=tmp_path).skipped == 4


@pytest.mark.parametrize("keep", ["all", "none"])
def test_keep(tmp_path, sprites, keep):
    sweep(sprites[:, :10], [2, 3], seeds=2, max_iter=3, store=tmp_path, keep=keep)
    assert len(list((tmp_path / "factors").iterdir())) == {"all": 4, "none": 0}[keep]


def test_a_damaged_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"holds no sweep: there is no sweep\.json"):
        Store.read(tmp_path)
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(StoreError, match=r"sweep\.json is damaged"):
        Store.read(tmp_path)
    (tmp_path / "sweep.json").write_text('{"settings": {"keep": "none"}, "about": {}}')
    first, second, *_ = (OLD / "runs.jsonl").read_text().splitlines()
    (tmp_path / "runs.jsonl").write_text(f"{first}\nnonsense\n{second}\n")
    with pytest.raises(StoreError, match=r"runs\.jsonl, line 2 is damaged"):
        Store.read(tmp_path)


def test_a_sweep_resumes_with_its_solver_only(tmp_path, sprites):
    options = {"seeds": 2, "max_iter": 20, "store": tmp_path, "backend": "numpy"}
    sweep(sprites, [3], solver="hals", **options)
    again = sweep(sprites, [3, 4], solver="hals", **options)
    assert again.skipped == 2
    with pytest.raises(StoreError, match="solver"):
        sweep(sprites, [3], solver="mu", **options)
