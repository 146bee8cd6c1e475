"""Names in, names out: matrices with names of other libraries, and how they are given back."""

from .base import Labelled
from .matching import Party, order_like
from .names import LINES, NAMELESS, Labels, Names, component_names, make_unique, names_of
from .table import LABELLED, array_of, labelled

__all__ = [
    "LABELLED",
    "LINES",
    "NAMELESS",
    "Labelled",
    "Labels",
    "Names",
    "Party",
    "array_of",
    "component_names",
    "labelled",
    "make_unique",
    "names_of",
    "order_like",
]
