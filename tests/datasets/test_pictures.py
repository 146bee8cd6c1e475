"""Pictures that Pillow writes come back with their values, frames, orientation and opacity."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps
from skimage import data as skimage_data

from nmf_accel.datasets import load

ORIENTATION = 0x0112
RNG = np.random.default_rng(0)
SIDES = st.tuples(st.integers(1, 6), st.integers(1, 6))


def as_today(path):
    """What every picture was before: its 8-bit colours by Pillow, black where transparent."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGBA"))
    return (np.where(pixels[..., 3:] > 0, pixels, 0)[..., :3] / 255.0).ravel()


def of_shape(dtype, *channels):
    return SIDES.flatmap(lambda sides: arrays(dtype, (*sides, *channels)))


def written(tmp_path_factory, name, image, **options):
    path = tmp_path_factory.mktemp("pictures") / name
    image.save(path, **options)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory


class TestRealPictures:
    @pytest.mark.parametrize("name", ["camera", "coins", "moon"])
    def test_a_grey_photograph_has_one_row_a_pixel(self, tmp_path, name):
        grey = getattr(skimage_data, name)()
        Image.fromarray(grey).save(tmp_path / "a.png")
        found = load(str(tmp_path / "a.png"))
        assert found.A.shape == (grey.size, 1)
        np.testing.assert_array_equal(found.A[:, 0], grey.ravel() / 255.0)
        assert found.pixels.dtype == np.uint8
        assert found.image_shape == (*grey.shape, 1)
        assert found.said == ("uint8 pixels, divided by 255",)
        assert found.samples.tolist() == ["a.png"]
        assert found.features is None

    @pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"])
    def test_a_photograph_in_colour_is_what_it_was_bit_by_bit(self, tmp_path, ending):
        path = tmp_path / f"astronaut{ending}"
        Image.fromarray(skimage_data.astronaut()[:200, 100:260]).save(path)
        found = load(str(path))
        assert found.A.dtype == np.float64
        np.testing.assert_array_equal(found.A[:, 0], as_today(path))
        assert found.pixels.shape == (1, 200, 160, 3)

    def test_a_gif_of_scikit_image_has_all_its_frames(self):
        path = f"{skimage_data.__path__[0]}/no_time_for_that_tiny.gif"
        found = load(path)
        with Image.open(path) as image:
            assert found.A.shape[1] == image.n_frames > 10
            for k in (0, 7, image.n_frames - 1):
                image.seek(k)
                np.testing.assert_array_equal(
                    found.pixels[k, ..., :3], np.asarray(image.convert("RGB"))
                )
        assert found.samples[:2].tolist() == ["frame 0", "frame 1"]


