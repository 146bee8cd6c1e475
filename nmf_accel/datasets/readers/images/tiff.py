"""TIFF files: their pages and series, with every depth, axis and orientation."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..limits import check_growth
from .frames import Pictures, Pixels, seen, turned
from .inks import developed, needs_pillow
from .pillow import unlimited

ORIENTATION = 274

UNDESCRIBED = {"generic", "uniform"}
"""Kinds of series that tifffile makes of pages that say nothing of axes."""
OF_A_SAMPLE = "CYXS"
"""Axes within a sample: channels, height, width, and the colours of a pixel; others count them."""
ZEROED = "Missing data are zeroed"
"""What tifffile says of planes that it makes up."""
OWN_PLANES = "each of its own planes a sample: its OME description is of other planes too"
POINTER = 8
"""Bytes that a plane takes in a list."""


def read_tiff(path: Path) -> Pictures:
    """All pictures of a file, upright, in the order in which it has them.

    Raises
    ------
    ValueError
        If it is damaged, claims to hold more than it can, or has pixels of an unknown kind.
    """
    import tifffile

    with _heard() as warned:
        # Other files that the description speaks of are files of their own.
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            described = tiff.ome_metadata or ""
            _check_planes_of_ome(path, described)
            series = _whole(path, tiff, warned)
            held = [_of_series(one) for one in series]
        if not series:
            warned.clear()  # what is wrong with the description does not matter now
            held = [*_of_pages(path), Pictures([], (OWN_PLANES,) * bool(described))]
    said = [words for one in held for words in one.said]
    frames = [frame for one in held for frame in one.frames]
    return Pictures(frames, (*said, *(f"warning: {message}" for message in warned)))


def _check_planes_of_ome(path: Path, metadata: str) -> None:
    """Raise if OME's description claims too many planes: tifffile would make a list of all."""
    counts = [int(count) for count in re.findall(r"""(?:Num|Count)\w*=["'](\d+)""", metadata)]
    for pixels in re.findall(r"<(?:\w+:)?Pixels\b[^>]*", metadata):
        sizes = re.findall(r"""Size[ZCT]=["'](\d+)""", pixels)
        counts.append(math.prod(int(size) for size in sizes))
    check_growth(path, POINTER * max(counts, default=0))


def _whole(path: Path, tiff: Any, warned: Sequence[str]) -> list[Any]:
    """The series of a file that knows their axes and has all of their planes, else none."""
    series = list(tiff.series)
    described = bool(series) and series[0].kind not in UNDESCRIBED
    if not described or any(ZEROED in message for message in warned):
        return []
    check_growth(path, sum(one.nbytes for one in series))
    own = all(page is not None and page.parent is tiff for one in series for page in one)
    return series if own else []


def _of_series(series: Any) -> Pictures:
    """The pictures of a series that knows its axes."""
    said = _axes_in_words(series.axes, series.shape)
    return _upright(series.asarray(), series.axes, series.keyframe, said)


def _axes_in_words(axes: str, shape: Sequence[int]) -> list[str]:
    """What is said of axes that could be meant in another way."""
    counted = [axis for axis in axes if axis not in OF_A_SAMPLE]
    planar = "S" in axes[: axes.find("Y") + 1]  # frames of a stack may have been called colours
    if len(counted) <= 1 and not planar and "C" not in axes:
        return []
    samples = f"samples along {', '.join(counted)}" if counted else "one sample"
    within = ", channels along C" * ("C" in axes) + ", colours along S" * planar
    return [f"axes {axes} of {' × '.join(map(str, shape))}: {samples}{within}"]


def _of_pages(path: Path) -> list[Pictures]:
    """The pictures of all pages, in their order.

    The file is opened again, for tifffile reads the tags of a series' first page alone.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        pages: list[Any] = list(tiff.pages)
        check_growth(path, sum(page.nbytes for page in pages))
        meant = [page for page in pages if not (page.is_reduced or page.is_mask)] or pages
        held = [_of_page(path, page) for page in meant]
    passed_over = {
        "thumbnails or masks": len(pages) - len(meant),
        "pictures in SubIFDs": sum(len(page.subifds or ()) for page in meant),
    }
    said = [f"{count:,} {what} passed over" for what, count in passed_over.items() if count]
    return [*held, Pictures([], tuple(said))]


def _of_page(path: Path, page: Any) -> Pictures:
    """The picture of a page, or several if it has depth."""
    if not needs_pillow(page):
        said = _axes_in_words(page.axes, page.shape)
        return _upright(page.asarray(), page.axes, page, said)
    from PIL import Image

    with unlimited(), Image.open(path, formats=("TIFF",)) as image:
        image.seek(page.index)
        mode = image.mode
        colours = np.asarray(image.convert("RGB"))  # upright: Pillow turns a TIFF as it loads it
    return Pictures([seen(colours, 3, 255)], (f"{mode} as RGB",))


def _upright(pixels: Pixels, axes: str, page: Any, said: Sequence[str]) -> Pictures:
    """Pictures of an array with the tags of a page."""
    frames, assumed = developed(_arranged(pixels, axes), page)
    orientation = int(page.tags.valueof(ORIENTATION, default=1))
    return turned(Pictures(frames, (*said, *assumed)), [orientation] * len(frames))


def _arranged(pixels: Pixels, axes: str) -> Pixels:
    """An array as (samples, channels, height, width, colours)."""
    for axis in OF_A_SAMPLE:
        if axis not in axes:
            pixels, axes = pixels[..., None], axes + axis
    within = [axes.rindex(axis) for axis in OF_A_SAMPLE]  # some files name an axis twice
    counted = [k for k in range(len(axes)) if k not in within]
    arranged = pixels.transpose(*counted, *within)
    return arranged.reshape(-1, *arranged.shape[len(counted) :])


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What tifffile logs meanwhile, and goes on after; what it calls an error is one.

    Raises
    ------
    ValueError
        At the end, with the first of its errors: pages would be missing, or zero.
    """
    listening = _Listening()
    logger = logging.getLogger("tifffile")
    spreads, logger.propagate = logger.propagate, False
    logger.addHandler(listening)
    try:
        yield listening.warned
    finally:
        logger.removeHandler(listening)
        logger.propagate = spreads
    if listening.failed:
        raise ValueError(f"it is damaged: {listening.failed[0]}")


class _Listening(logging.Handler):
    """Keeps what is logged, by how bad it is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warned: list[str] = []
        self.failed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message; a tag that cannot be read is one of many, and may not matter."""
        message = " ".join(record.getMessage().split())
        matters = record.levelno >= logging.ERROR and "TiffTag" not in message
        (self.failed if matters else self.warned).append(message)
