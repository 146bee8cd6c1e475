"""What is on the disk when: a power failure takes nothing that a line speaks of."""

import errno
import itertools
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from killing import killed_at

from nmf_accel import Factorization, StoreError, sweep
from nmf_accel.sweeps import Store

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


@pytest.fixture
def events(monkeypatch):
    """What was synced, renamed and removed, in order; folders with a slash behind."""
    found, real = [], {name: getattr(os, name) for name in ("fsync", "replace", "unlink", "mkdir")}

    def fsync(handle):
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        found.append(("sync", plain(path.name) + "/" * folder))
        real["fsync"](handle)

    def replace(old, new):
        found.append(("rename", Path(new).name))
        real["replace"](old, new)

    def unlink(path, **options):
        found.append(("remove", Path(path).name))
        real["unlink"](path, **options)

    def mkdir(path, *given, **options):
        real["mkdir"](path, *given, **options)
        found.append(("make", Path(path).name + "/"))

    for name, act in (
        ("fsync", fsync),
        ("replace", replace),
        ("unlink", unlink),
        ("mkdir", mkdir),
    ):
        monkeypatch.setattr(os, name, act)
    return found


def plain(name):
    """The name that a temporary file is to have."""
    return name[1:].rpartition(".")[0] if name.startswith(".") else name


def written(name, folder):
    """The events of a file that is written atomically: its bytes, then its name, are synced."""
    return [("sync", name), ("rename", name), ("sync", f"{folder}/")]


def test_a_new_folder_is_on_the_disk_with_its_files_the_head_last(tmp_path, events):
    above = tmp_path.name + "/"
    sweep(A, [2], 1, store=tmp_path / "x" / "s", keep="none", **RUN)
    assert events == [
        *(("make", "x/"), ("make", "s/"), ("sync", above), ("sync", "x/")),
        *(("make", "factors/"), ("sync", "s/")),
        *written("runs.jsonl", "s"),
        *written("sweep.json", "s"),
        ("sync", "runs.jsonl"),
    ]


def test_factors_come_before_lines_and_what_is_not_kept_goes_after_them(tmp_path, events):
    errors = {x["seed"]: x["error"] for x in sweep(A, [2], 5, **RUN).table}
    worst, best = max(errors, key=errors.get), min(errors, key=errors.get)
    sweep(A, [2], [worst], store=tmp_path / "s", **RUN)
    events.clear()
    sweep(A, [2], [worst, best], store=tmp_path / "s", **RUN)
    assert events == [
        *written(f"rank-2-seed-{best}.npz", "factors"),
        ("sync", "runs.jsonl"),
        ("remove", f"rank-2-seed-{worst}.npz"),
    ]


def test_going_on_writes_nothing_where_nothing_is_to_do(tmp_path, events):
    sweep(A, [2], 2, store=tmp_path / "s", **RUN)
    events.clear()
    sweep(A, [2], 2, store=tmp_path / "s", **RUN)
    assert events == []


def test_runs_that_are_done_again_take_the_place_of_their_lines_at_once(tmp_path, events):
    sweep(A, [2, 3], 2, store=tmp_path / "s", keep="all", **RUN)
    path = tmp_path / "s" / "factors" / "rank-2-seed-1.npz"
    before = (tmp_path / "s" / "runs.jsonl").read_text().splitlines()
    path.write_bytes(b"")
    events.clear()
    with pytest.warns(UserWarning, match="has 0 bytes, and .* were written; done again"):
        sweep(A, [2, 3], 2, store=tmp_path / "s", keep="all", **RUN)
    assert events == [*written(path.name, "factors"), *written("runs.jsonl", "s")]
    after = (tmp_path / "s" / "runs.jsonl").read_text().splitlines()
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False, True, True]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_folders_that_cannot_be_synced_are_no_error_and_those_that_fail_are(
    tmp_path, monkeypatch, code
):
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    if code == errno.EIO:
        with pytest.raises(StoreError, match=r"cannot be written: .*Input/output error"):
            sweep(A, [2], 1, store=tmp_path / "s", **RUN)
    else:
        sweep(A, [2], 1, store=tmp_path / "s", **RUN)
        assert len(Store.read(tmp_path / "s").rows) == 1


