"""Where the runs of a sweep are computed: here, in this process; and what is told of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core import Problem
from ..options import Options
from ..progress import Progress
from ..results import Factorization
from .packing import Packing
from .reference import Reference
from .store import Row


class Finished(NamedTuple):
    """A finished run.

    Attributes
    ----------
    row : dict
        Its line in the table.
    result : Factorization or None
        Itself, with arrays of the backend; None where its factors are not to be kept.
    """

    row: Row
    result: Factorization | None

    def moved(self, by: Callable[[Any], Any]) -> Finished:
        """It with its factors elsewhere."""
        if self.result is None:
            return self
        return Finished(self.row, replace(self.result, W=by(self.result.W), H=by(self.result.H)))


@dataclass(frozen=True)
class Here:
    """The process of the caller, which computes batches one after the other.

    Attributes
    ----------
    packing : Packing
    reference : Reference, optional
        What runs are measured against.
    """

    packing: Packing
    reference: Reference | None = None

    @property
    def problem(self) -> Problem:
        """The data, made ready."""
        return self.packing.problem

    @property
    def about(self) -> Row:
        """What a folder is to say of it."""
        return {}

    def cost(self, run: Options) -> float:
        """Operations of a run, if it goes on to its last iteration."""
        return self.packing.cost(run)

    def run(
        self, missing: list[Options], bar: Progress, label: str = ""
    ) -> Generator[list[Finished], None, None]:
        """Do all of these runs, yielding those of each batch; the factors on the device."""
        for results in self.packing.run(missing, bar, label):
            finished = self.measured(results)
            del results
            yield finished
            del finished  # or the next batch would run beside them

    def measured(self, results: list[Factorization]) -> list[Finished]:
        """Runs with their lines."""
        return [Finished(self._row(result), result) for result in results]

    def _row(self, result: Factorization) -> Row:
        """The line of a run."""
        summary = result.summary()
        names = ("rank", "seed", "error", "relative_error", "iterations", "converged")
        return {
            **{name: summary[name] for name in names},
            **{name: _finite(summary[name]) for name in ("held_out", "in_sample")},
            "reference_error": None
            if self.reference is None
            else _finite(self.reference.error(result)),
            **{name: summary[name] for name in ("stopped_because", "seconds", "backend", "device")},
        }


def _finite(measure: float | None) -> float | None:
    """A measure, or None where it is no number that a table can hold."""
    return measure if measure is None or math.isfinite(measure) else None
