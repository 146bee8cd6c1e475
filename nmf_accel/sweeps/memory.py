"""How many runs of a rank the memory allows at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from ..core import Problem, bytes_needed
from ..options import Options


def kept_bytes(problem: Problem, runs: Iterable[Options]) -> int:
    """Bytes of the factors of some runs, which stay when their batch is done."""
    shape = problem.A.share(problem.shape)
    return sum(run.rank for run in runs) * sum(shape) * problem.dtype.itemsize


def runs_per_batch(
    problem: Problem,
    run: Options,
    count: int,
    memory: int | None,
    beside: int = 0,
    kept: int = 0,
    sharing: int = 1,
) -> int:
    """How many of `count` runs like one go into each batch; few batches, about equal.

    `beside` are bytes that are taken beside A already, `kept` those that results will take. Of
    what is free as many as are `sharing` it have a part each.

    Raises
    ------
    ValueError
        If not even one run fits into `memory` beside the data.
    """
    backend = problem.backend
    if memory is None:
        free = int(0.8 * backend.agreed(backend.free_memory()) / sharing) - kept
    else:
        free = memory - kept - problem.A.nbytes - beside
    fit = bisect_right(range(1, count + 1), free, key=lambda runs: bytes_needed(problem, run, runs))
    if fit < 1:
        if memory is not None:
            least = memory - free + bytes_needed(problem, run)
            raise ValueError(
                f"memory is {memory:,} bytes, but a run of rank {run.rank} takes {least:,} here"
            )
        fit = 1  # what is free is an estimate: try
    return -(-count // -(-count // fit))