@pytest.mark.parametrize("keep", ["best", "all", "none"])
def test_a_sweep_killed_at_any_event_goes_on_to_the_same_bits(tmp_path, keep):
    options = {"ranks": [1, 2], "seeds": 2, "keep": keep, **RUN}
    expected = bits(sweep(A, store=tmp_path / "expected", **options).store)
    for number in itertools.count():
        out = tmp_path / f"s{number}"
        killed = killed_at(number, lambda out=out: sweep(A, store=out, **options))
        before = Store.read(out).rows if (out / "sweep.json").exists() else []
        after = sweep(A, store=out, **options).store
        assert bits(after) == expected
        assert all(row in after.rows for row in before), "a finished run was done again"
        left = [x.name for x in out.rglob(".*")]
        assert left == [], "what the killed one left is swept away"
        if not killed:
            break
    assert number > 10


def bits(store):
    """What of a folder must not depend on kills."""
    names = ("rank", "seed", "error", "iterations")
    rows = sorted([row[x] for x in names] for row in store.rows)
    found = Store.read(store.path)
    assert sorted([row[x] for x in names] for row in found.rows) == rows
    kept = sorted(found.path.joinpath("factors").iterdir())
    return rows, [(x.name, Factorization.load(x).W.tobytes()) for x in kept]


LITTER = {
    ".sweep.json.abcd_123": False,
    ".sweep.json.0123456789abcdef": False,
    ".runs.jsonl.0123456789abcdef": False,
    "factors/.rank-2-seed-10.npz.0123456789abcdef": False,
    "factors/.rank-2-seed-10.npz.q8_zz01a": False,
    ".sweep.png.0123456789abcdef": True,  # somebody may be drawing
    ".sweep.svg.0123456789abcdef": True,
    ".notes.txt.0123456789abcdef": True,
    ".sweep.json": True,
    ".sweep.json.swp": True,
    ".sweep.json.0123456789ABCDEF": True,
    "sweep.json.0123456789abcdef": True,
    "x.sweep.json.0123456789abcdef": True,
    "factors/.rank-x-seed-1.npz.0123456789abcdef": True,
    "factors/notes.txt": True,
    "factors/rank-7-seed-7.npz": True,  # of a run that a crash left without a line
    "factors/rank-2-seed-00.npz": True,  # of no run: nobody writes a number so
    "factors/rank-2-seed-01.npz": True,
}


def test_what_killed_writers_left_is_swept_away_and_nothing_else(tmp_path):
    sweep(A, [2], 2, store=tmp_path, **RUN)
    for name in LITTER:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".runs.jsonl.aaaaaaaaaaaaaaaa").mkdir()
    Store.read(tmp_path)
    assert all((tmp_path / name).exists() for name in LITTER), "a reader removes nothing"
    sweep(A, [2], 2, store=tmp_path, **RUN)
    assert {name: (tmp_path / name).exists() for name in LITTER} == LITTER
    assert (tmp_path / ".runs.jsonl.aaaaaaaaaaaaaaaa").is_dir()


def test_what_is_left_of_a_picture_is_swept_away_after_an_hour(tmp_path):
    sweep(A, [2], 1, store=tmp_path, **RUN)
    for name, age in (("png", 3700), ("svg", 3500)):
        path = tmp_path / f".sweep.{name}.0123456789abcdef"
        path.write_bytes(b"x")
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
    sweep(A, [2], 1, store=tmp_path, **RUN)
    assert [path.name[:11] for path in tmp_path.glob(".sweep.*")] == [".sweep.svg."]


def test_factors_that_a_crash_kept_too_long_are_removed(tmp_path):
    result = sweep(A, [2], 2, store=tmp_path, **RUN)
    worse = 1 - result.best_row(2)["seed"]
    (tmp_path / "factors" / f"rank-2-seed-{worse}.npz").write_bytes(b"x")
    sweep(A, [2], 2, store=tmp_path, **RUN)
    assert [x.name for x in (tmp_path / "factors").iterdir()] == [f"rank-2-seed-{1 - worse}.npz"]


def test_of_a_batch_the_lines_of_what_is_kept_come_first(tmp_path):
    """So that a crash which leaves some lines of it leaves none of the best without factors."""
    result = sweep(A, [2], 6, store=tmp_path, **RUN)
    lines = [json.loads(x) for x in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert result.best_row(2)["seed"] > 0, "else the order of seeds is the one"
    assert [("factors" in line) for line in lines] == [True] + 5 * [False]
