"""The backends: which there are, and which one a call gets.

Another one is a `Backend` subclass and a line in `BACKENDS`, or, in a package of its own, an entry
point of the group ``nmf_accel.backends``.
"""

from .base import Backend
from .probes import Probe
from .registry import (
    AUTO,
    BACKENDS,
    DEVICE_VARIABLE,
    GROUP,
    VARIABLE,
    BackendError,
    get,
    names,
    owner,
    probe,
    resolve,
)
from .spreading import spread

__all__ = [
    "AUTO",
    "BACKENDS",
    "DEVICE_VARIABLE",
    "GROUP",
    "VARIABLE",
    "Backend",
    "BackendError",
    "Probe",
    "get",
    "names",
    "owner",
    "probe",
    "resolve",
    "spread",
]
