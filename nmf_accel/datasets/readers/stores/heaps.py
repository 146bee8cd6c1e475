"""The heaps in which HDF5 keeps text: the library reads a damaged one without end."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

BEGIN = b"GCOL\1\0\0\0"
HEAD = struct.Struct("<8sQ")
"""Of a heap: its signature and version, and its size."""
OBJECT = struct.Struct("<HHIQ")
"""Of an object: its index, 0 that of free space, references, nothing, and its size."""
ALIGNED = 8
SMALL = 2**26
"""Bytes of a file that is checked before it is opened."""


def text_checker(path: Path) -> Callable[[], None]:
    """What checks the text of a file, once: at once if it is small, else when it is called.

    A large file is not read from end to end for an array of a few numbers.
    """
    check = cache(partial(check_heaps, path))
    if path.stat().st_size <= SMALL:
        check()
    return check


def check_heaps(path: Path) -> None:
    """Raise unless the objects of each heap fill it.

    Raises
    ------
    ValueError
        If one has an object without a size, or beyond its end.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(BEGIN)
        while at >= 0:
            _check_heap(content, at)
            at = content.find(BEGIN, at + len(BEGIN))


def _check_heap(content: mmap.mmap, begin: int) -> None:
    if begin + HEAD.size > len(content):
        return
    at, end = begin + HEAD.size, begin + HEAD.unpack_from(content, begin)[1]
    while at + OBJECT.size <= min(end, len(content)):
        index, _, _, size = OBJECT.unpack_from(content, at)
        need = OBJECT.size + size + -size % ALIGNED if index else size
        if not 0 < need <= end - at:
            raise ValueError(f"the text in it is damaged, at byte {at:,}")
        at += need
