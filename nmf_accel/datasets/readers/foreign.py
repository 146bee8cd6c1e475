"""Files that only look like what their names say."""

from __future__ import annotations

from pathlib import Path

LENGTH = 64
"""Bytes of the begin of a file in which its kind shows."""
FOREIGN = (
    (0, b"version https://git-lfs", "it is a pointer of git-LFS; fetch the file by git lfs pull"),
    (4, b"ftyphei", "it is a HEIC picture, which is not read; save it as PNG or JPEG"),
    (4, b"ftypmif1", "it is a HEIC picture, which is not read; save it as PNG or JPEG"),
    (4, b"ftypavif", "it is an AVIF picture, which is not read; save it as PNG or JPEG"),
)
"""Where a file has bytes that give it away, and what is said of it."""


def check_kind(path: Path) -> None:
    """Raise ValueError for a file that is of another kind than all that are read."""
    with path.open("rb") as file:
        begin = file.read(LENGTH)
    for at, sign, words in FOREIGN:
        if begin[at:].startswith(sign):
            raise ValueError(words)
