"""The raw CUDA kernels, compiled for a dtype."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

NUMBERS = {"float32": "float", "float64": "double"}
TILES = (16, 8, 4)
"""Columns of a block of `descend`."""
SIZES = {"GROUP": 8, "SLICES": 8, "STREAMED": 64, "THREADS": 256}
"""Of `descend`: rows that are solved as a group, threads of a column (they belong to one warp), and
columns of G in shared memory at a time; threads of a block of a sum.
"""
FILES = ("kernels.cu", "divergences.cu")
"""In this order: what comes later uses what comes before."""


def source() -> str:
    """The CUDA source of all of them."""
    return "\n".join(files(__package__).joinpath(name).read_text("utf-8") for name in FILES)


def options(dtype: str, tile: int = TILES[0]) -> tuple[str, ...]:
    """The compiler's options for a dtype, and for a width of the tiles of `descend`."""
    names = {"NUMBER": NUMBERS[dtype], "TILE": tile, **SIZES}
    return tuple(f"-D{name}={value}" for name, value in names.items())


@cache
def raw(name: str, dtype: str, tile: int = TILES[0]) -> Any:
    """A kernel, compiled when it is first called on a device."""
    import cupy

    return cupy.RawKernel(source(), name, options(dtype, tile))
