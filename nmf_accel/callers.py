"""Warnings at the line of the caller, however deep in the library they come up."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from types import FrameType

OURS = os.path.dirname(__file__) + os.sep, contextlib.__file__, functools.__file__
"""Where the library is, and what calls it for itself: `with`, `cached_property`."""


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn with the place of the first caller that is not the library."""
    # Python does it by itself (skip_file_prefixes) since 3.12.
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
