"""The command ``nmf-accel``."""

from .group import main

__all__ = ["main"]
