"""A study runs nothing again that it has, and all again that has changed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import require_or_skip

from nmf_accel import backends
from nmf_accel.intake import Given
from nmf_accel.study import (
    Runs,
    StudySettings,
    study_cost,
    study_denoising,
    study_images,
)
from nmf_accel.study.properties import MATRICES
from nmf_accel.sweeps import Packing, Store

SMALL = {"n_images": 40, "ranks": (2, 4, 8), "max_iter": 30, "backend": "numpy"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the runs of a small study of sprites."""
    path = tmp_path_factory.mktemp("runs")
    settings = StudySettings("sprites", **SMALL)
    runs = Runs(settings, path)
    study_denoising(runs, study_images(runs, settings.load()))
    return path


@pytest.fixture
def counted(monkeypatch):
    """Shapes and ranks of the runs that are really done."""
    done = []

    def count(packing, runs, size):
        done.extend((packing.problem.shape, run.rank) for run in runs)
        return original(packing, runs, size)

    original = Packing.start
    monkeypatch.setattr(Packing, "start", count)
    return done


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sigma": 0.2}, 3 + 15),
        ({"noise_seed": 5}, 3 + 15),
        ({"seed": 7}, 6 + 15),
        ({"max_iter": 31}, 6 + 15),
        ({"delta": 1e-8}, 6 + 15),
        ({"dtype": "float32"}, 6 + 15),
        ({"n_images": 41}, 6 + 15),
        ({"ranks": (2, 3)}, 2 + 5),
        ({}, 0),
    ],
)
def test_what_changes_is_run_again(kept, counted, tmp_path, change, expected):
    """Of clean and noisy images, and of the folds of these."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    settings = StudySettings("sprites", **{**SMALL, **change})
    runs = Runs(settings, tmp_path)
    study_denoising(runs, study_images(runs, settings.load()))
    assert len(counted) == expected


def test_another_backend_is_run_again(kept, tmp_path, counted):
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    settings = StudySettings("sprites", **{**SMALL, "backend": "jax", "ranks": (2,)})
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    fits = Runs(settings, tmp_path).factorize_ranks(settings.load().A, [2], "2-images")
    assert len(counted) == 1
    assert fits[2].settings["backend"] == "jax"


def test_a_damaged_file_is_made_again(tmp_path, counted):
    settings = StudySettings("sprites", **SMALL)
    kept, A = Runs(settings, tmp_path), MATRICES["A4"]
    first = kept.factorize_ranks(A, [2], "x")[2]
    (path,) = tmp_path.glob("*/factors/*.npz")
    whole = path.read_bytes()
    middle = len(whole) // 2
    bent = whole[:middle] + bytes(20) + whole[middle + 20 :]
    for content in (whole[:300], b"", b"nonsense", bent):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match="were written"):
            again = kept.factorize_ranks(A, [2], "x")[2]
        assert np.array_equal(again.W, first.W)
    path.unlink()
    with pytest.warns(UserWarning, match="is not there; done again"):
        assert np.array_equal(kept.factorize_ranks(A, [2], "x")[2].H, first.H)
    assert len(counted) == 6


def test_what_was_left_before_there_were_stores_is_taken_over(tmp_path, counted):
    settings = StudySettings("sprites", **SMALL)
    first = Runs(settings).factorize_ranks(MATRICES["A4"], [2, 3], "x")
    for rank, was in first.items():
        of = {"data_sha256": Given(MATRICES["A4"]).fingerprint, "inner": None}  # as it was
        left = replace(was, settings={**was.settings, **of})
        # The second one has the name of another rank.
        left.save(tmp_path / f"x-rank-{(2, 4)[rank - 2]}-seed-{settings.seed}.npz")
    counted.clear()
    taken = Runs(settings, tmp_path).factorize_ranks(MATRICES["A4"], [2, 4], "x")
    assert [rank for _, rank in counted] == [4]
    assert np.array_equal(taken[2].W, first[2].W)
    assert taken[4].rank == 4
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {row["rank"] for row in Store.read(folder).rows} == {2, 4}


class Heard:
    def __init__(self):
        self.added, self.skipped = 0.0, 0.0

    def add(self, work, note=""):
        self.added += work

    def skip(self, work):
        self.skipped += work


def test_progress_covers_all_runs(tmp_path):
    settings = StudySettings("sprites", **{**SMALL, "max_iter": 123})
    data = settings.load()
    cost = study_cost(settings, data)
    for resumed in (False, True):
        heard = Heard()
        kept = Runs(settings, tmp_path, heard)
        study_denoising(kept, study_images(kept, data))
        assert (heard.skipped if resumed else heard.added) == pytest.approx(cost, rel=1e-12)
        assert (heard.added if resumed else heard.skipped) == 0
