"""Non-negative matrix factorization on NumPy, CuPy and JAX, with the same results on each."""

from ._version import __version__
from .backends import BackendError
from .datasets import read
from .factorize import nmf
from .projection import project
from .results import Factorization, Interrupted
from .selection import Consensus, RankChoice, choose_rank, consensus
from .sweeps import StoreError, SweepResult, WorkerError, Workers, sweep

__all__ = [
    "BackendError",
    "Consensus",
    "Factorization",
    "Interrupted",
    "RankChoice",
    "StoreError",
    "SweepResult",
    "WorkerError",
    "Workers",
    "__version__",
    "choose_rank",
    "consensus",
    "nmf",
    "project",
    "read",
    "sweep",
]
