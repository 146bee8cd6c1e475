"""Pictures of rare kinds are right, and what is assumed of them is said."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from nmf_accel.datasets import load

RNG = np.random.default_rng(0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grey_png(bits, row, width, key):
    """A PNG of one row, in which one grey is transparent."""
    header = struct.pack(">IIBBBBB", width, 1, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", struct.pack(">H", key)))
    body = ((b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*x) for x in (*chunks, *body))


@pytest.mark.parametrize(
    ("bits", "row", "greys"),
    [
        (1, [0b01100000], [0, 1, 1, 0]),
        (2, [0b00011011], [0, 1, 2, 3]),
        (4, [0x0F, 0x84], [0, 15, 8, 4]),
        (8, [0, 200, 7, 255], [0, 200, 7, 255]),
    ],
)
def test_a_transparent_grey_of_few_bits(tmp_path, bits, row, greys):
    (tmp_path / "a.png").write_bytes(grey_png(bits, bytes(row), 4, greys[1]))
    found = load(str(tmp_path / "a.png"))
    shown = np.array(greys) != greys[1]
    np.testing.assert_array_equal(found.opacity[0, 0], shown)
    np.testing.assert_allclose(found.A[:, 0], greys * shown / (2**bits - 1))


@pytest.mark.parametrize("hidden", [0, 9])
def test_colours_that_do_not_show_are_zero_and_that_is_said(tmp_path, hidden):
    pixels = np.array([[[1, 2, 3, 255], [hidden, 0, 0, 0]]], np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
        pixels[0, 1] = 0
    found = load(str(tmp_path))
    assert found.pixels[:, 0, 1].tolist() == [[0, 0, 0, 0]] * 2
    said = "colours of opacity 0 set to 0 in 1 of 2 pictures"
    assert (said in found.said) == (hidden > 0)
    said_of_one = "colours of opacity 0 set to 0" in load(str(tmp_path / "a.png")).said
    assert said_of_one == (hidden > 0)


@pytest.mark.parametrize("metadata", [None, {}])
@pytest.mark.parametrize("count", [3, 4])
def test_frames_that_tifffile_calls_colours_are_told(tmp_path, count, metadata):
    stack = RNG.integers(0, 256, (count, 8, 9), dtype=np.uint8)
    options = {"photometric": "rgb", "planarconfig": "separate", "metadata": metadata}
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    found = load(str(tmp_path / "a.tif"))
    assert found.A.shape[1] == 1
    assert f"axes SYX of {count} × 8 × 9: one sample, colours along S" in found.said


def test_a_palette_of_two_colours_in_a_tiff(tmp_path):
    bits = RNG.integers(0, 2, (3, 8)).astype(np.uint8)
    colours = np.array([[10, 200], [20, 100], [30, 50]], "<u2") * 257
    data, table = np.packbits(bits, axis=1).tobytes(), colours.tobytes()
    at = 8 + len(data)
    tags = [(256, 4, 1, 8), (257, 4, 1, 3), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 3)]
    tags += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 3), (279, 4, 1, 3), (320, 3, 6, at)]
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *x) for x in tags)
    head = b"II*\0" + struct.pack("<I", at + len(table))
    (tmp_path / "a.tif").write_bytes(head + data + table + entries + b"\0\0\0\0")
    found = load(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(found.pixels[0], (colours >> 8).T[bits])


def test_a_picture_that_pillow_would_call_a_bomb_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.fromarray(np.full((6, 7), 5, np.uint8)).save(tmp_path / "a.png")
    assert load(str(tmp_path / "a.png")).A.shape == (42, 1)
    assert Image.MAX_IMAGE_PIXELS == 10
