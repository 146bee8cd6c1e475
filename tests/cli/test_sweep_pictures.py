"""The picture of a sweep: the commands draw it, also after Ctrl-C, and the library does not."""

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import Interrupted, sweep
from nmf_accel.cli import main
from nmf_accel.sweeps import Store, SweepResult

PICTURES = {"sweep.png", "sweep.svg"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(0).random((6, 9)))


def run(*args, status=0):
    options = ["--seeds", "1", "--max-iter", "3", "--out", "runs", "--backend", "numpy"]
    done = CliRunner().invoke(main, ["sweep", "a.npy", *options, *args])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def pictures(tmp_path):
    return {path.name for path in (tmp_path / "runs").glob("sweep.*g")}


def test_the_library_draws_none(tmp_path):
    done = sweep(np.load("a.npy"), [2], seeds=1, max_iter=3, store="runs")
    assert len(done.store.rows) == 1
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        *("runs.jsonl", "sweep.json", "sweep.lock", "factors")
    }


def test_the_command_draws_it_anew(tmp_path):
    run("--ranks", "2")
    assert pictures(tmp_path) == PICTURES
    before = (tmp_path / "runs" / "sweep.svg").read_text()
    run("--ranks", "2,3")
    assert (tmp_path / "runs" / "sweep.svg").read_text() != before


def interrupted(*args, store, **options):
    kept = Store.read(store)
    raise Interrupted(SweepResult(kept.rows, store=kept), "interrupted")


def interrupted_again(*args, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize("finished", [0, 1])
def test_after_ctrl_c_what_is_finished_is_drawn(tmp_path, monkeypatch, finished):
    run("--ranks", "2")
    for name in PICTURES:
        (tmp_path / "runs" / name).unlink()
    if not finished:
        (tmp_path / "runs" / "runs.jsonl").write_text("")
    monkeypatch.setattr("nmf_accel.cli.sweep.sweep", interrupted)
    stopped = run("--ranks", "2,3", status=130)
    told = f"\nstopped: {finished} runs are in runs; the same command does the rest\n"
    assert stopped.stderr == told
    assert pictures(tmp_path) == (PICTURES if finished else set())


def test_a_second_ctrl_c_leaves_the_picture_out(monkeypatch):
    run("--ranks", "2")
    monkeypatch.setattr("nmf_accel.cli.sweep.sweep", interrupted)
    monkeypatch.setattr("nmf_accel.plots.sweep", interrupted_again)
    assert "the same command does the rest" in run("--ranks", "2,3", status=130).stderr
