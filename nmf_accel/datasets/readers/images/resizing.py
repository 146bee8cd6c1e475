"""Pictures brought to a size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from .frames import Frame, Pixels

MOST_PIXELS = 10**8
"""Of a picture that is brought to a size: beyond that, the size is a slip."""


def checked_size(size: Any) -> tuple[int, int] | None:
    """Width and height as the user gave them, or None if there are none.

    Raises
    ------
    ValueError
        If it is not two integers of at least 1, or more pixels than a picture may have.
    """
    if size is None:
        return None
    try:
        w, h = (index(side) for side in size)
    except (TypeError, ValueError):
        w, h = 0, 0
    if min(w, h) < 1:
        raise ValueError(
            f"size is {size!r}; give width and height in pixels, both at least 1, as (64, 64)"
        )
    if w * h > MOST_PIXELS:
        raise ValueError(f"size is {w} × {h}; a picture may have {MOST_PIXELS:,} pixels")
    return w, h


def resized(frames: Sequence[Frame], size: tuple[int, int] | None) -> list[Frame]:
    """Frames of that size; those that have it, and all if it is None, as they are."""
    return [frame if size in (None, frame.size) else _resized(frame, size) for frame in frames]


def resized_in_words(
    sizes: Sequence[tuple[int, int]], size: tuple[int, int] | None
) -> tuple[str, ...]:
    """What happens to pictures of these sizes, if anything."""
    if size is None or all(one == size for one in sizes):
        return ()
    bent = any(w * size[1] != h * size[0] for w, h in sizes)
    return ("resized to {} × {} pixels".format(*size) + ", not all in proportion" * bent,)


def _resized(frame: Frame, size: tuple[int, int]) -> Frame:
    """One frame of that size, colours weighted by opacity so that hidden ones show nowhere."""
    if frame.pixels.dtype == np.bool_:  # what is between black and white needs more than a bit
        white = np.uint8(255)
        frame = replace(frame, pixels=frame.pixels * white, white=int(white))
    pixels = frame.pixels
    if frame.has_opacity:
        alpha = pixels[..., -1:] / np.float64(frame.white or 1)
        shares = _each_channel(alpha, size)
        seen = _each_channel(pixels[..., :-1] * alpha, size)
        colours = seen / np.where(shares > 0, shares, 1)
        found = np.concatenate([colours, shares * (frame.white or 1)], axis=2)
    else:
        found = _each_channel(pixels, size)
    if frame.white is not None:
        found = np.rint(np.clip(found, np.iinfo(pixels.dtype).min, frame.white))
    return replace(frame, pixels=found.astype(pixels.dtype))


def _each_channel(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels (h, w, channels) at another size, in float64, computed in float32.

    The weights of a triangle as wide as a pixel of the result (of the source, if that is larger)
    smooth what would alias, and are not negative, so that no result is.
    """
    from PIL import Image

    triangle = Image.Resampling.BILINEAR
    channels = [
        np.asarray(Image.fromarray(channel).resize(size, triangle), dtype=np.float64)
        for channel in np.moveaxis(pixels.astype(np.float32), 2, 0)
    ]
    return np.stack(channels, axis=2)
