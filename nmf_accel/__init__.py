"""Non-negative matrix factorization on NumPy, CuPy and JAX, with the same results on each."""

from ._version import __version__
from .backends import BackendError
from .nmf import nmf
from .results import Factorization, Interrupted

__all__ = ["BackendError", "Factorization", "Interrupted", "__version__", "nmf"]
