"""What all figures are drawn with, and how they are written."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from ..callers import warn_caller
from ..files import atomic_write

Floats = NDArray[np.floating[Any]]

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""

LARGEST_SHEET = 4096
"""Pixels that a side of a sheet of images may have once it is enlarged."""
DRAWN = 1, 3
"""How many channels an image may have that is drawn as it is."""


def save(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure as PNG or SVG, by the ending of `path`, atomically.

    Warns
    -----
    UserWarning
        Once, if the font lacks letters of the names: they are drawn as boxes.
    """
    with _one_warning_of_glyphs(path), atomic_write(path) as file:
        ending = os.fspath(path).rpartition(".")[2]
        figure.savefig(file, format=ending, dpi=dpi, bbox_inches="tight")


GLYPH = re.compile(r"Glyph (\d+) .*missing from|Matplotlib currently does not support")
"""What matplotlib warns of, letter by letter."""


@contextmanager
def _one_warning_of_glyphs(path: str | os.PathLike[str]) -> Iterator[None]:
    """In the place of matplotlib's warnings of letters that its font has not, one of our own."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing: dict[str | None, None] = {}
    for one in caught:
        if match := GLYPH.match(str(one.message)):
            missing[match[1]] = None
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if missing:
        letters = "".join(chr(int(code)) for code in list(missing)[:3] if code)
        more = " and others" * (len(missing) > 3)
        warn_caller(
            f"{os.fspath(path)}: the font has no {letters}{more}, drawn as boxes; the tables and "
            "the .npz have the names as they are"
        )


def tile(stack: Floats, columns: int | None = None, background: float = 1.0) -> Floats:
    """Images (n, h, w, channels) side by side as one, (H, W, 3), about square, one pixel apart.

    One channel is drawn as grey, three as colours, of others the mean as grey.
    """
    n, h, w, channels = stack.shape
    if channels not in DRAWN:
        stack = stack.mean(axis=3, keepdims=True)
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    sheet = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1, 3), background)
    for k, image in enumerate(stack):
        top, left = (k // columns) * (h + 1), (k % columns) * (w + 1)
        sheet[top : top + h, left : left + w] = image
    return sheet


def show_pixels(ax: Any, sheet: Floats, title: str = "") -> None:
    """Draw an image with sharp pixels and no axes."""
    # Enlarged first, so that resampling to the page blurs no edge; a large sheet has none to see.
    times = max(1, min(4, LARGEST_SHEET // max(sheet.shape)))
    enlarged = np.kron(sheet, np.ones((times, times, 1)))
    ax.imshow(enlarged, interpolation="nearest" if times > 1 else "auto")
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()


def plain_ticks(ax: Any) -> None:
    """Label a short logarithmic axis with plain numbers; powers of ten would label nothing."""
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6, 8)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
