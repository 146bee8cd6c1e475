"""What was measured of a solver on a backend, and what it says of which to take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

UNSTEADY = 1.5
"""Ratio of the quartiles above which figures are no ground for a choice."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What was measured of a solver on a backend; where nothing was, why not.

    Attributes
    ----------
    backend, solver, device, dtype : str
    accelerated : bool
        Whether the device is a GPU or another accelerator.
    rank, runs : int
        Of the iteration; `runs` go through the loop together.
    not_measured : str
        Why there are no figures; empty where there are.
    seconds : float
        Of an iteration of all the runs: the median of the turns.
    quartiles : (float, float)
        Of the same.
    first_seconds : float
        The first iteration, in which JAX compiles and libraries are loaded; not in the others.
    iterations : int
        How many were timed.
    bytes, operations : float
        What an iteration has to move, and to compute.
    bytes_per_second, operations_per_second : float
        What a copy and a matrix product reach on this device, by whichever library does it best.
    target : float
        The error that all of the comparison reached, the same in each record.
    seconds_to_target : float
        After how many seconds this one did; the first iteration counts like any other.
    """

    backend: str
    solver: str = ""
    device: str = ""
    accelerated: bool = False
    dtype: str = ""
    rank: int = 0
    runs: int = 1
    not_measured: str = ""
    seconds: float = np.nan
    quartiles: tuple[float, float] = (np.nan, np.nan)
    first_seconds: float = np.nan
    iterations: int = 0
    bytes: float = np.nan
    operations: float = np.nan
    bytes_per_second: float = np.nan
    operations_per_second: float = np.nan
    target: float = np.nan
    seconds_to_target: float = np.nan

    @property
    def floor(self) -> float:
        """The least seconds that an iteration could take."""
        return max(self.bytes / self.bytes_per_second, self.operations / self.operations_per_second)

    @property
    def share(self) -> float:
        """Floor / seconds: 1 where an iteration could not be faster."""
        return self.floor / self.seconds

    def row(self) -> dict[str, Any]:
        """It, ready for JSON: None for what was not measured."""
        numbers = {**asdict(self), "floor": self.floor, "share": self.share}
        if self.not_measured:
            told = ("backend", "device", "accelerated", "dtype", "rank", "runs", "not_measured")
            return {name: x if name in told else None for name, x in numbers.items()}
        return numbers


def advice(timings: Iterable[Timing]) -> str:
    """Which to take, and why, in one sentence."""
    measured = [x for x in timings if not x.not_measured]
    if not measured:
        return "no backend could be measured"
    best = min(measured, key=lambda x: x.seconds_to_target)
    alike = [x for x in measured if x.solver == best.solver and _overlap(x, best)]
    best = min(alike, key=lambda x: x.first_seconds + x.seconds_to_target)
    words = f"take --backend {best.backend} --solver {best.solver}"
    others = sorted((x for x in measured if x is not best), key=lambda x: x.seconds_to_target)
    if not others:
        return f"{words}: nothing else was measured"
    words += f": error {best.target:.5g} after {best.seconds_to_target:.2g} s"
    words += "".join(f", {x.backend} {x.solver} after {x.seconds_to_target:.2g} s" for x in others)
    for x in alike:
        if x is not best:
            words += f"; {x.backend} is alike within the quartiles, but starts later"
    if max(x.quartiles[1] / x.quartiles[0] for x in measured) > UNSTEADY:
        words += "; but the times vary much: measure again when the machine is quiet"
    return words


def _overlap(one: Timing, other: Timing) -> bool:
    """Whether their quartiles do."""
    return one.quartiles[0] <= other.quartiles[1] and other.quartiles[0] <= one.quartiles[1]
