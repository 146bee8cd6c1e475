"""Which runs a sweep is to make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..options import COMMON, Options


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
    if isinstance(seeds, (int, np.integer)):
        if seeds < 1:
            raise ValueError(f"seeds is {seeds}; at least one is needed")
        seeds = range(int(seeds))
    axes = {"ranks": list(ranks), "seeds": list(seeds)}
    for name, values in axes.items():
        if not values:
            raise ValueError(f"{name} is empty; at least one is needed")
        twice = sorted({x for x in values if values.count(x) > 1})
        if twice:
            raise ValueError(f"{name} has {', '.join(map(str, twice))} more than once")
    return [
        Options(rank=rank, seed=seed, **options) for rank in axes["ranks"] for seed in axes["seeds"]
    ]
