"""The study's numbers are the oracle's, and it runs nothing again that it has."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import require_or_skip
from reference import reference_nmf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from nmf_accel import backends, datasets
from nmf_accel.cli import main
from nmf_accel.datasets import images
from nmf_accel.intake import Given
from nmf_accel.study import (
    Runs,
    StudySettings,
    run_study,
    study_cost,
    study_denoising,
    study_images,
    study_properties,
)
from nmf_accel.study.image_tasks import matrix_numbers, rare_pixels
from nmf_accel.study.likeness import psnr, ssim
from nmf_accel.study.properties import MATRICES, scaled_difference, svd_error
from nmf_accel.sweeps import Packing, Store

SMALL = {"n_images": 40, "ranks": (2, 4, 8), "max_iter": 30, "backend": "numpy"}
PLOTS = [
    "1g-convergence",
    "2b-singular-values",
    "2e-error-by-iteration",
    "2f-error-by-rank",
    "3c-beside-svd",
    "3c-error-by-rank",
    "3c-likeness",
]
PICTURES = [
    "2a-images",
    "2b-mean",
    "2c-components-2",
    "2c-components-8",
    "2d-best-and-worst",
    "2d-reconstructions",
    "3a-noise-levels",
    "3a-noisy-images",
    "3b-components",
    "3b-denoised",
]


def command(*args, status=0):
    done = CliRunner().invoke(main, ["study", *[str(arg) for arg in args]])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A small study of sprites, and what it found as it lies on disk."""
    path = tmp_path_factory.mktemp("study")
    run_study(StudySettings("sprites", **SMALL), path)
    return path


@pytest.fixture(scope="module")
def found(out):
    return json.loads((out / "study.json").read_text())


@pytest.fixture(scope="module")
def data():
    return datasets.sprites(40)


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


def test_every_figure_is_there_and_plots_are_there_twice(out):
    files = sorted(path.name for path in (out / "figures").iterdir())
    assert files == sorted(
        [f"{name}.png" for name in PLOTS + PICTURES] + [f"{name}.svg" for name in PLOTS]
    )
    page = (out / "report.html").read_text()
    assert page.count("<img ") == len(PLOTS + PICTURES)
    assert page.count("<figure>") == page.count("<figcaption>")


def test_errors_are_those_of_the_oracle(found, data):
    noisy = images.add_noise(data.A, 0.1, seed=1)
    assert found["task3"]["noise_norm"] == pytest.approx(np.linalg.norm(noisy - data.A), rel=1e-14)
    for rank in SMALL["ranks"]:
        *_, errors = reference_nmf(data.A, rank, max_iter=30)
        W, H, fit = reference_nmf(noisy, rank, max_iter=30)
        expected = {
            ("task2", "error_by_rank"): errors[-1],
            ("task3", "noiseless_error_by_rank"): errors[-1],
            ("task3", "fit_error_by_rank"): fit[-1],
            ("task3", "clean_error_by_rank"): np.linalg.norm(data.A - W @ H),
        }
        for (task, name), value in expected.items():
            assert found[task][name][str(rank)] == pytest.approx(value, rel=1e-11), name
        curve = found["task2"]["errors_by_iteration"][str(rank)]
        np.testing.assert_allclose(curve, errors, rtol=1e-11)
    clean = found["task3"]["clean_error_by_rank"]
    assert str(found["task3"]["best_rank"]) == min(clean, key=clean.get)


def test_ranks_and_bounds(found, data):
    two, alpha = found["task2"], data.pixels[..., 3]
    assert two["matrix_rank"] == np.linalg.matrix_rank(data.A)
    assert two["always_transparent_pixels"] == int((alpha == 0).all(axis=0).sum()) > 0
    assert two["rank_bound"] == min(1728 - 3 * two["always_transparent_pixels"], 40)
    U, s, Vt = np.linalg.svd(data.A, full_matrices=False)
    for rank in SMALL["ranks"]:
        truncated = np.linalg.norm(data.A - (U[:, :rank] * s[:rank]) @ Vt[:rank])
        assert two["svd_error_by_rank"][str(rank)] == pytest.approx(truncated, rel=1e-12)
        assert two["error_by_rank"][str(rank)] > truncated
        ratio = rank * (1728 + 40) / (1728 * 40)
        assert two["storage_ratio_by_rank"][str(rank)] == pytest.approx(ratio, rel=1e-15)
    assert two["smallest_entry"] >= 0
    assert two["largest_increase"] == 0


def test_transparent_pixels_bound_the_rank():
    pixels = np.random.default_rng(0).integers(1, 256, (10, 2, 2, 4)).astype(np.uint8)
    pixels[:, 0] = 0
    pixels[:9, 1, 0] = 0
    found = matrix_numbers(datasets.Dataset("x", images.to_matrix(pixels), pixels))
    assert found["always_transparent_pixels"] == 2
    assert found["rank_bound"] == 2 * 2 * 3 - 3 * 2
    assert found["zero_rows"] == 6


def test_the_svd_of_the_noisy_images_is_the_one_it_claims(found, data):
    noisy = images.add_noise(data.A, 0.1, seed=1)
    U, s, Vt = np.linalg.svd(noisy, full_matrices=False)
    for rank in SMALL["ranks"]:
        truncated = (U[:, :rank] * s[:rank]) @ Vt[:rank]
        svd = found["task3"]["svd"]
        expected = np.linalg.norm(data.A - truncated), np.linalg.norm(noisy - truncated)
        given = svd["clean_error_by_rank"][str(rank)], svd["fit_error_by_rank"][str(rank)]
        assert given == pytest.approx(expected, rel=1e-11)


