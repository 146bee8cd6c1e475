"""The study chooses a rank by the noisy images alone, as `choose_rank` does."""

import shutil

import numpy as np
import pytest
from PIL import Image

from nmf_accel import sweep
from nmf_accel.datasets import images
from nmf_accel.selection import RankChoice
from nmf_accel.study import Runs, StudySettings, run_study
from nmf_accel.study.held_out import cross_validation, seen

SETTINGS = StudySettings("sprites", n_images=80, ranks=(2, 8, 10), max_iter=40, backend="numpy")


@pytest.fixture(scope="module")
def noisy():
    return images.add_noise(SETTINGS.load().A, 0.1, seed=1)


@pytest.fixture(scope="module")
def kept(noisy, tmp_path_factory):
    """A folder that has its runs, and what they found."""
    folder = tmp_path_factory.mktemp("runs")
    return folder, cross_validation(Runs(SETTINGS, folder), noisy)


def test_it_is_the_choice_that_the_library_makes(kept, noisy):
    _, found = kept
    A = noisy[(noisy > 0).any(axis=1)]
    choice = RankChoice.of(sweep(A, [2, 8, 10], 5, folds=5, solver="hals", max_iter=40))
    assert (found["rank"], found["lowest"]) == (choice.rank, choice.lowest) == (8, 10)
    assert found["within_one_se"] == choice.within
    assert found["said"] == str(choice)
    for row in choice.table:
        assert found["held_out_by_rank"][row["rank"]] == pytest.approx(row["held_out"], rel=1e-9)
        assert found["held_out_se_by_rank"][row["rank"]] == pytest.approx(
            row["held_out_se"], rel=1e-6
        )


def test_rows_of_zeros_have_no_part(noisy):
    assert 0 < len(seen(noisy)) < len(noisy)
    assert np.array_equal(seen(noisy), noisy[noisy.max(axis=1) > 0])


@pytest.mark.parametrize(("ranks", "runs"), [((2, 8, 10), 0), ((2, 4), 5)])
def test_runs_of_its_folder_are_not_done_again_and_others_there_do_not_count(
    kept, noisy, tmp_path, monkeypatch, ranks, runs
):
    folder, first = kept
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    done = []
    whole = Runs.sweep

    def count(self, *args, **options):
        result = whole(self, *args, **options)
        done.append(len(result.table) - result.skipped)
        return result

    monkeypatch.setattr(Runs, "sweep", count)
    again = cross_validation(
        Runs(StudySettings(**{**vars(SETTINGS), "ranks": ranks}), tmp_path), noisy
    )
    assert done == [runs]
    assert list(again["held_out_by_rank"]) == list(ranks)
    for rank in {2, 8, 10} & set(ranks):
        assert again["held_out_by_rank"][rank] == first["held_out_by_rank"][rank]


def test_where_a_fold_is_empty_there_is_no_choice_and_the_report_says_so(tmp_path):
    for k, pixels in enumerate(np.random.default_rng(0).integers(1, 256, (3, 2, 2), np.uint8)):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    settings = StudySettings(str(tmp_path), ranks=(1, 2), max_iter=5, tasks=(3,), backend="numpy")
    found = run_study(settings, tmp_path / "out")
    assert found.denoising.numbers["cross_validation"] is None
    page = (tmp_path / "out/report.html").read_text()
    assert "the entries are so few that a part of them is empty" in page
    assert not (tmp_path / "out/figures/3c-held-out.png").exists()