class TestDepths:
    @given(of_shape(np.uint16))
    def test_grey_of_16_bits(self, folder, pixels):
        found = load(str(written(folder, "a.png", Image.fromarray(pixels))))
        assert found.pixels.dtype == np.uint16
        np.testing.assert_array_equal(found.pixels[0, ..., 0], pixels)
        np.testing.assert_array_equal(found.A[:, 0], pixels.ravel() / 65535.0)
        assert found.said == ("uint16 pixels, divided by 65,535",)

    @given(st.sampled_from([2, 3, 4]).flatmap(lambda c: of_shape(np.uint16, c)))
    def test_a_png_of_16_bits_with_channels(self, folder, pixels):
        path = folder.mktemp("deep") / "a.png"
        path.write_bytes(imagecodecs.png_encode(pixels))
        found, colours = load(str(path)), {2: 1, 3: 3, 4: 3}[pixels.shape[2]]
        shown = pixels[..., :colours]
        if colours < pixels.shape[2]:
            shown = np.where(pixels[..., -1:] > 0, shown, 0)
        np.testing.assert_array_equal(found.A[:, 0], shown.ravel() / 65535.0)

    def test_an_animated_png_of_16_bits(self, tmp_path):
        pixels = RNG.integers(0, 2**16, (3, 4, 5, 3), dtype=np.uint16)
        (tmp_path / "a.png").write_bytes(imagecodecs.apng_encode(pixels))
        np.testing.assert_array_equal(load(str(tmp_path / "a.png")).pixels, pixels)

    @given(of_shape(bool))
    def test_bits(self, folder, pixels):
        found = load(str(written(folder, "a.png", Image.fromarray(pixels))))
        np.testing.assert_array_equal(found.A[:, 0], pixels.ravel())
        assert found.said == ("1-bit pixels",)

    @pytest.mark.parametrize("bits", [2, 4])
    def test_few_bits_reach_white(self, tmp_path, bits):
        white = 2**bits - 1
        grey = Image.fromarray((np.arange(white + 1) * (255 // white)).astype(np.uint8)[None])
        grey.save(tmp_path / "a.png", bits=bits)
        assert load(str(tmp_path / "a.png")).A.max() == 1

    def test_the_transparent_grey_of_a_picture_of_16_bits(self, tmp_path):
        pixels = np.array([[7, 8], [65535, 7]], np.uint16)
        Image.fromarray(pixels).save(tmp_path / "a.png", transparency=7)
        found = load(str(tmp_path / "a.png"))
        np.testing.assert_array_equal(found.A[:, 0] * 65535, [0, 8, 65535, 0])
        np.testing.assert_array_equal(found.opacity[0], [[0, 1], [1, 0]])

    def test_two_depths_are_each_divided_by_their_own(self, tmp_path):
        Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "a.png")
        Image.fromarray(np.array([[0, 51, 65535]], np.uint16)).save(tmp_path / "b.png")
        found = load(str(tmp_path))
        np.testing.assert_array_equal(found.A.T, [[0, 0.2, 1], [0, 51 / 65535, 1]])
        assert found.said == ("uint8 pixels, divided by 255", "uint16 pixels, divided by 65,535")


class TestColours:
    @given(st.sampled_from(["RGB", "RGBA", "LA", "L"]), st.data())
    def test_what_is_written_comes_back(self, folder, mode, data):
        channels = {"L": ()}.get(mode, (len(mode),))
        pixels = data.draw(of_shape(np.uint8, *channels))
        path = written(folder, "a.png", Image.fromarray(pixels, mode=None))
        found = load(str(path))
        expected = as_today(path).reshape(-1, 3)
        np.testing.assert_array_equal(
            found.A[:, 0], (expected if len(mode) > 2 else expected[:, :1]).ravel()
        )
        if "A" in mode:
            np.testing.assert_array_equal(found.opacity[0], pixels[..., -1] / 255.0)

    def test_opacity_is_a_channel_only_where_something_shines_through(self, tmp_path):
        pixels = RNG.integers(1, 256, (2, 3, 4, 4), dtype=np.uint8)
        pixels[..., 3] = 255
        for k in range(2):
            Image.fromarray(pixels[k]).save(tmp_path / f"{k}.png")
        assert load(str(tmp_path)).pixels.shape == (2, 3, 4, 3)
        pixels[1, 0, 0, 3] = 254
        Image.fromarray(pixels[1]).save(tmp_path / "1.png")
        found = load(str(tmp_path))
        np.testing.assert_array_equal(found.pixels, pixels)
        assert found.image_shape == (3, 4, 3)

    @pytest.mark.parametrize("transparent", [False, True])
    def test_a_palette(self, tmp_path, transparent):
        image = Image.fromarray(RNG.integers(0, 256, (6, 7, 3), dtype=np.uint8)).quantize(9)
        image.save(tmp_path / "a.png", **({"transparency": 3} if transparent else {}))
        found = load(str(tmp_path / "a.png"))
        np.testing.assert_array_equal(found.A[:, 0], as_today(tmp_path / "a.png"))
        assert found.pixels.shape[3] == 3 + transparent
        assert (found.opacity == 0).any() == transparent

    def test_one_transparent_colour(self, tmp_path):
        pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(1, 2, 3))
        found = load(str(tmp_path / "a.png"))
        np.testing.assert_array_equal(found.pixels, [[[[0, 0, 0, 0], [4, 5, 6, 255]]]])

    @pytest.mark.parametrize("ending", ["png", "gif"])
    def test_a_palette_of_greys_is_grey(self, tmp_path, ending):
        grey = np.array([[10, 200, 10], [90, 90, 200]], np.uint8)
        image = Image.fromarray(grey).convert("RGB").quantize(4)
        image.save(tmp_path / f"a.{ending}", save_all=True, append_images=[image])
        found = load(str(tmp_path))
        assert found.image_shape == (2, 3, 1)
        np.testing.assert_array_equal(found.pixels[0, ..., 0], grey)

    def test_cmyk(self, tmp_path):
        cmyk = Image.fromarray(skimage_data.astronaut()[:40, :40]).convert("CMYK")
        cmyk.save(tmp_path / "a.jpg")
        found = load(str(tmp_path))
        np.testing.assert_array_equal(found.A[:, 0], as_today(tmp_path / "a.jpg"))
        assert "CMYK as RGB" in found.said

    def test_grey_among_colours_becomes_colour(self, tmp_path):
        Image.fromarray(np.array([[7, 9]], np.uint8)).save(tmp_path / "a.png")
        Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)).save(tmp_path / "b.png")
        found = load(str(tmp_path))
        np.testing.assert_array_equal(found.A[:, 0] * 255, [7, 7, 7, 9, 9, 9])
        assert "1 grey of 2 pictures made colour" in found.said


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
    def test_a_picture_is_upright(self, tmp_path, ending, orientation):
        exif, path = Image.Exif(), tmp_path / f"a.{ending}"
        exif[ORIENTATION] = orientation
        Image.fromarray(skimage_data.astronaut()[:30, 90:110]).save(path, exif=exif)
        found = load(str(tmp_path))
        with Image.open(path) as image:
            upright = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(found.pixels[0], upright)
        assert found.image_shape == ((30, 20, 3) if orientation < 5 else (20, 30, 3))
        assert ("turned upright as the file says" in found.said) == (orientation > 1)

    def test_an_orientation_that_is_none_turns_nothing(self, tmp_path):
        exif = Image.Exif()
        exif[ORIENTATION] = 77
        Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "a.png", exif=exif)
        found = load(str(tmp_path))
        assert found.image_shape == (2, 3, 1)
        assert len(found.said) == 1

    def test_damaged_exif_leaves_the_picture(self, tmp_path):
        Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "a.png", exif=b"Exif\0\0XX")
        assert "its EXIF data are damaged: not turned" in load(str(tmp_path)).said


