"""Non-negative matrix factorization on NumPy, CuPy and JAX, with the same results on each."""

from ._version import __version__
from .backends import BackendError
from .nmf import nmf
from .project import project
from .results import Factorization, Interrupted
from .store import StoreError
from .sweep import SweepResult, sweep

__all__ = [
    "BackendError",
    "Factorization",
    "Interrupted",
    "StoreError",
    "SweepResult",
    "__version__",
    "nmf",
    "project",
    "sweep",
]
