"""The door: what the caller passes, checked and made ready."""

from .checks import check_entries, working_dtype
from .factors import OF_H, OF_W, checked_factor, hold, starting_factors
from .given import UNKNOWN, Given, fingerprint, weighed
from .preparing import prepare, prepare_whole

__all__ = [
    "OF_H",
    "OF_W",
    "UNKNOWN",
    "Given",
    "check_entries",
    "checked_factor",
    "fingerprint",
    "hold",
    "prepare",
    "prepare_whole",
    "starting_factors",
    "weighed",
    "working_dtype",
]
