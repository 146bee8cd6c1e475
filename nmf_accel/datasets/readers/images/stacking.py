"""Frames of one size become a data set: one depth, grey or colour, opacity if it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...dataset import Dataset, DatasetError
from ...images import to_matrix, white_of
from .frames import Frame


def stacked(
    frames: Sequence[Frame], names: Sequence[str], said: Sequence[str], source: str
) -> Dataset:
    """The data set of frames, each a sample.

    Parameters
    ----------
    frames : sequence of Frame
    names : sequence of str
        What each frame is called.
    said : sequence of str
        What was assumed so far.
    source : str
        Where they are from, before the name of a frame in a message.

    Raises
    ------
    DatasetError
        If two of them cannot be put into one matrix; it names them.
    """
    _check_sizes(frames, names, source)
    depths = _check_depths(frames, names, source)
    frames, recoloured = _in_same_colours(frames, names, source)
    transparent = not all(frame.opaque for frame in frames)
    if transparent:
        frames = [frame.with_opacity() for frame in frames]
    else:
        frames = [frame.without_opacity() for frame in frames]
    # Opacity of another depth than its dtype has would be misread from the pixels alone.
    plain = all(frame.white == white_of(frame.pixels.dtype) for frame in frames)
    if len(depths) > 1 or (transparent and not plain):
        frames = [frame.scaled() for frame in frames]
    pixels = np.stack([frame.pixels for frame in frames])
    A = to_matrix(pixels, frames[0].colours, frames[0].white)
    told = (*dict.fromkeys(said), *_hidden_in_words(frames), *recoloured, *depths)
    return Dataset(source, A, pixels, samples=np.array(names, dtype=np.str_), said=told)


def _hidden_in_words(frames: Sequence[Frame]) -> list[str]:
    """What is said of colours that were there and do not show."""
    count = sum(frame.hidden for frame in frames)
    of = f" in {count:,} of {len(frames):,} pictures" * (len(frames) > 1)
    return [f"colours of opacity 0 set to 0{of}"] if count else []


def _check_sizes(frames: Sequence[Frame], names: Sequence[str], source: str) -> None:
    """Raise for the first frame of another size than the first one."""
    for frame, name in zip(frames, names, strict=True):
        if frame.size != frames[0].size:
            (w, h), (w0, h0) = frame.size, frames[0].size
            raise DatasetError(
                f"{source}{name} is {w} × {h} pixels, but {names[0]} is {w0} × {h0}; "
                "bring them to one size by --size 64x64 (size=(64, 64))"
            )


def _check_depths(frames: Sequence[Frame], names: Sequence[str], source: str) -> list[str]:
    """The kinds of pixels that there are, in words, if they have a common scale."""
    words: dict[str, None] = {}
    for frame, name in zip(frames, names, strict=True):
        words[depth_of(frame)] = None
        if (frame.white is None) != (frames[0].white is None):
            raise DatasetError(
                f"{source}{name} has {depth_of(frame)}, but {names[0]} has "
                f"{depth_of(frames[0])}; save them all as integers, or all as floats"
            )
    return list(words)


def depth_of(frame: Frame) -> str:
    """What the pixels of a frame are, and what they are divided by."""
    if frame.pixels.dtype == np.bool_:
        return "1-bit pixels"
    scale = "as they are" if frame.white is None else f"divided by {frame.white:,}"
    return f"{frame.pixels.dtype} pixels, {scale}"


def _in_same_colours(
    frames: Sequence[Frame], names: Sequence[str], source: str
) -> tuple[list[Frame], list[str]]:
    """All grey if they can be, else all in colour; and what was done."""
    if all(frame.colours == 1 or frame.could_be_grey for frame in frames):
        return [frame.as_grey() for frame in frames], []
    first = next(k for k, frame in enumerate(frames) if frame.colours != 1)
    most = frames[first].colours
    for frame, name in zip(frames, names, strict=True):
        if frame.colours not in ({1, 3} if most == 3 else {most}):
            raise DatasetError(
                f"{source}{name} has {frame.colours} channels, but {names[first]} has {most}; "
                "give pictures with the same channels"
            )
    grey = sum(frame.colours == 1 for frame in frames)
    said = [f"{grey:,} grey of {len(frames):,} pictures made colour"] if grey else []
    return [frame if frame.colours > 1 else frame.as_colour() for frame in frames], said
