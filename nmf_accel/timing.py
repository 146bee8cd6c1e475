"""How long an iteration takes here, on each backend and by each solver, beside the least time.

`compare` takes them in turns, so that a slow minute of the machine is one for all. The least time of
an iteration, its *floor*, is the longer of two: what its bytes take at the rate of a copy, and what
its operations take at the rate of a large matrix product. Both rates are measured in the same run,
between the iterations. The bytes are those of `Problem.moved`: A in each half-step, the factors read
in both and written in one. The operations are those of `Problem.flops`: the six matrix products,
without what zeros and equal rows spare. What else a solver does is in the time, not in the floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends import Backend, BackendError, names, probe, resolve
from .backends.base import LONGEST_CHUNK
from .core import Batch, Problem
from .intake import Given, prepare
from .options import COMMON, Options
from .progress import Progress, progress_bar
from .solvers import AUTO

SOLVERS = (COMMON["solver"].default, AUTO)
"""Those that are measured where none is named: the default, and what 'auto' takes."""

ROUNDS = 10
LEAST_ROUNDS = 3
"""What is done of them where an iteration takes so long that there is no time for all."""

PAUSE = 0.05
"""Seconds between two turns: the threads of a BLAS look out for work for a while after a call."""

UNSTEADY = 1.5
"""Ratio of the quartiles above which figures are no ground for a choice."""

FAILURES = (BackendError, RuntimeError, MemoryError)
"""What a backend raises that cannot do this here; the others are measured all the same."""


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
        What a copy and a matrix product reach here.
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


def compare(
    A: Any,
    rank: int,
    *,
    solvers: Iterable[str] = SOLVERS,
    backends: Iterable[str] | None = None,
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
        If one of `backends` cannot run here.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.timing import compare
    >>> [one] = compare(np.eye(9), 2, solvers=["mu"], backends=["numpy"], seconds=0.1)
    >>> one.backend, one.solver, one.seconds > 0
    ('numpy', 'mu', True)
    """
    given, solvers = Given(A), list(solvers)
    if runs < 1 or not seconds > 0:
        raise ValueError(f"runs is {runs} and seconds is {seconds}; both must be positive")
    options = [Options(rank=rank, solver=solver) for solver in solvers]
    asked = backends and [resolve(name, given.passed, given.kind).name for name in backends]
    found: list[Timing | Contestant] = []
    for name in dict.fromkeys(asked or names()):
        found += _contestants(given, name, dtype, options, runs)
    contestants = [x for x in found if isinstance(x, Contestant)]
    with progress_bar(ROUNDS * len(contestants), progress) as bar:
        _take_turns(contestants, seconds, bar)
    # Each went on for about as long, so this is the error that the slowest of them reached.
    target = max((float(x.errors[-1]) for x in contestants), default=np.nan)
    return [x.timing(target) if isinstance(x, Contestant) else x for x in found]


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


def _contestants(
    given: Given, name: str, dtype: Any, options: list[Options], runs: int
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
        problem = prepare(given, dtype, name)
        rates = Rates(problem)
        entries = [Contestant(problem, x, runs, rates, about) for x in options]
        # 'auto' may be one of the others.
        entries = list({x.solver: x for x in reversed(entries)}.values())[::-1]
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
        with self.backend.scope(problem.A):
            starts = [problem.draw(options.rank, r, options.init) for r in range(self.runs)]
            W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
            # As `nmf` records for one run, and `sweep` for several.
            every = 1 if self.runs == 1 else options.check_every
            batch = Batch(problem, options, W0, H0, record_every=every)
        self.solver, self.loop, self.every = batch.options.solver, batch.loop, every
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

    def timing(self, target: float) -> Timing:
        """What was measured."""
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
            bytes_per_second=self.rates.bytes,
            operations_per_second=self.rates.operations,
            target=target,
            seconds_to_target=self.seconds_to(target),
        )


class Rates:
    """Bytes and operations a second that a backend reaches here, the best of all measurements.

    Operations: in the product of two square matrices, so large that it takes 20 ms or they have
    8192 rows. Bytes: in a copy of as much as A has, for a small one may stay in cache as A does, or
    in a product of that with one row, which NumPy's threads share, whichever is faster.
    """

    def __init__(self, problem: Problem) -> None:
        self.backend = backend = problem.backend
        self.dtype = problem.dtype
        self.bytes = self.operations = 0.0
        self.scope: Callable[[], Any] = lambda: backend.scope(problem.A)
        self.factor_size = 1024
        with self.scope():
            size = max(int(np.sqrt(min(max(problem.A.read, 2**20), 2**28) / self.itemsize)), 1)
            self.whole, self.row = self._random(size, size), self._random(1, size)
            self.into = backend.xp.zeros_like(self.whole)
            self.square = self._random(self.factor_size, self.factor_size)
            while self._product() < 0.02 and self.factor_size < 8192:
                self.factor_size *= 2
                self.square = self._random(self.factor_size, self.factor_size)
                self._product()  # a new shape may have to be compiled
        self.measure()

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return self.dtype.itemsize

    def measure(self) -> None:
        """Once more; a rate is the best that was ever reached."""
        with self.scope():
            moved = self.whole.shape[0] ** 2 * self.itemsize
            self.operations = max(self.operations, 2 * self.factor_size**3 / self._product())
            self.bytes = max(
                self.bytes,
                2 * moved / self._seconds(self._copy, moved),
                moved / self._seconds(self._row_product, moved),
            )

    def _random(self, *shape: int) -> Any:
        numbers = np.random.default_rng(0).random(shape, dtype=self.dtype.name)  # type: ignore[call-overload]
        return self.backend.asarray(numbers, self.dtype)

    def _product(self) -> float:
        """Seconds of the product of two squares."""
        return self._seconds(lambda: self.backend.matmul(self.square, self.square), 2**30)

    def _row_product(self) -> Any:
        return self.backend.matmul(self.row, self.whole)

    def _copy(self) -> Any:
        """Into memory that is there already, if the library lets us write to it; JAX does not."""
        try:
            self.into[...] = self.whole
        except TypeError:
            return self.backend.xp.negative(self.whole)
        return self.into

    def _seconds(self, function: Callable[[], Any], size: int) -> float:
        """Seconds of one call, of as many as move a GB, since starting one on a GPU takes time."""
        count = int(np.clip(2**30 // size, 1, 100))
        accelerated = self.backend.probe().accelerated
        self.backend.synchronize(function())
        started = time.perf_counter()
        for k in range(count):
            result = function()
            # A GPU does one after another; a CPU under JAX might do several at once.
            if not accelerated or k == count - 1:
                self.backend.synchronize(result)
        return (time.perf_counter() - started) / count
