"""What memory the runs of a batch take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..options import Options
from .problem import Problem
from .settling import taken


def bytes_needed(problem: Problem, run: Options, runs: int = 1) -> int:
    """Bytes that so many runs like one take at their peak, beside A; each device, of several."""
    (m, n), size, rank = problem.A.share(problem.shape), problem.dtype.itemsize, run.rank
    run, at_once = taken(run, problem), problem.backend.states_at_once
    if run.extrapolate:
        at_once += at_once // 2  # a state has twice as many factors, and some are tried beside
    if problem.fixed:
        at_once += 2  # what is learned stands apart meanwhile
    # The starts are float64.
    states = runs * rank * (m + n) * (at_once * size + 8)
    at_a_time, loss, A = problem.backend.block_entries, problem.loss(run), problem.A
    block, gathered = min(at_a_time, runs * m * n), 0
    if A.by_entries and not loss.exact:
        block = runs * A.entries  # P where something is stored is made at once
        # Of the rows of both factors that meet there, so many at a time.
        gathered = 2 * min(at_a_time, runs * rank * A.entries)
    walked = loss.blocks_at_once * max(runs * n * A.least_block(m), block)
    kept = loss.scratch(runs, rank, m, n) + run.method.scratch(runs, rank, max(m, n))
    least = 0 if loss.exact or A.by_entries else problem.backend.least_space
    return states + max(walked * size, least) + (gathered + kept) * size


@contextmanager
def memory_for(problem: Problem, run: Options) -> Iterator[None]:
    """Within, a single run goes on, and says what it needs if there is too little memory.

    Raises
    ------
    MemoryError
        With that, and with what is free.
    """
    try:
        yield
    except Exception as error:
        if problem.backend.out_of_memory(error):
            raise too_little(problem, run) from error
        raise


def too_little(problem: Problem, run: Options) -> MemoryError:
    """What to say where a single run found too little memory."""
    need, backend = bytes_needed(problem, run), problem.backend
    advice = "a smaller rank"
    if problem.dtype.itemsize > 4:
        advice = f"dtype='float32' or {advice}"
    return MemoryError(
        f"a run of rank {run.rank} with solver={run.solver!r} takes about {need:,} bytes beside A, "
        f"but {backend.free_memory():,} are free on {backend.probe().device}; take {advice}"
    )
