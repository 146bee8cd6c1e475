"""Which runs a sweep is to make."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..options import COMMON, Options, declared
from .store import KEEP

MOST_RUNS = 10**6
"""Of one sweep: the table of more would not be read by anyone."""


def along(name: str, values: Any) -> list[Any]:
    """The ranks, or the seeds, as a list.

    Raises
    ------
    ValueError, TypeError
        If there are none, one is named twice, or they are so many that no sweep has them.
    """
    try:
        found = list(islice(values, MOST_RUNS + 1))
    except TypeError:
        raise TypeError(
            f"{name} is {values!r}; it must be whole numbers, such as [16, 32]"
        ) from None
    if not found:
        raise ValueError(f"{name} is empty; at least one is needed")
    if len(found) > MOST_RUNS:
        raise ValueError(f"{name} are more than {MOST_RUNS:,}, and a sweep has no more runs")
    for value in found:
        declared(Options)[name.removesuffix("s")].checked(name.removesuffix("s"), value)
    if len(set(found)) < len(found):
        twice = [x for x, count in sorted(Counter(found).items()) if count > 1]
        raise ValueError(f"{name} has {', '.join(map(str, twice))} more than once")
    return found


def planned_runs(
    ranks: Iterable[int], seeds: int | Iterable[int], options: Mapping[str, Any]
) -> list[Options]:
    """The options of every run, by rank and seed.

    Raises
    ------
    ValueError, TypeError
        If ranks or seeds are empty or named twice, or an option is unknown or out of range.
    """
    if unknown := options.keys() - COMMON:
        raise TypeError(
            f"sweep() got an unexpected keyword argument {min(unknown)!r}; its options are "
            f"{', '.join(COMMON)}"
        )
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        if seeds < 1:
            raise ValueError(f"seeds is {seeds}; at least one is needed")
        if seeds > MOST_RUNS:
            raise ValueError(f"seeds is {seeds}; a sweep has at most {MOST_RUNS:,} runs")
        seeds = range(int(seeds))
    axes = {"ranks": along("ranks", ranks), "seeds": along("seeds", seeds)}
    count = math.prod(map(len, axes.values()))
    if count > MOST_RUNS:
        raise ValueError(f"ranks and seeds make {count:,} runs; a sweep has at most {MOST_RUNS:,}")
    return [
        Options(rank=rank, seed=seed, **options) for rank in axes["ranks"] for seed in axes["seeds"]
    ]


def wanted_of(runs: list[Options], keep: str) -> list[Options]:
    """Those runs whose factors are there in the end, as many of each rank."""
    rows = [{"rank": run.rank, "seed": run.seed, "error": 0.0} for run in runs]
    wanted = KEEP[keep](rows)
    return [run for run in runs if (run.rank, run.seed) in wanted]
