"""Non-negative matrix factorization on NumPy, CuPy and JAX, with the same results on each."""

from ._version import __version__
from .backends import BackendError
from .datasets import read
from .factorize import nmf
from .projection import project
from .results import Factorization, Interrupted
from .selection import RankChoice, choose_rank
from .sweeps import StoreError, SweepResult, WorkerError, Workers, sweep

__all__ = [
    "BackendError",
    "Factorization",
    "Interrupted",
    "RankChoice",
    "StoreError",
    "SweepResult",
    "WorkerError",
    "Workers",
    "__version__",
    "choose_rank",
    "nmf",
    "project",
    "read",
    "sweep",
]
