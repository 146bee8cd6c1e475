"""Warnings at the line of the caller, however deep in the library they come up."""

from __future__ import annotations

import functools
import sys
import warnings
from pathlib import Path
from types import FrameType

LIBRARY = str(Path(__file__).parents[1])
BETWEEN = functools.__file__
"""Where `cached_property` calls us."""


def warn_caller(message: str) -> None:
    """Warn with the place of the first caller that is not the library."""
    # Python does it by itself (skip_file_prefixes) since 3.12.
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith((LIBRARY, BETWEEN)):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
