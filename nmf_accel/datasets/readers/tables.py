"""Tables of numbers as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_csv(path: Path) -> NDArray[Any]:
    """The numbers of a ``.csv`` file, below a line of names if it has one."""
    with path.open(encoding="utf-8-sig") as file:  # a spreadsheet may write a byte-order mark
        lines = [line for line in file if line.strip()]
    header = int(bool(lines) and not _are_numbers(lines[0].split(",")))  # names of columns
    if len(lines) <= header:
        raise ValueError("it holds no numbers")
    return np.loadtxt(lines, delimiter=",", skiprows=header, ndmin=2)


def _are_numbers(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False
