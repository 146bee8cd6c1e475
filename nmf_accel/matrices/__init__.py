"""A on a backend: dense, sparse or of another kind, behind one face; and before, where it lies."""

from .base import Dense, Grid, Matrix
from .frame import Frame, Side, Standing
from .indices import check_indices, is_canonical
from .partly import Known, Partly
from .raw import Raw, RawDense, RawSparse
from .seen import Seen
from .sparse import Sparse, is_sparse
from .weighted import Observed, Weighted, weigh

__all__ = [
    "Dense",
    "Frame",
    "Grid",
    "Known",
    "Matrix",
    "Observed",
    "Partly",
    "Raw",
    "RawDense",
    "RawSparse",
    "Seen",
    "Side",
    "Sparse",
    "Standing",
    "Weighted",
    "check_indices",
    "is_canonical",
    "is_sparse",
    "weigh",
]
