"""Netpbm's pictures (.pbm, .pgm, .ppm, .pnm), with all their bits: Pillow keeps 8 of a colour."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import Frame, Pictures, seen

GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
HEADER = re.compile(
    rb"P(?:([14])%s(\d+)%s(\d+)|([2356])%s(\d+)%s(\d+)%s(\d+))\s" % (GAP, GAP, GAP, GAP, GAP)
)
COMMENT = re.compile(rb"#[^\r\n]*")
CHANNELS = {b"1": 1, b"2": 1, b"3": 3, b"4": 1, b"5": 1, b"6": 3}
FIRST_BINARY = b"4"


def read_netpbm(path: Path) -> Pictures:
    """The pictures of a file, one after the other.

    Raises
    ------
    ValueError
        If a header is damaged, or fewer pixels follow than it says.
    """
    data, at, frames = path.read_bytes(), 0, []
    while at == 0 or data[at:].strip():
        header = HEADER.match(data, at)
        if header is None:
            raise ValueError(f"there is no header of a picture at byte {at:,}")
        frame, at = _frame(data, header)
        frames.append(frame)
        at += len(data[at:]) - len(data[at:].lstrip()) if data[at : at + 1].isspace() else 0
    return Pictures(frames)


def _frame(data: bytes, header: re.Match[bytes]) -> tuple[Frame, int]:
    """The picture after a header, and where it ends."""
    bits, w1, h1, kind, w2, h2, most = header.groups()
    magic, w, h, white = bits or kind, int(w1 or w2), int(h1 or h2), int(most or 1)
    if not (w and h and 1 <= white < 2**16):
        raise ValueError(f"its header says {w} × {h} pixels up to {white}")
    shape = h, w, CHANNELS[magic]
    if magic < FIRST_BINARY:
        values, end = _written(data, header.end(), w * h * shape[2], separate=kind is not None)
    else:
        depth = 2 if white > 255 else 1
        nbytes = h * (-(-w // 8)) if bits else w * h * shape[2] * depth
        end = header.end() + nbytes
        _check_length(nbytes, len(data) - header.end(), "bytes")
        raw = np.frombuffer(data, np.dtype(f">u{depth}"), nbytes // depth, header.end())
        values = np.unpackbits(raw.reshape(h, -1), axis=1, count=w) if bits else raw
    if values.max() > white:
        raise ValueError(f"it holds {values.max()}, and its header says at most {white}")
    if bits:
        return seen(values.reshape(shape) == 0, 1, 1), end  # 1 is ink
    dtype = np.uint16 if white > 255 else np.uint8
    return seen(values.astype(dtype).reshape(shape), shape[2], white), end


def _written(data: bytes, start: int, count: int, separate: bool) -> tuple[NDArray[Any], int]:
    """Numbers in digits, which end the file; those of bits need nothing between them."""
    _check_length(count, len(data) - start, "numbers")
    text = COMMENT.sub(b"", data[start:])
    words = text.split() if separate else re.findall(rb"[01]", text)
    _check_length(count, len(words), "numbers")
    return np.array([int(word) for word in words[:count]]), len(data)


def _check_length(needed: int, there: int, what: str) -> None:
    if there < needed:
        raise ValueError(f"it is cut short: {needed:,} {what} should follow its header")
