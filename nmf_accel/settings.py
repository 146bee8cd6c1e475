"""The numbers of a run: checked, and settled for a problem."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np

from .measures import Penalties, Penalty
from .problem import Problem
from .rules import SOLVERS
from .starts import INITS

DELTA = 1e-9
"""δ where none is given, relative to the size of the denominators."""
FASTEST = "hals"
"""What 'auto' takes: first to a given error wherever it was measured (on CPUs, see bench/)."""
STOPS = ("error", "kkt", "descent")
PENALTIES = ("l1_W", "l2_W", "l1_H", "l2_H")


@dataclass(frozen=True)
class Settings:
    """The numbers of a run, checked; see `nmf` for what they mean."""

    rank: int
    seed: int = 0
    max_iter: int = 1000
    tol: float = 0.0
    check_every: int = 10
    delta: float | None = None
    solver: str = "mu"
    inner: int | None = None
    stop: str = "error"
    init: str = "random"
    l1_W: float = 0.0
    l2_W: float = 0.0
    l1_H: float = 0.0
    l2_H: float = 0.0

    def __post_init__(self) -> None:
        for name, known in (("solver", (*SOLVERS, "auto")), ("stop", STOPS), ("init", INITS)):
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        least_of = {"rank": 1, "seed": 0, "max_iter": 1, "check_every": 1, "inner": 1}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is None and name == "inner":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} is {value!r}; it must be an integer")
            if value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
            object.__setattr__(self, name, int(value))
        for name in PENALTIES:
            if getattr(self, name) is None:
                raise TypeError(f"{name} is None; it must be a number >= 0")
        for name in ("tol", "delta", *PENALTIES):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        if not 0 <= self.tol < 1:
            raise ValueError(f"tol is {self.tol}; it must be in [0, 1), and 0 turns it off")
        if self.delta is not None and not 0 < self.delta < math.inf:
            raise ValueError(f"delta is {self.delta}; it must be positive, e.g. 1e-9")
        for name in PENALTIES:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be finite and >= 0")

        if self.stop == "descent" and (
            self.solver not in ("hals", "auto") or (self.inner or 1) > 1
        ):
            raise ValueError(
                f"stop='descent' is what one pass of solver='hals' met; with {self.solver!r} and "
                f"inner {self.inner}, take stop='kkt' or 'error'"
            )

    @property
    def penalties(self) -> Penalties:
        """Those on H and on W."""
        penalties = Penalty(self.l1_H, self.l2_H), Penalty(self.l1_W, self.l2_W)
        return penalties if any(map(any, penalties)) else None

    def on(self, problem: Problem) -> Settings:
        """The settings with what was left open settled for a problem."""
        solver = FASTEST if self.solver == "auto" else self.solver
        if solver == "mu" and self.init == "nndsvd":
            warnings.warn(
                "init='nndsvd' has zeros, which never leave under solver='mu'; take 'nndsvda', "
                "'nndsvdar' or another solver",
                stacklevel=4,
            )
        inner = self.inner or SOLVERS[solver]
        return replace(self, delta=self.delta_on(problem), solver=solver, inner=inner)

    def delta_on(self, problem: Problem) -> float:
        """δ for a problem."""
        if self.delta is None:
            # Denominators are of the size of mean(A)^1.5: c A gives c times the same fit.
            delta = float(DELTA * problem.mean**1.5)
            advice = "scale A, for instance divide it by its maximum"
        else:
            delta, advice = self.delta, "take a larger one"
        if problem.dtype.type(delta) == 0:
            raise ValueError(f"delta is {delta}, which is zero in {problem.dtype.name}; {advice}")
        return delta
