"""CuPy: an NVIDIA GPU, one cuBLAS call a product and one kernel an update."""

from .backend import CupyBackend

__all__ = ["CupyBackend"]
