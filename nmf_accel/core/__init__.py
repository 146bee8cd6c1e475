"""The loop: a problem, its iterations, and the runs under way."""

from .batch import Batch
from .extrapolated import Extrapolated, extrapolated_of
from .iteration import Iteration, Projection, iteration_of, projection_of
from .loop import Loop
from .memory import bytes_needed, memory_for, too_little
from .problem import Point, Problem
from .recording import record, versions
from .settling import settle
from .shuffled import Shuffled, shuffled_batch

__all__ = [
    "Batch",
    "Extrapolated",
    "Iteration",
    "Loop",
    "Point",
    "Problem",
    "Projection",
    "Shuffled",
    "bytes_needed",
    "extrapolated_of",
    "iteration_of",
    "memory_for",
    "projection_of",
    "record",
    "settle",
    "shuffled_batch",
    "too_little",
    "versions",
]
