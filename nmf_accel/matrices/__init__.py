"""A on a backend: dense, sparse or of another kind, behind one face."""

from .base import Dense, Matrix
from .frame import Frame, Side
from .sparse import Sparse, is_sparse

__all__ = ["Dense", "Frame", "Matrix", "Side", "Sparse", "is_sparse"]
