"""The raw CUDA kernels, compiled for a dtype."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

NUMBERS = {"float32": "float", "float64": "double"}
TILES = (16, 8, 4)
"""Columns of a block of `descend`."""


def source() -> str:
    """The CUDA source of all of them."""
    return files(__package__).joinpath("kernels.cu").read_text()


def options(dtype: str, tile: int = TILES[0]) -> tuple[str, ...]:
    """The compiler's options for a dtype, and for a width of the tiles of `descend`."""
    return f"-DNUMBER={NUMBERS[dtype]}", f"-DTILE={tile}"


@cache
def raw(name: str, dtype: str, tile: int = TILES[0]) -> Any:
    """A kernel, compiled when it is first called on a device."""
    import cupy

    return cupy.RawKernel(source(), name, options(dtype, tile))
