"""The loop: a problem, its iterations, and the runs under way."""

from .batch import Batch
from .extrapolated import Extrapolated, extrapolated_of
from .held import Fixed
from .iteration import Iteration, iteration_of
from .loop import Loop
from .memory import bytes_needed, memory_for, too_little
from .problem import Point, Problem
from .recording import record, versions
from .scale import Scale, near_one, order_of
from .settling import settle
from .shuffled import Shuffled, shuffled_batch

__all__ = [
    "Batch",
    "Extrapolated",
    "Fixed",
    "Iteration",
    "Loop",
    "Point",
    "Problem",
    "Scale",
    "Shuffled",
    "bytes_needed",
    "extrapolated_of",
    "iteration_of",
    "memory_for",
    "near_one",
    "order_of",
    "record",
    "settle",
    "shuffled_batch",
    "too_little",
    "versions",
]
