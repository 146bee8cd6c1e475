"""Files that an earlier version wrote are read, shown and gone on with; see data/README.md."""

import json
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import assert_histories_agree, assert_parity
from PIL import Image
from reference import reference_nmf

from nmf_accel import Factorization, StoreError, sweep
from nmf_accel.cli import main
from nmf_accel.options import COMMON
from nmf_accel.sweeps import Store
from nmf_accel.sweeps.store import key_of

DATA = Path(__file__).parents[1] / "data"
A = np.random.default_rng(0).random((6, 5))
SWEEP = {"max_iter": 8, "keep": "best", "about": {"source": "a test"}, "backend": "numpy"}
LOCAL = ("device", "versions")


def oracle(rank, seed, max_iter):
    """W, H and errors from the definition, with the δ that is the default."""
    return reference_nmf(A, rank, seed=seed, max_iter=max_iter, delta=1e-9 * A.mean() ** 1.5)


SWEEPS = ("sweep-1", "sweep-2")


@pytest.fixture(params=SWEEPS)
def folder(tmp_path, request):
    """A copy of the folder of a sweep, which may be written to."""
    return shutil.copytree(DATA / request.param, tmp_path / request.param)


def test_a_factorization_holds_what_it_held():
    old = Factorization.load(DATA / "factorization-1.npz")
    W, H, errors = oracle(2, 1, 12)
    assert_parity(old.W, W, 1e-12)
    assert_parity(old.H, H, 1e-12)
    assert_histories_agree(old.errors, errors, 1e-12)
    assert old.norm == pytest.approx(np.linalg.norm(A), rel=1e-14)
    assert (old.n_iter, old.stride, old.converged) == (12, 1, False)
    assert old.stopped_because == "max_iter = 12 reached"
    assert old.settings["versions"]["nmf_accel"] == "0.1.0"
    assert old.summary()["solver"] == "mu"


def test_the_lines_that_made_them_make_them_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = (DATA / "README.md").read_text().splitlines()
    exec(textwrap.dedent("\n".join(line for line in lines if line.startswith("    "))), {})
    old, new = (Factorization.load(x / "factorization-1.npz") for x in (DATA, tmp_path))
    assert_parity(new.W, old.W, 1e-12)
    assert_parity(new.H, old.H, 1e-12)
    for name in old.settings.keys() - LOCAL:  # new ones may have come since
        assert new.settings[name] == old.settings[name], name
    for sweep_of in SWEEPS:
        rows = [sorted(Store.read(x / sweep_of).rows, key=key_of) for x in (DATA, tmp_path)]
        for was, now in zip(*rows, strict=True):
            assert now.keys() >= was.keys()  # new ones may have come since
            assert now["error"] == pytest.approx(was["error"], rel=1e-12)
            for name in ("rank", "seed", "iterations", "converged", "stopped_because"):
                assert now[name] == was[name]
        was, now = (Store.read(x / sweep_of).settings for x in (DATA, tmp_path))
        assert now == was


def test_a_sweep_is_shown(folder):
    rows = Store.read(folder).rows
    assert [(row["rank"], row["seed"]) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    shown = CliRunner().invoke(main, ["show", str(folder)])
    assert shown.exit_code == 0, shown.output
    for row in rows:
        error = oracle(row["rank"], row["seed"], 8)[2][-1]
        assert row["error"] == pytest.approx(error, rel=1e-12)
        assert f"{error:.6g}" in shown.output
    assert f"4 runs in {folder}" in shown.output
    with Image.open(folder / "sweep.png") as picture:
        assert min(picture.size) > 300


def test_the_same_sweep_runs_nothing_again(folder):
    before = (folder / "runs.jsonl").read_bytes()
    result = sweep(A, [1, 2], 2, store=folder, **SWEEP)
    assert result.skipped == 4
    assert result.table == Store.read(DATA / folder.name).rows  # to the seconds that they took
    assert (folder / "runs.jsonl").read_bytes() == before
    for rank in (1, 2):
        W, H, _ = oracle(rank, 1, 8)
        assert_parity(result.best(rank).W, W, 1e-12)
        assert_parity(result.best(rank).H, H, 1e-12)


def test_with_one_more_rank_only_that_is_run(folder):
    before = (folder / "runs.jsonl").read_bytes()
    result = sweep(A, [1, 2, 3], 2, store=folder, **SWEEP)
    assert result.skipped == 4
    after = (folder / "runs.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 6
    assert [(row["rank"], row["seed"]) for row in result.table[4:]] == [(3, 0), (3, 1)]
    best = result.best(3)
    W, _, errors = oracle(3, best.settings["seed"], 8)
    assert_parity(best.W, W, 1e-12)
    assert best.error == pytest.approx(errors[-1], rel=1e-12)


def test_another_sweep_is_refused(folder):
    with pytest.raises(StoreError, match="max_iter is 8 there and 9 in this sweep"):
        sweep(A, [1, 2], 2, store=folder, **{**SWEEP, "max_iter": 9})


def test_a_folder_that_was_gone_on_with_is_of_the_format_of_today(folder):
    sweep(A, [1, 2, 3], 2, store=folder, **SWEEP)
    assert json.loads((folder / "sweep.json").read_text())["format"] == 2
    store = Store.read(folder)
    own = [line.settings == store.head.digest for line in store.lines.values()]
    assert own == [folder.name == "sweep-2"] * 4 + [True] * 2  # old lines stay as they were
    store.look()
    assert store.lost == set()


def test_the_digest_of_the_settings_is_what_it_was():
    store = Store.read(DATA / "sweep-2")
    assert {line.settings for line in store.lines.values()} == {store.head.digest}


def test_every_option_of_today_has_a_value_for_the_runs_before_it():
    # Or a sweep that was written before there was the option could not go on.
    written = json.loads((DATA / "sweep-1" / "sweep.json").read_text())["settings"]
    for name in set(COMMON) - set(written):
        assert COMMON[name].before == COMMON[name].default, name
    assert set(COMMON) - set(written), "or this test says nothing"
