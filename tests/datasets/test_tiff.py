"""TIFF files keep every depth, page, axis and orientation, and their colours are right."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps
from skimage import data as skimage_data

from nmf_accel.datasets import DatasetError, load

RNG = np.random.default_rng(0)
FINITE = {"allow_nan": False, "allow_infinity": False}
ORIENTATION = 274


def write(path, pixels, **options):
    tifffile.imwrite(path, pixels, **options)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory


def stacks(dtype, **elements):
    # A side of 1 at the end is none to tifffile: it writes (3, 4, 1) as one picture of 3 × 4.
    shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 5))
    return shapes.flatmap(
        lambda shape: arrays(dtype, shape, elements=elements if dtype.startswith("f") else None)
    )


class TestDepths:
    @pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i2", "i4"])
    @given(st.data())
    def test_integers_are_divided_by_their_largest(self, folder, dtype, data):
        stack = data.draw(stacks(dtype))
        path = write(folder.mktemp("t") / "a.tif", stack, photometric="minisblack")
        found = load(path)
        np.testing.assert_array_equal(found.pixels[..., 0], stack)
        most = np.iinfo(dtype).max
        np.testing.assert_array_equal(found.A, stack.reshape(len(stack), -1).T / float(most))
        assert f"{np.dtype(dtype)} pixels, divided by {most:,}" in found.said

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @given(st.data())
    def test_floats_stay_as_they_are(self, folder, dtype, data):
        stack = data.draw(stacks(dtype, **FINITE))
        path = write(folder.mktemp("t") / "a.tif", stack, photometric="minisblack")
        found = load(path)
        assert found.A.dtype == dtype
        np.testing.assert_array_equal(found.A, stack.reshape(len(stack), -1).T)
        assert found.said == (f"{np.dtype(dtype)} pixels, as they are",)

    @pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
    @pytest.mark.parametrize("dtype", [bool, "u1", "u2"])
    def test_where_zero_is_white_it_is_1(self, path, photometric, dtype):
        pixels = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
        found = load(write(path, pixels, photometric=photometric))
        most = 1 if dtype is bool else np.iinfo(dtype).max
        shares = pixels / float(most)
        expected = shares if photometric == "minisblack" else (most - pixels.astype(int)) / most
        np.testing.assert_array_equal(found.A[:, 0], expected.ravel())

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_white_of_fewer_bits_is_white(self, path, bits):
        pixels = np.array([[0, 5, 2**bits - 1]], np.uint16)
        found = load(write(path, pixels, photometric="minisblack", bitspersample=bits))
        np.testing.assert_array_equal(found.A[:, 0], pixels[0] / (2**bits - 1))
        assert found.said == (f"uint16 pixels, divided by {2**bits - 1:,}",)

    def test_floats_and_integers_have_no_common_scale(self, tmp_path):
        write(tmp_path / "a.tif", np.ones((2, 2), "u1"))
        write(tmp_path / "b.tif", np.ones((2, 2), "f4"))
        with pytest.raises(DatasetError, match=r"b.tif has float32 pixels, as they are, but a.tif"):
            load(str(tmp_path))

    def test_complex_pixels_are_refused(self, path):
        with pytest.raises(DatasetError, match=r"complex64 pixels; save their real part"):
            load(write(path, np.ones((2, 2), "c8")))


class TestColours:
    @pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
    @pytest.mark.parametrize("planar", ["contig", "separate"])
    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    def test_colours_however_they_are_stored(self, path, compression, planar, dtype):
        pixels = (skimage_data.astronaut()[:30, :40] / 255.0).astype("f4")
        if dtype != "f4":
            pixels = (pixels * np.iinfo(dtype).max).astype(dtype)
        stored = np.moveaxis(pixels, 2, 0) if planar == "separate" else pixels
        options = {"photometric": "rgb", "planarconfig": planar, "compression": compression}
        found = load(write(path, stored, **options))
        np.testing.assert_array_equal(found.pixels[0], pixels)
        assert found.image_shape == (30, 40, 3)

    @pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
    def test_8_bits_are_what_pillow_makes_of_them(self, path, mode):
        rgba = np.dstack([skimage_data.astronaut()[:30, :40], RNG.integers(0, 3, (30, 40)) * 127])
        image = Image.fromarray(rgba.astype(np.uint8))
        image = image.convert("RGB").convert(mode) if "A" not in mode[1:] else image.convert(mode)
        if mode == "LAB":
            image = Image.merge("LAB", image.convert("RGB").split())
        image.save(path)
        with Image.open(path) as again:
            pixels = np.asarray(again.convert("RGBA"))
        expected = np.where(pixels[..., 3:] > 0, pixels, 0)[..., :3]
        found = load(str(path))
        colours = found.image_shape[2]
        assert colours == (1 if mode in ("L", "LA") else 3)
        np.testing.assert_array_equal(found.A[:, 0], expected[..., :colours].ravel() / 255.0)
        np.testing.assert_array_equal(found.opacity[0], pixels[..., 3] / 255.0)

    def test_a_photograph_compressed_as_jpeg(self, path):
        Image.fromarray(skimage_data.astronaut()[:64, :48]).save(path, compression="jpeg")
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(load(str(path)).pixels[0], expected)

    def test_cmyk_is_pillow_s_for_every_pair_of_ink_and_black(self, path):
        ink, black = np.mgrid[:256, :256].astype(np.uint8)
        cmyk = np.dstack([ink, ink[::-1], black.T, black])
        found = load(write(path, cmyk, photometric="separated"))
        expected = np.asarray(Image.frombytes("CMYK", (256, 256), cmyk.tobytes()).convert("RGB"))
        np.testing.assert_array_equal(found.pixels[0], expected)
        deep = load(write(path, cmyk.astype("u2") * 257, photometric="separated"))
        assert deep.pixels.dtype == np.uint16
        np.testing.assert_allclose(deep.A, found.A, atol=0.6 / 255)

    @pytest.mark.parametrize("white", [255, 65535])
    def test_a_palette_of_either_scale(self, path, white):
        colours = RNG.integers(0, 256, (3, 256)) * (white // 255)
        codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
        colormap = colours.astype("u2")
        found = load(write(path, codes, photometric="palette", colormap=colormap))
        expected = (colours // (white // 255))[:, codes].transpose(1, 2, 0)
        np.testing.assert_array_equal(found.pixels[0], expected)

    def test_colours_that_were_multiplied_with_the_opacity(self, path):
        pixels = np.array([[[100, 50, 0, 128], [200, 0, 0, 255], [9, 9, 9, 0]]], np.uint8)
        found = load(write(path, pixels, photometric="rgb", extrasamples=["assocalpha"]))
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGBA"))[..., :3] * (pixels[..., 3:] > 0)
        np.testing.assert_array_equal(found.pixels[0, ..., :3], expected)
        assert found.pixels[0, 0, 0, 0] == 199

    def test_opacity_of_fewer_bits_than_its_dtype(self, path):
        pixels = np.array([[[1023, 1023], [7, 341]]], np.uint16)
        options = {"planarconfig": "contig", "extrasamples": ["unassalpha"], "bitspersample": 10}
        found = load(write(path, pixels, photometric="minisblack", **options))
        np.testing.assert_array_equal(found.opacity.ravel(), [1, 341 / 1023])
        np.testing.assert_array_equal(found.A[:, 0], [1, 7 / 1023])
        assert found.said == ("uint16 pixels, divided by 1,023",)

    def test_a_fourth_sample_of_no_meaning_is_told(self, path):
        pixels = RNG.integers(0, 256, (3, 4, 4), dtype=np.uint8)
        found = load(write(path, pixels, photometric="rgb", extrasamples=["unspecified"]))
        np.testing.assert_array_equal(found.pixels[0], pixels[..., :3])
        assert "1 samples of a pixel beyond RGB, left out" in found.said

    def test_bands_of_a_satellite_are_features(self, path):
        pixels = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
        found = load(write(path, pixels, photometric="minisblack", planarconfig="contig"))
        assert found.image_shape == (3, 4, 5)
        np.testing.assert_array_equal(found.A[:, 0], pixels.ravel() / 255.0)

    def test_raw_pixels_of_a_camera_are_refused(self, path):
        with pytest.raises(DatasetError, match="its pixels are CFA, which is not read"):
            load(write(path, np.ones((4, 4), "u2"), photometric="cfa"))


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("metadata", [None, {}])
    def test_every_page_is_upright(self, path, orientation, metadata):
        pixels = RNG.integers(0, 256, (2, 5, 7), dtype=np.uint8)
        tags = [(ORIENTATION, "H", 1, orientation, metadata is not None)]
        write(path, pixels, extratags=tags, metadata=metadata, photometric="minisblack")
        found = load(str(path))
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        for k in range(2):
            out = io.BytesIO()
            Image.fromarray(pixels[k]).save(out, "PNG", exif=exif)
            upright = np.asarray(ImageOps.exif_transpose(Image.open(out)))
            np.testing.assert_array_equal(found.pixels[k, ..., 0], upright)

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_what_pillow_reads_is_turned_once(self, path, orientation):
        image = Image.fromarray(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)).convert("YCbCr")
        image.save(path, tiffinfo={ORIENTATION: orientation})
        with Image.open(path) as again:
            expected = np.asarray(again.convert("RGB"))
        np.testing.assert_array_equal(load(str(path)).pixels[0], expected)


class TestAxes:
    def test_the_pages_of_scikit_image(self):
        found = load(f"{skimage_data.__path__[0]}/multipage.tif")
        expected = tifffile.imread(f"{skimage_data.__path__[0]}/multipage.tif")
        np.testing.assert_array_equal(found.pixels[..., 0], expected)
        assert found.samples.tolist() == ["frame 0", "frame 1"]
        colour = load(f"{skimage_data.__path__[0]}/multipage_rgb.tif")
        assert colour.image_shape[2] == 3

    @pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}])
    def test_channels_are_features_and_other_axes_samples(self, tmp_path, kind):
        pixels = RNG.integers(0, 2**16, (2, 3, 4, 5, 6), dtype=np.uint16)
        axes = {"metadata": {"axes": "TZCYX"}, "photometric": "minisblack"}
        found = load(write(tmp_path / "a.tif", pixels, **axes, **kind))
        assert found.image_shape == (5, 6, 4)
        expected = pixels.reshape(6, 4, 5, 6).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(found.pixels, expected)
        np.testing.assert_array_equal(found.A, expected.reshape(6, -1).T / 65535.0)
        assert "axes TZCYX of 2 × 3 × 4 × 5 × 6: samples along T, Z, channels along C" in found.said

    def test_channels_before_time(self, path):
        pixels = RNG.integers(0, 256, (3, 4, 5, 6), dtype=np.uint8)
        write(path, pixels, ome=True, metadata={"axes": "CTYX"}, photometric="minisblack")
        found = load(str(path))
        np.testing.assert_array_equal(found.pixels, pixels.transpose(1, 2, 3, 0))

    @pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (1, 5), (5, 1)])
    def test_pictures_of_one_row_or_column(self, path, shape):
        pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
        found = load(write(path, pixels, photometric="minisblack"))
        np.testing.assert_array_equal(found.pixels.ravel(), pixels.ravel())
        assert found.A.shape == (pixels.size, 1)

    def test_series_of_one_shape_follow_each_other(self, path):
        pixels = RNG.integers(0, 256, (5, 3, 4), dtype=np.uint8)
        with tifffile.TiffWriter(path) as writer:
            writer.write(pixels[:2], photometric="minisblack")
            writer.write(pixels[2:], photometric="minisblack")
        np.testing.assert_array_equal(load(str(path)).pixels[..., 0], pixels)

    @pytest.mark.parametrize("metadata", [None, {}])
    def test_series_of_two_shapes_are_named(self, path, metadata):
        with tifffile.TiffWriter(path) as writer:
            writer.write(np.ones((3, 4), "u1"), metadata=metadata)
            writer.write(np.ones((5, 6), "u1"), metadata=metadata)
        told = r"a.tif: frame 1 is 6 × 5 pixels, but frame 0 is 4 × 3; .*--size 64x64"
        with pytest.raises(DatasetError, match=told):
            load(str(path))
        assert load(str(path), size=(4, 3)).A.shape == (12, 2)

    def test_pages_stay_in_their_order_whatever_their_size(self, path):
        with tifffile.TiffWriter(path) as writer:
            for side, value in ((3, 10), (6, 20), (3, 30)):
                writer.write(np.full((side, side), value, "u1"), metadata=None)
        np.testing.assert_array_equal(load(str(path), size=(3, 3)).pixels[:, 0, 0, 0], [10, 20, 30])

    def test_thumbnails_are_passed_over(self, path):
        with tifffile.TiffWriter(path) as writer:
            writer.write(np.full((6, 8), 9, "u1"), metadata=None)
            writer.write(np.full((3, 4), 9, "u1"), metadata=None, subfiletype=1)
        found = load(str(path))
        assert found.A.shape == (48, 1)
        assert "1 thumbnails or masks passed over" in found.said

    def test_frames_in_a_folder_are_numbered(self, tmp_path):
        write(tmp_path / "b.tif", np.ones((2, 3, 4), "u1"), photometric="minisblack")
        write(tmp_path / "a.tif", np.ones((3, 4), "u1"))
        assert load(str(tmp_path)).samples.tolist() == ["a.tif", "b.tif#0", "b.tif#1"]

    @pytest.mark.parametrize("dtype", ["f4", "f8", "u4"])
    def test_resized_values_stay_in_their_range(self, path, dtype):
        pixels = (RNG.random((17, 13)) * 4000).astype(dtype)
        found = load(write(path, pixels), size=(5, 6))
        assert found.pixels.dtype == dtype
        assert pixels.min() <= found.pixels.min()
        assert found.pixels.max() <= pixels.max()
        assert found.pixels.mean() == pytest.approx(pixels.mean(), rel=0.1)

    def test_constant_floats_stay_constant(self, path):
        found = load(write(path, np.full((9, 7), 0.375, "f4")), size=(4, 4))
        np.testing.assert_allclose(found.A, 0.375, rtol=1e-6)
