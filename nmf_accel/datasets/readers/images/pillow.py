"""Pictures that Pillow reads: PNG, JPEG, BMP, GIF and WebP, with all their frames and bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...images import white_of
from ..limits import check_growth
from .frames import Frame, Pictures, Pixels, seen, turned

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""What is looked for: other formats of Pillow's start programs, or are no pictures."""

MODES = {
    **dict.fromkeys(("1", "L", "LA", "RGB", "RGBA", "F", "I;16", "I;16L", "I;16B"), None),
    "I": None,
    "La": "LA",
    "P": "RGBA",
    "PA": "RGBA",
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
}
"""What a mode of Pillow is converted to, if it is."""

KEYED = {"1": "L", "RGB": "RGBA"}
"""What it is converted to if one colour stands for transparency."""
GREY = 0
"""The kind of PNG that is grey without opacity."""

COLOURS = {"LA": 1, "RGB": 3, "RGBA": 3}
"""How many channels of a mode are colours, where it is not one."""

BYTES = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "I;16": 2}
"""Of a pixel once it is read, where it is not 4."""

CONVERTED = {"CMYK": "CMYK as RGB", "LAB": "LAB as RGB", "HSV": "HSV as RGB"}


def read_pillow(path: Path) -> Pictures:
    """All frames of a file, upright.

    Raises
    ------
    ValueError
        If it claims to hold more than it can, or is no such picture.
    OSError, …
        Whatever Pillow raises for a damaged file.
    """
    from PIL import Image, UnidentifiedImageError

    with unlimited():
        try:
            image = Image.open(path, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError("it is no PNG, JPEG, BMP, GIF, WebP, TIFF or netpbm picture") from None
        with image:
            return _read(path, image)


@contextmanager
def unlimited() -> Iterator[None]:
    """Within it Pillow takes pictures of all sizes; `check_growth` judges what is too large."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _read(path: Path, image: Image) -> Pictures:
    """The frames of an open picture."""
    said = []
    count = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        said.append(f"only the first of the {count} pictures of an MPO")
        count = 1
    bits, kind = _bits_of_png(path, image)
    deep = bits == 16 and kind != GREY  # of which Pillow would keep 8 bits
    w, h = image.size
    check_growth(path, w * h * count * BYTES.get(image.mode, 4) * (2 if deep else 1))
    if deep:
        frames = _deep_frames(path, count)
    else:
        frames = []
        for k in range(count):
            image.seek(k)
            frames.append(_frame(image, bits if kind == GREY else 8))
    said += [words for mode, words in CONVERTED.items() if image.mode == mode]
    if image.info.get("default_image"):
        said.append("the first is the still picture of an animated PNG")
    if image.format == "GIF" and not _has_end(path):
        said.append("a GIF without an end: frames may be missing")
    orientation, unread = _orientation(image)
    return turned(Pictures(frames, (*said, *unread)), [orientation] * count)


def _frame(image: Image, bits: int) -> Frame:
    """The frame at which a picture stands; the grey that is transparent has so many bits."""
    from_palette = image.mode in ("P", "PA") or image.format == "GIF"
    key = image.info.get("transparency")
    mode = MODES[image.mode] if key is None else KEYED.get(image.mode, MODES[image.mode])
    whole = image if mode is None else image.convert(mode)
    pixels = np.asarray(whole)
    if whole.mode == "I":  # before Pillow 11, a grey PNG of 16 bits
        pixels = pixels.astype(np.uint16)
    if key is not None and pixels.ndim == 2:
        pixels = _keyed(pixels, key, bits)
    colours = COLOURS.get(whole.mode, 1)
    return seen(pixels, colours, white_of(pixels.dtype), from_palette)


def _keyed(pixels: Pixels, key: int, bits: int) -> Pixels:
    """Grey with the opacity that one transparent grey of so many bits makes."""
    white = np.iinfo(pixels.dtype).max
    grey = min(key * white // (2**bits - 1), white)  # of one bit Pillow gives 255 already
    opacity = np.where(pixels == grey, 0, white).astype(pixels.dtype)
    return np.stack([pixels, opacity], axis=2)


def _bits_of_png(path: Path, image: Image) -> tuple[int, int | None]:
    """Bits of a sample and kind of a PNG, as its header says them; 8 and None of other files."""
    if image.format != "PNG":
        return 8, None
    with path.open("rb") as file:
        bits, kind = struct.unpack("BB", file.read(26)[24:])
    return bits, kind


def _deep_frames(path: Path, count: int) -> list[Frame]:
    """The frames of such a PNG."""
    import imagecodecs

    data = path.read_bytes()
    decoded = imagecodecs.png_decode(data)[None] if count == 1 else imagecodecs.apng_decode(data)
    if len(decoded) != count or decoded.dtype != np.uint16:
        raise ValueError(f"of its {count} frames of 16 bits {len(decoded)} were read")
    channels = decoded.shape[3]
    return [seen(pixels, channels - (channels in (2, 4)), 2**16 - 1) for pixels in decoded]


def _orientation(image: Image) -> tuple[int, list[str]]:
    """How it is to be turned, and what could not be read of that."""
    try:
        return image.getexif().get(0x0112, 1), []
    except (SyntaxError, ValueError, OSError, KeyError, TypeError, IndexError, struct.error):
        return 1, ["its EXIF data are damaged: not turned"]


def _has_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 64, 0))
        return file.read().rstrip(b"\0\r\n").endswith(b";")