def test_likeness_is_scikit_images_on_what_is_seen(found, data):
    noisy = images.add_noise(data.A, 0.1, seed=1)
    alpha = images.opacity(data.pixels)
    truth, seen = (images.over(images.to_images(A, (24, 24, 3)), alpha) for A in (data.A, noisy))
    one_by_one = [
        structural_similarity(x, y, data_range=1.0, channel_axis=-1)
        for x, y in zip(truth, seen, strict=True)
    ]
    given = found["task3"]["noisy_likeness"]
    assert given["ssim"] == pytest.approx(np.mean(one_by_one), rel=1e-12)
    assert given["psnr"] == pytest.approx(peak_signal_noise_ratio(truth, seen, data_range=1.0))
    assert psnr(truth, truth) is None
    assert ssim(truth, truth) == pytest.approx(1.0, abs=1e-15)
    assert ssim(truth[:, :6], truth[:, :6]) is None


def test_small_matrices():
    settings = StudySettings("sprites", backend="numpy", max_iter=300)
    one = study_properties(Runs(settings)).numbers
    assert min(one["non_negative"]["smallest_entry"].values()) >= 0
    assert one["zero_start"]["non_zeros_with_delta"] == 0
    assert one["zero_start"]["without_delta_all_nan"]
    assert one["zero_start"]["non_zeros_in_zero_component"] == 0
    assert "W0 is zero everywhere" in one["zero_start"]["refusal"]
    assert {name: c["rank"] for name, c in one["convergence"].items()} == {"A3": 2, "A4": 3}
    for name, rank in (("A1", 1), ("A1", 2), ("A2", 1), ("A2", 2)):
        for seed, run in enumerate(one["two_starts"][name][rank]["runs"]):
            *_, errors = reference_nmf(MATRICES[name], rank, seed=seed, max_iter=300)
            assert run["error"] == pytest.approx(errors[-1], rel=1e-9, abs=1e-14)
    alike = {
        key: {what: value <= settings.alike for what, value in found["difference"].items()}
        for name, by_rank in one["two_starts"].items()
        for key, found in ((f"{name} {rank}", found) for rank, found in by_rank.items())
    }
    both, product, scaled = {"error", "product"}, "product", "scaled_factors"
    assert not alike["A1 1"][product]
    assert all(alike["A2 1"][what] for what in {*both, scaled})
    assert all(alike["A1 2"][what] for what in {*both, scaled})
    assert alike["A2 2"][product]
    assert not alike["A2 2"][scaled]
    assert sorted(one["films"]["genre_of_film"]) == [0, 0, 0, 1, 1, 1]


def test_factors_are_compared_up_to_scale_and_order():
    settings = StudySettings("sprites", backend="numpy", max_iter=20)
    run = Runs(settings).factorize_ranks(MATRICES["A4"], [2], "x")[2]
    scales = np.array([3.0, 0.2])
    other = type(run)(
        **{**vars(run), "W": (run.W * scales)[:, ::-1], "H": (run.H / scales[:, None])[::-1]}
    )
    assert scaled_difference(run, other) < 1e-14
    bent = type(run)(**{**vars(run), "W": run.W + 0.1 * np.eye(3, 2)})
    assert scaled_difference(run, bent) > 1e-3


def test_the_bound_of_a_full_rank_is_zero():
    values = np.array([3.0, 1.0, 1e-17])
    assert svd_error(values, 1) == 1.0
    assert svd_error(values, 2) == 0.0
    assert svd_error(values, 5) == 0.0


def test_rare_pixels_are_those_of_few_images():
    pixels = np.zeros((100, 2, 1, 4), dtype=np.uint8)
    pixels[:4, 0, 0] = (255, 0, 0, 255)
    pixels[:50, 1, 0] = (0, 255, 0, 255)
    rare = rare_pixels(pixels)
    assert rare[:4, 0].all()
    assert not rare[4:].any()
    assert not rare[:, 1].any()


def test_a_second_study_runs_nothing_again(out, counted):
    before = (out / "study.json").read_text()
    left = [out / ".study.json.0123456789abcdef", out / "figures/.1a-x.svg.0123456789abcdef"]
    for path in left:  # by one that was killed hours ago
        path.write_text("{")
        os.utime(path, (1e9, 1e9))
    done = command("sprites", "--n-images", 40, "--ranks", "2,4,8", "--max-iter", 30,
                   "--backend", "numpy", "--out", out)  # fmt: skip
    assert counted == []
    assert (out / "study.json").read_text() == before
    assert f"{out / 'report.html'} written" in done.stdout
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sigma": 0.2}, 3),
        ({"noise_seed": 5}, 3),
        ({"seed": 7}, 6),
        ({"max_iter": 31}, 6),
        ({"delta": 1e-8}, 6),
        ({"dtype": "float32"}, 6),
        ({"n_images": 41}, 6),
        ({"ranks": (2, 3)}, 2),
        ({}, 0),
    ],
)
def test_what_changes_is_run_again(out, counted, tmp_path, change, expected):
    shutil.copytree(out / "runs", tmp_path, dirs_exist_ok=True)
    settings = StudySettings("sprites", **{**SMALL, **change})
    kept = Runs(settings, tmp_path)
    study_denoising(kept, study_images(kept, settings.load()))
    assert len(counted) == expected


def test_another_backend_is_run_again(out, tmp_path, counted):
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    settings = StudySettings("sprites", **{**SMALL, "backend": "jax", "ranks": (2,)})
    shutil.copytree(out / "runs", tmp_path, dirs_exist_ok=True)
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
