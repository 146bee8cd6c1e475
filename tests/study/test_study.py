"""The study's numbers are the oracle's, and its figures and files are there."""

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner
from reference import reference_nmf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from nmf_accel import datasets
from nmf_accel.cli import main
from nmf_accel.datasets import images
from nmf_accel.study import (
    StudySettings,
    run_study,
)
from nmf_accel.study.image_tasks import matrix_numbers, rare_pixels
from nmf_accel.study.likeness import psnr, ssim
from nmf_accel.sweeps import Packing

SMALL = {"n_images": 40, "ranks": (2, 4, 8), "max_iter": 30, "backend": "numpy"}
PLOTS = [
    "1g-convergence",
    "2b-singular-values",
    "2e-error-by-iteration",
    "2f-error-by-rank",
    "3c-beside-svd",
    "3c-error-by-rank",
    "3c-held-out",
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
    "3b-reconstructions",
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


def test_every_figure_is_there_and_plots_are_there_twice(out):
    files = sorted(path.name for path in (out / "figures").iterdir())
    assert files == sorted(
        [f"{name}.png" for name in PLOTS + PICTURES] + [f"{name}.svg" for name in PLOTS]
    )
    page = (out / "report.html").read_text()
    assert "The two need not agree" in page
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
    assert two["always_opaque_pixels"] == int((alpha == 255).all(axis=0).sum()) > 0
    about_mean = data.A - data.A.mean(axis=1)[:, None]
    assert two["mean_image_error"] == pytest.approx(np.linalg.norm(about_mean), rel=1e-12)
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


def test_beside_what_was_held_out_distances_are_those_of_an_entry(found, data):
    noisy, three = images.add_noise(data.A, 0.1, seed=1), found["task3"]
    entries = 40 * (noisy > 0).any(axis=1).sum()
    noise = np.linalg.norm(noisy - data.A) / np.sqrt(entries)
    assert three["noise_per_entry"] == pytest.approx(noise, rel=1e-12)
    for rank, clean in three["clean_error_by_rank"].items():
        per_entry = three["clean_error_per_entry_by_rank"][rank]
        assert per_entry == pytest.approx(clean / np.sqrt(entries), rel=1e-12)
    assert three["cross_validation"]["rank"] in SMALL["ranks"]


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


def test_rare_pixels_are_those_of_few_images():
    pixels = np.zeros((100, 2, 1, 4), dtype=np.uint8)
    pixels[:4, 0, 0] = (255, 0, 0, 255)
    pixels[:50, 1, 0] = (0, 255, 0, 255)
    rare = rare_pixels(pixels)
    assert rare[:4, 0].all()
    assert not rare[4:].any()
    assert not rare[:, 1].any()


def test_a_second_study_runs_nothing_again(out, monkeypatch):
    before = (out / "study.json").read_text()
    left = [out / ".study.json.0123456789abcdef", out / "figures/.1a-x.svg.0123456789abcdef"]
    for path in left:  # by one that was killed hours ago
        path.write_text("{")
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(Packing, "start", lambda *_: pytest.fail("it was run again"))
    done = command("sprites", "--n-images", 40, "--ranks", "2,4,8", "--max-iter", 30,
                   "--backend", "numpy", "--out", out)  # fmt: skip
    assert (out / "study.json").read_text() == before
    assert f"{out / 'report.html'} written" in done.stdout
    assert not any(path.exists() for path in left)
