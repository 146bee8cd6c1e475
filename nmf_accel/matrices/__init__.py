"""A on a backend: dense, sparse or of another kind, behind one face; and before, where it lies."""

from .base import Dense, Matrix
from .frame import Frame, Side
from .raw import Raw, RawDense, RawSparse
from .sparse import Sparse, is_sparse

__all__ = [
    "Dense",
    "Frame",
    "Matrix",
    "Raw",
    "RawDense",
    "RawSparse",
    "Side",
    "Sparse",
    "is_sparse",
]
