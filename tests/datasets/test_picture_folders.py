"""A folder of pictures says what of it was not read, and is read in the order that is meant."""

import numpy as np
import pytest
from PIL import Image

from nmf_accel.datasets import DatasetError, load


def save(path, value=1):
    Image.fromarray(np.full((2, 3), value, np.uint8)).save(path)


@pytest.mark.parametrize(("count", "words"), [(1, "1 folder"), (3, "3 folders")])
def test_folders_in_it_are_counted(tmp_path, count, words):
    save(tmp_path / "x.png")
    (tmp_path / "a.csv").touch()
    for k in range(count):
        (tmp_path / f"class{k}.png").mkdir()
    said = load(str(tmp_path)).said
    assert f"{words} passed over" in said
    assert "1 other file passed over" in said


def test_one_without_pictures_says_what_it_holds(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no images \(.bmp.*\): it is empty$"):
        load(str(tmp_path))
    (tmp_path / "sub").mkdir()
    for name in ("a.npy", "b.npy", "c.wav", "README"):
        (tmp_path / name).touch()
    told = r"\), but 1 folder, 1 without an ending, 2 .npy, 1 .wav; give one of these$"
    with pytest.raises(DatasetError, match=told):
        load(str(tmp_path))


def test_numbers_in_names_count_as_numbers(tmp_path):
    for k in (10, 2, 1, 33):
        save(tmp_path / f"frame{k}.png", k)
    found = load(str(tmp_path))
    assert found.samples.tolist() == [f"frame{k}.png" for k in (1, 2, 10, 33)]
    assert found.pixels[:, 0, 0, 0].tolist() == [1, 2, 10, 33]


def test_an_empty_picture_is_called_empty(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    with pytest.raises(DatasetError, match=r"b.png cannot be read as an image: it is empty$"):
        load(str(tmp_path))


def test_bitmaps_of_netpbm_are_pictures(tmp_path):
    (tmp_path / "x.pbm").write_bytes(b"P1\n2 1\n1 0\n")
    for source in (tmp_path, tmp_path / "x.pbm"):
        assert load(str(source)).A[:, 0].tolist() == [0, 1]
