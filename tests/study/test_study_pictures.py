"""The study takes pictures of one channel, of several, of 16 bits and of floats."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data as skimage_data

from nmf_accel.study import StudySettings, run_study
from nmf_accel.study.image_tasks import matrix_numbers, rare_pixels
from nmf_accel.study.words.images import how_columns_are_made, rank_and_bound

SMALL = {"ranks": (2, 3), "max_iter": 5, "backend": "numpy"}


def parts_of(photograph, count=8, side=12):
    starts = np.random.default_rng(0).integers(0, 400, (count, 2))
    return np.stack([photograph[y : y + side, x : x + side] for y, x in starts])


def studied(source, out):
    run_study(StudySettings(str(source), tasks=(2, 3), **SMALL), out)
    return json.loads((out / "study.json").read_text()), (out / "report.html").read_text()


def test_a_folder_of_grey_pictures(tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    pictures = parts_of(skimage_data.camera())
    for k, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{k}.png")
    found, page = studied(folder, tmp_path / "out")
    assert found["task2"]["shape"] == [144, 8]
    assert found["task2"]["norm"] == pytest.approx(np.linalg.norm(pictures / 255.0))
    assert "has 12 × 12 pixels with grey. The values (uint8 pixels, divided by 255)" in page
    assert found["task3"]["noisy_likeness"]["ssim"] < 1


@pytest.mark.parametrize(("dtype", "channels"), [("u2", 1), ("f4", 1), ("u2", 2), ("f8", 5)])
def test_a_stack_is_studied_on_the_scale_of_its_largest_value(tmp_path, dtype, channels):
    stack = parts_of(skimage_data.camera().astype(dtype)) * 7
    stack = np.stack([stack] * channels, axis=1)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", ome=True,
                     metadata={"axes": "TCYX"})  # fmt: skip
    found, page = studied(tmp_path / "a.tif", tmp_path / "out")
    A = stack / stack.max()
    assert found["task2"]["norm"] == pytest.approx(np.linalg.norm(A), rel=1e-6)
    assert "divided by their maximum" in page
    assert ("Pictures show the mean of the channels." in page) == (channels > 1)


def test_missing_values_are_refused(tmp_path):
    stack = np.ones((3, 8, 8), "f4")
    stack[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    with pytest.raises(ValueError, match=r"a.tif lacks 1 values \(NaN\), and the study needs all"):
        StudySettings(str(tmp_path / "a.tif")).load()


def test_transparent_grey_is_one_row_of_zeros(tmp_path):
    for k in range(3):
        pixels = np.full((2, 2, 2), 200 + k, np.uint8)
        pixels[0, 0, 1] = 0
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    found = matrix_numbers(StudySettings(str(tmp_path)).load())
    assert found["rank_bound"] == 3 == min(4 - 1, 3)
    told = rank_and_bound({**found, "matrix_rank": 1})
    assert "Each is one row of zeros, so the rank is at most min(m − 1 · 1, n) = min(3, 3)" in told
    assert "pictures; uint8 pixels, divided by 255) b" in how_columns_are_made(found)


@pytest.mark.parametrize(("dtype", "channels"), [("u1", 1), ("u1", 3), ("u2", 1), ("f8", 5)])
def test_rare_pixels_of_any_depth(dtype, channels):
    pixels = np.zeros((100, 2, 1, channels), dtype)
    pixels[:4, 0, 0, -1] = 1
    pixels[:50, 1, 0, -1] = 1
    rare = rare_pixels(pixels)
    assert rare[:4, 0].all()
    assert rare.sum() == 4
