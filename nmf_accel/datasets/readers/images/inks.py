"""What the samples of a TIFF's pixels mean: which are colours, which opacity, and what is white."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...images import white_of
from .frames import Frame, Pixels, seen

PREMULTIPLIED, ALPHA = 1, 2
"""Values of the tag ExtraSamples that mean opacity."""
INK_SET, OTHER_INKS = 332, 2
FROM_WHITE = "counted from white: inverted"

WITH_COLOURS_OF_ITS_OWN = {"JPEG", "OJPEG", "JPEG_LOSSY", "WEBP", "WEBP_DEPRECATED"}
"""Compressions whose decoders make RGB of YCbCr."""


def name_of(page: Any) -> str:
    """What the pixels of a page are: its tag PhotometricInterpretation."""
    name = getattr(page.photometric, "name", str(page.photometric))
    if name == "SEPARATED" and page.tags.valueof(INK_SET, default=1) == OTHER_INKS:
        return "INKS"
    return str(name)


def needs_pillow(page: Any) -> bool:
    """Whether its colours are of a kind that Pillow makes RGB of, and tifffile does not."""
    name = name_of(page)
    compressed = getattr(page.compression, "name", "")
    return name == "CIELAB" or (name == "YCBCR" and compressed not in WITH_COLOURS_OF_ITS_OWN)


def developed(pixels: Pixels, page: Any) -> tuple[list[Frame], list[str]]:
    """Frames of a page's samples, and what was assumed of them.

    Parameters
    ----------
    pixels : (n, c, h, w, samples) array
        Of n pictures in c channels, which are features of one sample.
    page : tifffile.TiffPage
        Its tags say what the samples are.

    Raises
    ------
    ValueError
        If the kind of pixels is unknown.
    """
    kind = name_of(page)
    if kind not in INKS:
        raise ValueError(f"its pixels are {kind}, which is not read; save it as RGB or as grey")
    ink, white, samples = INKS[kind], _white(pixels.dtype, page), pixels.shape[4]
    if samples < ink.samples:  # the colours of a pixel are its channels
        ink = INKS["MINISBLACK"]
    extras = _extras(page, samples - ink.samples)
    alphas = [k for k, meant in enumerate(extras, ink.samples) if meant in (PREMULTIPLIED, ALPHA)]
    further = [k for k in range(ink.samples, samples) if k not in alphas]
    kept = [*range(ink.samples), *(further if ink.takes_further else [])]
    said = [ink.words] if ink.words else []
    if further and not ink.takes_further:
        said.append(f"{len(further)} samples of a pixel beyond {kind}, left out")
    colours, white = ink.develop(pixels[..., kept], white, page)
    if alphas:
        opacity = pixels[..., alphas[:1]]
        if extras[alphas[0] - ink.samples] == PREMULTIPLIED:
            colours = _divided(colours, opacity, white)
            said.append("colours divided by the opacity that they were multiplied with")
        colours = np.concatenate([colours, opacity.astype(colours.dtype)], axis=4)
    n, c, h, w, channels = colours.shape
    flat = np.moveaxis(colours, 1, 3).reshape(n, h, w, c * channels)
    opaque = c * channels - bool(alphas and c == 1)
    return [seen(one, opaque, white, from_palette=kind == "PALETTE") for one in flat], said


def _white(dtype: np.dtype[Any], page: Any) -> int | None:
    """What pixels are divided by; fewer bits than the dtype has are no darker for it."""
    bits = page.bitspersample
    fewer = dtype.kind == "u" and bits in range(1, 8 * dtype.itemsize)
    return 2**bits - 1 if fewer else white_of(dtype)


def _extras(page: Any, count: int) -> list[int]:
    """What the samples beyond the colours are; untold, a fourth one of RGB is opacity."""
    told = [int(meant) for meant in page.extrasamples][:count]
    if not told and count == 1 and name_of(page) == "RGB":
        return [ALPHA]
    return told + [0] * (count - len(told))


def _divided(colours: Pixels, opacity: Pixels, white: int | None) -> Pixels:
    """Colours that were multiplied with the opacity as they were before."""
    if white is None:
        return np.divide(colours, opacity, out=np.zeros_like(colours), where=opacity > 0)
    whole = white * colours.astype(np.uint64) // np.maximum(opacity, 1).astype(np.uint64)
    return np.minimum(whole, white).astype(colours.dtype)


def _as_they_are(pixels: Pixels, white: int | None, page: Any) -> tuple[Pixels, int | None]:
    return pixels, white


def _inverted(pixels: Pixels, white: int | None, page: Any) -> tuple[Pixels, int | None]:
    """Zero is white."""
    if pixels.dtype.kind not in "bu" or white is None:
        raise ValueError(
            f"its {pixels.dtype} pixels count from white (MINISWHITE), which says nothing of "
            "what black is; save it as MINISBLACK"
        )
    return (~pixels if white == 1 else pixels.dtype.type(white) - pixels), white


def _looked_up(pixels: Pixels, white: int | None, page: Any) -> tuple[Pixels, int | None]:
    """Colours of a palette, of which the upper 8 bits count; some programs write those alone."""
    table = page.colormap
    table = table >> 8 if table.max() > 255 else table
    codes = pixels[..., 0]
    codes = codes.astype(np.result_type(codes, np.uint8), copy=False)  # bits would be a mask
    return np.moveaxis(table.astype(np.uint8)[:, codes], 0, -1), 255


def _of_cmyk(pixels: Pixels, white: int | None, page: Any) -> tuple[Pixels, int | None]:
    """Red, green and blue of cyan, magenta, yellow and black, as Pillow makes them of 8 bits."""
    if white is None:
        return (1 - pixels[..., :3]) * (1 - pixels[..., 3:]), white
    wide = pixels.astype(np.uint64)
    light = white - wide[..., 3:]
    colours = light - (wide[..., :3] * light + white // 2) // white
    return colours.astype(pixels.dtype), white


class Ink(NamedTuple):
    """A kind of pixels.

    Attributes
    ----------
    samples : int
        Samples of a pixel that its colours are made of.
    develop : callable
        Makes colours of samples and white; also gives what is white then.
    takes_further : bool
        Whether further samples, if they are no opacity, are channels as well.
    words : str
        What is said of it.
    """

    samples: int
    develop: Callable[[Pixels, int | None, Any], tuple[Pixels, int | None]]
    takes_further: bool = False
    words: str = ""


INKS: dict[str, Ink] = {
    "MINISBLACK": Ink(1, _as_they_are, takes_further=True),
    "MINISWHITE": Ink(1, _inverted, takes_further=True, words=FROM_WHITE),
    "INKS": Ink(1, _as_they_are, takes_further=True, words="inks as channels"),
    "MASK": Ink(1, _as_they_are),
    "RGB": Ink(3, _as_they_are),
    "YCBCR": Ink(3, _as_they_are),
    "PALETTE": Ink(1, _looked_up),
    "SEPARATED": Ink(4, _of_cmyk, words="CMYK as RGB"),
}
"""The kinds of pixels that are read, by their name in the tag PhotometricInterpretation."""
