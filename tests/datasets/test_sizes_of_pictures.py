"""Pictures of different sizes are named or brought to one, and folders are gone through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage import data as skimage_data

from nmf_accel.datasets import DatasetError, load

SIDES = st.tuples(st.integers(1, 6), st.integers(1, 6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory


class TestSizes:
    @pytest.fixture
    def two_sizes(self, tmp_path):
        Image.fromarray(skimage_data.astronaut()[:100, :200]).save(tmp_path / "a.png")
        Image.fromarray(skimage_data.astronaut()[200:500, :150]).save(tmp_path / "b.png")
        return str(tmp_path)

    def test_the_first_two_are_named_and_the_cure(self, two_sizes):
        with pytest.raises(DatasetError) as caught:
            load(two_sizes)
        assert str(caught.value) == (
            f"{two_sizes}/b.png is 150 × 300 pixels, but a.png is 200 × 100; "
            "bring them to one size by --size 64x64 (size=(64, 64))"
        )

    def test_they_are_brought_to_a_size(self, two_sizes):
        found = load(two_sizes, size=(20, 10))
        assert found.image_shape == (10, 20, 3)
        assert found.said[0] == "resized to 20 × 10 pixels, not all in proportion"
        means = skimage_data.astronaut()[:100, :200].reshape(10, 10, 20, 10, 3).mean((1, 3))
        assert np.abs(found.pixels[0].astype(float) - means).mean() < 6
        alone = load(f"{two_sizes}/a.png", size=(20, 10))
        assert alone.said[0] == "resized to 20 × 10 pixels"
        np.testing.assert_array_equal(alone.pixels, found.pixels[:1])

    @given(
        SIDES.flatmap(lambda sides: arrays(np.uint16, sides)),
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
    )
    def test_no_value_leaves_the_range_of_the_picture(self, folder, pixels, size):
        path = folder.mktemp("sizes") / "a.png"
        Image.fromarray(pixels).save(path)
        found = load(str(path), size=size)
        assert found.image_shape == (size[1], size[0], 1)
        assert pixels.min() <= found.pixels.min()
        assert found.pixels.max() <= pixels.max()

    def test_a_picture_of_that_size_is_left_as_it_is(self, two_sizes):
        found = load(f"{two_sizes}/a.png", size=(200, 100))
        np.testing.assert_array_equal(found.pixels, load(f"{two_sizes}/a.png").pixels)
        assert found.said == ("uint8 pixels, divided by 255",)

    def test_hidden_colour_does_not_bleed(self, tmp_path):
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[:, :4] = (200, 0, 0, 255)
        pixels[:, 4:] = (0, 255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        found = load(str(tmp_path), size=(3, 3)).pixels
        assert (found[..., 3] < 255).any()
        assert set(found[found[..., 3] > 0][:, 0]) == {200}
        assert found[..., 1].max() == 0

    @pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), 64, (4, 4, 4), ("4", "4"), (2.5, 3)])
    def test_a_size_that_is_none_is_refused(self, two_sizes, size):
        with pytest.raises(DatasetError, match=r"size is .*; give width and height in pixels"):
            load(two_sizes, size=size)


class TestFolder:
    def test_what_is_hidden_is_passed_over_and_other_files_are_counted(self, tmp_path):
        Image.fromarray(np.ones((2, 2), np.uint8)).save(tmp_path / "x.png")
        for name in ("._x.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
            (tmp_path / name).write_bytes(b"no picture")
        (tmp_path / ".git").mkdir()
        found = load(str(tmp_path))
        assert found.samples.tolist() == ["x.png"]
        assert not [words for words in found.said if "passed over" in words]
        (tmp_path / "notes.txt").write_text("one")
        assert "1 other file passed over" in load(str(tmp_path)).said
        (tmp_path / "more.txt").write_text("two")
        assert "2 other files passed over" in load(str(tmp_path)).said

    def test_a_link_to_nowhere_is_named(self, tmp_path):
        (tmp_path / "a.png").symlink_to(tmp_path / "none.png")
        with pytest.raises(DatasetError, match=r"a.png cannot be read as an image: .*No such file"):
            load(str(tmp_path))

    def test_the_content_counts_and_not_the_ending(self, tmp_path):
        Image.fromarray(np.full((2, 2), 7, np.uint8)).save(tmp_path / "a.png", format="TIFF")
        Image.fromarray(np.full((2, 2), 9, np.uint8)).save(tmp_path / "b.tif", format="PNG")
        np.testing.assert_array_equal(load(str(tmp_path)).A[0] * 255, [7, 9])
