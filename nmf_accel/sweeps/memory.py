"""How many runs of a rank the memory allows at once."""

from __future__ import annotations

from ..core import Problem


def bytes_per_run(problem: Problem, rank: int) -> int:
    """Memory that one run of a batch takes, at its peak."""
    (m, n), size = problem.shape, problem.dtype.itemsize
    factors = rank * (m + n)
    # The state before and after an iteration, the products in between, the factors on their
    # way in and out; the starts are float64.
    residual = 2 * n * problem.A.least_block(m)
    return factors * (6 * size + 8) + (3 * rank**2 + residual) * size


def runs_per_batch(problem: Problem, rank: int, count: int, memory: int | None) -> int:
    """How many of `count` runs of a rank go into each batch; few batches, about equal.

    Raises
    ------
    ValueError
        If not even one run fits into `memory` beside the data.
    """
    size = problem.dtype.itemsize
    free = int(0.8 * problem.backend.free_memory()) if memory is None else memory
    if memory is not None:
        free -= problem.A.nbytes
    m, n = problem.A.shape
    free -= 2 * max(2**20, min(problem.backend.block_entries, count * m * n)) * size  # a block
    fit = free // bytes_per_run(problem, rank)
    if fit < 1:
        if memory is not None:
            need = memory - free + bytes_per_run(problem, rank)
            raise ValueError(
                f"memory is {memory:,} bytes, but a run of rank {rank} takes {need:,} here"
            )
        fit = 1  # what is free is an estimate: try
    return -(-count // -(-count // fit))
