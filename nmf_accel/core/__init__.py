"""The loop: a problem, its iterations, and the runs under way."""

from .batch import Batch
from .iteration import Iteration, iteration
from .loop import Loop
from .problem import Point, Problem
from .record import record, versions
from .settle import settle

__all__ = [
    "Batch",
    "Iteration",
    "Loop",
    "Point",
    "Problem",
    "iteration",
    "record",
    "settle",
    "versions",
]
