"""Solvers on backends, timed in turns."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, BackendError, names, probe, resolve
from ..backends.base import LONGEST_CHUNK
from ..core import Batch, Problem, settle
from ..intake import Given, prepare
from ..options import COMMON, Options
from ..progress import Progress, progress_bar
from ..solvers import AUTO
from .rates import Rates
from .records import Timing

SOLVERS = (COMMON["solver"].default, AUTO)
"""Those that are measured where none is named: the default, and what 'auto' takes."""

ROUNDS = 10
LEAST_ROUNDS = 3
"""What is done of them where an iteration takes so long that there is no time for all."""

PAUSE = 0.05
"""Seconds between two turns: the threads of a BLAS look out for work for a while after a call."""

FAILURES = (BackendError, RuntimeError, MemoryError)
"""What a backend raises that cannot do this here; the others are measured all the same."""


LONGEST = 86_400
"""Seconds that a measurement may take: a day."""
MOST_AT_ONCE = 10_000
"""Runs that are measured at once."""


def compare(
    A: Any,
    rank: int,
    *,
    solvers: Iterable[str] = SOLVERS,
    backends: Iterable[str] | None = None,
    device: str | None = None,
    dtype: Any = None,
    runs: int = 1,
    seconds: float = 2.0,
    progress: bool = False,
) -> list[Timing]:
    """Measure an iteration of each solver on each backend, in turns.

    Parameters
    ----------
    A : (m, n) array or sparse matrix
        On the host; as for `nmf`.
    rank : int
    solvers : iterable of str
        As for `nmf`; by default 'mu' and what 'auto' takes.
    backends : iterable of str, optional
        Which; by default all that there are, and the record of one that cannot run says why.
    device : str, optional
        As for `nmf`; a backend that has no such device cannot run.
    dtype : {'float64', 'float32'}, optional
        As for `nmf`.
    runs : int
        How many go through the loop together, as in a sweep.
    seconds : float
        How long each is measured, in all.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    list of Timing

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a setting out of range.
    nmf_accel.BackendError
        If one of `backends` cannot run here, or has no such `device`.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.timing import compare
    >>> [one] = compare(np.eye(9), 2, solvers=["mu"], backends=["numpy"], seconds=0.1)
    >>> one.backend, one.solver, one.seconds > 0
    ('numpy', 'mu', True)
    """
    given, solvers = Given(A), list(solvers)
    if runs < 1 or not 0 < seconds <= LONGEST:
        raise ValueError(
            f"runs is {runs} and seconds is {seconds}; both must be positive, and seconds at most "
            f"{LONGEST:,}"
        )
    if runs > MOST_AT_ONCE:
        raise ValueError(f"runs is {runs}; at most {MOST_AT_ONCE:,} are measured at once")
    options = [Options(rank=rank, solver=solver) for solver in solvers]
    asked = backends and [resolve(name, given.like, given.kind, device).name for name in backends]
    found: list[Timing | Contestant] = []
    for name in dict.fromkeys(asked or names()):
        found += _contestants(given, name, device, dtype, options, runs)
    contestants = [x for x in found if isinstance(x, Contestant)]
    with progress_bar(ROUNDS * len(contestants), progress) as bar:
        _take_turns(contestants, seconds, bar)
    # Each went on for about as long, so this is the error that the slowest of them reached.
    target = max((float(x.errors[-1]) for x in contestants), default=np.nan)
    return [
        x.timing(target, *_reached(x, contestants)) if isinstance(x, Contestant) else x
        for x in found
    ]


def _reached(one: Contestant, contestants: list[Contestant]) -> tuple[float, float]:
    """Bytes and operations a second of its device: the best that any library reached on it."""
    alike = [x.rates for x in contestants if x.rates.accelerated == one.rates.accelerated]
    return max(x.bytes for x in alike), max(x.operations for x in alike)


def _contestants(
    given: Given,
    name: str,
    device: str | None,
    dtype: Any,
    options: list[Options],
    runs: int,
) -> list[Timing | Contestant]:
    """The solvers on a backend, warmed up; or a record of why there is nothing to measure."""
    found = probe(name)
    about: dict[str, Any] = {
        "backend": name,
        "device": found.device,
        "accelerated": found.accelerated,
    }
    about |= {"rank": options[0].rank, "runs": runs}
    if not found.usable:
        return [Timing(not_measured=found.reason, **about)]
    try:
        problem = prepare(given, dtype, name, device)
        about["device"] = problem.backend.probe().device
        rates = Rates(problem)
        entries = [Contestant(problem, x, runs, rates, about) for x in options]
        # 'auto' may be one of the others.
        entries = list({x.options: x for x in reversed(entries)}.values())[::-1]
        for entry in entries:
            entry.warm_up()
    except FAILURES as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return [Timing(not_measured=reason, **about)]
    return [*entries]


def _take_turns(contestants: list[Contestant], seconds: float, bar: Progress) -> None:
    """Time each for so long in all, round by round, and each round the rates too."""
    started, limit = time.perf_counter(), 3 * seconds * len(contestants)
    for done in range(ROUNDS):
        if done >= LEAST_ROUNDS and time.perf_counter() - started > limit:
            return
        for rates in dict.fromkeys(x.rates for x in contestants):
            time.sleep(PAUSE)
            rates.measure()
        for contestant in contestants:
            time.sleep(PAUSE)
            contestant.take_turn(seconds / ROUNDS)
            bar.add(1, f"{contestant.backend.name} {contestant.solver}")


@dataclass(eq=False)
class Contestant:
    """A solver on a backend, under way: it goes on from turn to turn, as a run does.

    Attributes
    ----------
    problem : Problem
    options : Options
        Settled for the problem.
    runs : int
    rates : Rates
        Of the backend.
    about : dict
        What its record has to say of it.
    times : list of (int, float)
        Iterations and seconds of each chunk.
    recorded : list of (k,) arrays
        The errors of each, medians over the runs.
    """

    problem: Problem
    options: Options
    runs: int
    rates: Rates
    about: dict[str, Any]
    times: list[tuple[int, float]] = field(default_factory=list)
    recorded: list[NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        problem, options = self.problem, self.options
        # 'auto' by the name of its solver, where it is no more than that.
        self.options = settle(options, problem)
        plain = settle(Options(rank=options.rank, solver=self.options.solver), problem)
        self.solver = plain.solver if self.options == plain else options.solver
        with self.backend.scope(problem.A):
            starts = [problem.draw(options.rank, r, options.init) for r in range(self.runs)]
            W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
            # As `nmf` records for one run, and `sweep` for several.
            every = 1 if self.runs == 1 else options.check_every
            batch = Batch(problem, options, W0, H0, record_every=every)
        self.loop, self.every = batch.loop, every
        self.first_seconds, self.count = np.nan, every  # the next chunk's

    @property
    def backend(self) -> Backend:
        """Where it runs."""
        return self.problem.backend

    def advance(self, count: int) -> tuple[float, NDArray[np.float64]]:
        """Seconds of so many iterations, and the errors recorded."""
        with self.backend.scope(self.problem.A):
            started = time.perf_counter()
            recorded = self.loop.advance(count)
            self.backend.synchronize(self.loop.state)
            seconds = time.perf_counter() - started
        return seconds, np.median(recorded[:, 0], axis=-1)

    def warm_up(self) -> None:
        """Let compilers and libraries do what they do once, and go back to the start."""
        start = self.loop.state
        self.first_seconds = self.advance(self.count)[0] / self.count
        self.advance(self.count)
        self.loop.state = start

    def take_turn(self, turn: float) -> None:
        """Go on for about `turn` seconds, timed in chunks of half as long."""
        started = time.perf_counter()
        while (left := turn - (time.perf_counter() - started)) > 0:
            seconds, errors = self.advance(self.count)
            if not np.isfinite(errors).all():
                raise FloatingPointError(
                    f"the iteration overflowed {self.problem.dtype.name}; scale A, for instance "
                    "divide it by its maximum"
                )
            self.times.append((self.count, seconds))
            self.recorded.append(errors)
            wanted = int(self.count / max(seconds, 1e-9) * min(turn / 2, left))
            # Not at once, since the first of them may still be slow.
            wanted = min(wanted, 8 * self.count, LONGEST_CHUNK * self.every)
            self.count = max(wanted // self.every, 1) * self.every

    @property
    def errors(self) -> NDArray[np.float64]:
        """All that were recorded."""
        return np.concatenate(self.recorded)

    def seconds_to(self, error: float) -> float:
        """When an error was reached that is no larger."""
        records = [len(errors) for errors in self.recorded]
        each = [seconds / n for (_, seconds), n in zip(self.times, records, strict=True)]
        return float(np.repeat(each, records)[: np.argmax(self.errors <= error) + 1].sum())

    def timing(self, target: float, bytes: float, operations: float) -> Timing:
        """What was measured, on a device that reaches these rates."""
        paces = [seconds / count for count, seconds in self.times]
        low, middle, high = (float(x) for x in np.percentile(paces, [25, 50, 75]))
        rank = self.options.rank
        return Timing(
            **self.about,
            solver=self.solver,
            dtype=self.problem.dtype.name,
            seconds=middle,
            quartiles=(low, high),
            first_seconds=self.first_seconds,
            iterations=sum(count for count, _ in self.times),
            bytes=self.problem.moved(rank, self.runs),
            operations=self.problem.flops(rank) * self.runs,
            bytes_per_second=bytes,
            operations_per_second=operations,
            target=target,
            seconds_to_target=self.seconds_to(target),
        )