class TestFrames:
    @pytest.mark.parametrize("ending", ["gif", "webp", "png"])
    def test_every_frame_is_a_sample(self, tmp_path, ending):
        pixels = RNG.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
        first, *rest = [Image.fromarray(frame) for frame in pixels]
        path = tmp_path / f"a.{ending}"
        first.save(path, save_all=True, append_images=rest, lossless=True)
        found = load(str(path))
        assert found.A.shape == (90, 4)
        np.testing.assert_array_equal(found.A, pixels.reshape(4, -1).T / 255.0)
        assert found.samples.tolist() == ["frame 0", "frame 1", "frame 2", "frame 3"]

    def test_frames_in_a_folder_are_numbered(self, tmp_path):
        first, second = (Image.fromarray(np.full((2, 2, 3), v, np.uint8)) for v in (9, 99))
        first.save(tmp_path / "b.png", save_all=True, append_images=[second])
        first.save(tmp_path / "a.png")
        found = load(str(tmp_path))
        assert found.samples.tolist() == ["a.png", "b.png#0", "b.png#1"]
        np.testing.assert_array_equal(found.A[0] * 255, [9, 9, 99])

    def test_a_phone_s_second_picture_is_left_out(self, tmp_path):
        first, second = (Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (9, 99))
        first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
        found = load(str(tmp_path))
        assert found.A.shape == (192, 1)
        assert "only the first of the 2 pictures of an MPO" in found.said

    def test_a_gif_without_an_end_is_told(self, tmp_path):
        first, second = (Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (9, 99))
        first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
        whole = (tmp_path / "a.gif").read_bytes()
        assert not [words for words in load(str(tmp_path)).said if "missing" in words]
        (tmp_path / "a.gif").write_bytes(whole[:-1])
        assert "a GIF without an end: frames may be missing" in load(str(tmp_path)).said
