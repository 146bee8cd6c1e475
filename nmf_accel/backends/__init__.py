"""The backends: which there are, and which one a call gets.

A third party adds one by an entry point of the group ``nmf_accel.backends`` that names a
`Backend` subclass; the built-in ones are registered the same way.
"""

from .base import Backend, Probe
from .registry import (
    AUTO,
    GROUP,
    VARIABLE,
    BackendError,
    get,
    names,
    owner,
    probe,
    resolve,
)

__all__ = [
    "AUTO",
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
]
