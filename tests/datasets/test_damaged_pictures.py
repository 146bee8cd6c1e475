"""Pictures that are damaged, or claim too much, are refused in one line and at once."""

import io
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from nmf_accel.datasets import DatasetError, load
from nmf_accel.datasets.readers.images.files import read_picture

RNG = np.random.default_rng(0)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(w, h, bits, kind, *more):
    """A PNG whose header claims a size, and whose data are a few bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body + chunk(b"IEND", b"")


def gif_of(w, h, frames):
    """A GIF of that canvas, whose frames have one pixel each."""
    head = b"GIF89a" + struct.pack("<HHBBB", w, h, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return head + frame * frames + b";"


def bmp_of(w, h):
    out = io.BytesIO()
    Image.new("RGB", (1, 1)).save(out, "BMP")
    return out.getvalue()[:18] + struct.pack("<II", w, h) + out.getvalue()[26:]


BOMBS = {
    "a.png": png_of(100_000, 100_000, 8, 2),
    "b.png": png_of(13_000, 13_000, 8, 0),
    "c.png": png_of(13_000, 13_000, 16, 2),
    "d.png": png_of(1000, 1000, 8, 2, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "a.gif": gif_of(60_000, 60_000, 1),
    "b.gif": gif_of(5_000, 5_000, 500),
    "a.bmp": bmp_of(60_000, 60_000),
    "b.bmp": bmp_of(9_000, 9_000),
    "a.pgm": b"P5\n100000 100000\n255\n" + bytes(100),
    "a.ppm": b"P6\n100000 100000\n65535\n" + bytes(100),
    "a.pnm": b"P3\n100000 100000\n65535\n" + b"1 " * 100,
}


class TestDamage:
    @pytest.mark.parametrize("name", BOMBS)
    def test_a_bomb_is_one_line_within_a_second(self, tmp_path, name):
        (tmp_path / name).write_bytes(BOMBS[name])
        began = time.perf_counter()
        with pytest.raises(DatasetError) as caught:
            load(str(tmp_path / name))
        assert time.perf_counter() - began < 1
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_gif_of_few_frames_of_such_a_canvas_is_read(self, tmp_path):
        (tmp_path / "a.gif").write_bytes(gif_of(300, 200, 5))
        assert load(str(tmp_path / "a.gif")).A.shape == (300 * 200, 5)

    @pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "webp", "ppm", "tif"])
    @pytest.mark.parametrize("share", [0, 0.02, 0.3, 0.8])
    def test_a_file_that_is_cut_short_is_named(self, tmp_path, ending, share):
        path = tmp_path / f"a.{ending}"
        noise = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(
            DatasetError, match=rf"a.{ending} cannot be read( as an image: .+|: it is empty)"
        ):
            load(str(path))

    def test_what_is_no_picture_is_told_so(self, tmp_path):
        (tmp_path / "a.png").write_text("not a picture")
        with pytest.raises(DatasetError, match="it is no PNG, JPEG, BMP, GIF, WebP, TIFF or net"):
            load(str(tmp_path / "a.png"))

    def test_programs_that_look_like_pictures_are_not_run(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n")
        with pytest.raises(DatasetError, match="it is no PNG"):
            load(str(tmp_path / "a.png"))

    def test_reading_leaves_the_filters_of_warnings(self, tmp_path):
        Image.fromarray(np.ones((2, 2), np.uint8)).save(tmp_path / "a.png")
        before = list(warnings.filters)
        read_picture(tmp_path / "a.png")
        assert warnings.filters == before
