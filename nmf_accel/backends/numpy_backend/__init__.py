"""NumPy: the CPU, through the BLAS that NumPy was built with."""

from .backend import NumpyBackend

__all__ = ["NumpyBackend"]
