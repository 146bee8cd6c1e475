"""Runs under way: a batch of factorizations of one matrix, each of which stops by itself."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._version import __version__
from .backends.base import Array, Backend
from .loop import Loop, chunks
from .problem import Problem
from .results import Factorization
from .rules import make
from .settings import Settings


@dataclass
class Run:
    """One run of a batch.

    Attributes
    ----------
    errors : list of (k,) arrays
        Errors recorded, chunk by chunk.
    n_iter : int
        Iterations done.
    last : float
        Error at the last check of `tol`.
    certificate : float, optional
        What `stop` is about, if not the error, as last recorded, relative to the start's.
    seconds : float
        Its share of the wall time.
    first_chunk : (int, float)
        Length and seconds of the first chunk, in which a compiler may have been at work.
    stopped_because : str
        Why it ended; empty while it goes on.
    factors : (W, H), optional
        Kept from when it stopped before others of its batch.
    """

    errors: list[NDArray[np.float64]] = field(default_factory=list)
    n_iter: int = 0
    last: float = math.inf
    certificate: float | None = None
    seconds: float = 0.0
    first_chunk: tuple[int, float] = (0, 0.0)
    converged: bool = False
    stopped_because: str = ""
    factors: tuple[Array, Array] | None = None

    def add(self, count: int, errors: NDArray[np.float64], seconds: float) -> None:
        """Record a chunk."""
        if not self.errors:
            self.first_chunk = (count, seconds)
        self.errors.append(errors)
        self.n_iter += count
        self.seconds += seconds

    @property
    def seconds_per_iteration(self) -> float:
        """Without the first chunk, if there is another."""
        skip, skipped = self.first_chunk
        if skip == self.n_iter:
            return self.seconds / self.n_iter
        return (self.seconds - skipped) / (self.n_iter - skip)


class Batch:
    """R runs from different starts that go through the loop together.

    Parameters
    ----------
    problem : Problem
    settings : Settings
        Of all the runs; its seed is of no account here.
    W0, H0 : (R, m, d) and (R, d, n) arrays
    checked : bool
        End a chunk at every check (every `check_every` iterations).
    stride : int
        Record the error after every `stride` iterations.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        W0: Array,
        H0: Array,
        *,
        checked: bool = False,
        stride: int = 1,
    ) -> None:
        self.problem = problem
        self.settings = settings = settings.on(problem)
        self.every = settings.check_every if checked or settings.tol else None
        # The KKT residual is worth reporting; what descent met serves `tol` alone.
        needed = {"error": False, "kkt": True, "descent": settings.tol > 0}[settings.stop]
        self.certify = settings.stop if needed else ""
        self.runs = [Run() for _ in range(W0.shape[0])]
        self.first: list[float] = []  # the certificate of the start, or of the first iteration
        if self.certify == "kkt" or len(self.runs) == 1:
            self.start_kkts = problem.violation(W0, H0, settings.penalties).tolist()
        if self.certify == "kkt":
            self.first = self.start_kkts
        if settings.tol and not self.certify:
            self.start_errors = problem.error(W0, H0)
            for run, error in zip(self.runs, self.start_errors, strict=True):
                run.last = float(error)
        self.slots = list(range(len(self.runs)))  # which run is in each slot of the loop
        rule = make(settings.solver, settings.inner)
        if self.certify == "descent":
            stride = 1  # `tol` is relative to the first iteration
        delta = settings.delta_on(problem) if settings.solver == "mu" else 0.0
        more = (stride, self.certify, settings.penalties)
        self.loop = Loop(problem, rule, W0, H0, delta, *more)
        self.iteration = 0

    @property
    def going(self) -> list[int]:
        """The runs that have not stopped."""
        return [r for r, run in enumerate(self.runs) if not run.stopped_because]

    def __iter__(self) -> Iterator[int]:
        """Iterate to the end of all runs, yielding the length of every chunk done."""
        started = time.perf_counter()
        # Longer chunks are easier to share among threads, and neither the bar of a sweep nor
        # Ctrl-C, which loses the batch, is in a hurry.
        each = 0.1 if len(self.runs) == 1 else 1.0
        for count, recorded in chunks(self.loop, self.settings.max_iter, self.every, each):
            seconds = time.perf_counter() - started
            self._record(count, recorded, seconds)
            yield count
            if not self.going:
                return
            self._compact()
            started = time.perf_counter()

    def _record(self, count: int, recorded: NDArray[np.float64], seconds: float) -> None:
        """Give each run its part of a chunk, and stop those that are done."""
        if not np.isfinite(recorded).all():
            raise FloatingPointError(
                f"the iteration overflowed {self.problem.dtype.name} after iteration "
                f"{self.iteration}; scale A, for instance divide it by its maximum"
            )
        going = self.going
        self.iteration += count
        if self.certify and not self.first:
            self.first = recorded[0, 1, :].tolist()
        for slot, r in enumerate(self.slots):
            if r in going:
                self.runs[r].add(count, recorded[:, 0, slot], seconds / len(going))
                if self.certify:
                    self.runs[r].certificate = _relative(recorded[-1, 1, slot], self.first[r])
        if self.settings.tol and self.iteration % self.settings.check_every == 0:
            self._check(going)
        if self.iteration == self.settings.max_iter:
            self.stop(f"max_iter = {self.settings.max_iter} reached")

    def _check(self, going: list[int]) -> None:
        """Stop the runs that have converged."""
        for r in going:
            if because := self._converged(r):
                run = self.runs[r]
                run.converged, run.stopped_because = True, because
                run.factors = self._factors(r)

    def _converged(self, r: int) -> str:
        """Why a run has converged; empty if it has not."""
        run, tol = self.runs[r], self.settings.tol
        if run.certificate is not None:
            what = {
                "kkt": f"the KKT residual fell to tol = {tol:g} of the start's",
                "descent": f"the violation met in descent fell to tol = {tol:g} of the first",
            }[self.certify]
            return what * (run.certificate <= tol)
        error = float(run.errors[-1][-1])
        fell, run.last = run.last - error, error
        if fell > tol * self.start_errors[r]:
            return ""
        over = f"over {self.settings.check_every} iterations"
        return f"the error fell by less than tol = {tol:g} of the start's {over}"

    def stop(self, because: str) -> None:
        """Stop all the runs that are going."""
        for r in self.going:
            self.runs[r].stopped_because = because

    def _compact(self) -> None:
        """Drop stopped runs from the loop once they are half of it."""
        going = self.going
        # A compiled loop would have to be compiled again: more than it saves.
        if len(going) <= len(self.slots) // 2 and not self.problem.backend.compiles:
            self.loop.keep([self.slots.index(r) for r in going])
            self.slots = going

    def certificate(self) -> float:
        """KKT residual of a batch of one as it stands, relative to that of its start."""
        problem = self.problem
        factors = problem.factors(self.loop.state)
        kkt = problem.violation(*factors, self.settings.penalties)[0]
        return _relative(kkt, self.start_kkts[0])

    def _factors(self, r: int) -> tuple[Array, Array]:
        """W (m, d) and H (d, n) of a run as they stand in the loop, copied."""
        xp, slot = self.problem.backend.xp, self.slots.index(r)
        state = tuple(xp.take(x, xp.asarray([slot]), axis=0) for x in self.loop.state)
        W, H = self.problem.factors(state)
        return W[0, ...], H[0, ...]

    def result(self, r: int = 0, seed: int | None = None) -> Factorization:
        """The factorization of a run as it stands; its factors are the backend's arrays."""
        problem, run = self.problem, self.runs[r]
        W, H = run.factors or self._factors(r)
        (m, n), d = problem.A.shape, self.settings.rank
        recorded = record(self.settings, problem)
        if seed is not None:
            recorded["seed"] = seed
        return Factorization(
            W=W,
            H=H,
            errors=np.concatenate(run.errors),
            n_iter=run.n_iter,
            stride=self.loop.stride,
            norm=math.sqrt(problem.norm2),
            kkt=run.certificate if self.certify == "kkt" else None,
            converged=run.converged,
            stopped_because=run.stopped_because,
            seconds=run.seconds,
            seconds_per_iteration=run.seconds_per_iteration,
            flops_per_iteration=4.0 * problem.entries * d
            + 4.0 * (m + n) * d**2,  # of one inner step
            settings=recorded,
        )


def _relative(found: float, first: float) -> float:
    """`found` relative to `first`, which may be that of a solution already."""
    return float(found) / (float(first) or 1.0)


def record(settings: Settings, problem: Problem) -> dict[str, Any]:
    """What is needed to repeat a run, ready for JSON."""
    backend = problem.backend
    return {
        **asdict(settings),
        "dtype": problem.dtype.name,
        "shape": list(problem.shape),
        "backend": backend.name,
        "device": backend.probe().device,
        "versions": versions(backend),
    }


def versions(backend: Backend) -> dict[str, str]:
    """Versions of all that had a part in a result."""
    return {
        "nmf_accel": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **backend.versions(),
    }
