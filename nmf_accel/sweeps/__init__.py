"""Sweeps: ranks × seeds of one matrix, the runs of a rank packed into batches."""

from .here import Here
from .packing import Packing
from .plan import MOST_RUNS, along, planned_runs
from .planned import Sweep
from .store import Row, Store, StoreError, merge, readable
from .sweeping import KEPT, sweep
from .table import SweepResult, best_rank, summarize
from .workers import WorkerError, Workers

__all__ = [
    "KEPT",
    "MOST_RUNS",
    "Here",
    "Packing",
    "Row",
    "Store",
    "StoreError",
    "Sweep",
    "SweepResult",
    "WorkerError",
    "Workers",
    "along",
    "best_rank",
    "merge",
    "planned_runs",
    "readable",
    "summarize",
    "sweep",
]
