"""`nmf`: the public edge. Checks what it is given, picks a backend, runs the loop."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._version import __version__
from .backends import owner
from .backends.base import Array, Backend
from .loop import Loop, chunks
from .problem import Problem, as_matrix, check_entries, prepare
from .results import Factorization, Interrupted
from .rules import lee_seung
from .starts import random_start

Callback = Callable[[int, float], bool | None]


@dataclass(frozen=True)
class Settings:
    """The numbers of a run, checked; see `nmf` for what they mean."""

    rank: int
    seed: int = 0
    max_iter: int = 1000
    tol: float = 0.0
    check_every: int = 10
    delta: float = 1e-9

    def __post_init__(self) -> None:
        for name, least in (("rank", 1), ("seed", 0), ("max_iter", 1), ("check_every", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{name} is {value!r}; it must be an integer")
            if value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
            object.__setattr__(self, name, int(value))
        if not 0 <= self.tol < 1:
            raise ValueError(f"tol is {self.tol}; it must be in [0, 1), and 0 turns it off")
        if not (self.delta > 0 and math.isfinite(self.delta)):
            raise ValueError(f"delta is {self.delta}; it must be positive, e.g. 1e-9")


def nmf(
    A: Any,
    rank: int,
    *,
    seed: int = 0,
    max_iter: int = 1000,
    tol: float = 0.0,
    check_every: int = 10,
    delta: float = 1e-9,
    W0: Array | None = None,
    H0: Array | None = None,
    dtype: Any = None,
    backend: str | None = None,
    progress: bool = False,
    callback: Callback | None = None,
) -> Factorization:
    """Factorize a non-negative matrix, A ≈ W H, by Lee and Seung's multiplicative updates.

    Parameters
    ----------
    A : (m, n) array
        Non-negative and finite; columns are samples, rows are features. NumPy, CuPy or JAX
        array, or anything that `numpy.asarray` makes a matrix of. Never written to.
    rank : int
        d, the number of components, at least 1.
    seed : int
        Of the random start: W0 and H0 uniform in [0, sqrt(mean(A) / d)).
    max_iter : int
        Iterations, exactly as many unless `tol` or `callback` ends the run before.
    tol : float
        Stop when, over `check_every` iterations, the error fell by less than `tol` times the
        error of the start, as scikit-learn does. 0 never stops.
    check_every : int
        Iterations between two checks of `tol` and two calls of `callback`.
    delta : float
        δ > 0, added to the denominators.
    W0, H0 : (m, d) and (d, n) arrays, optional
        Starts, non-negative and not all zero; what is not given is drawn from `seed`. An entry
        that is zero stays zero.
    dtype : {'float64', 'float32'}, optional
        Precision to compute in. By default float32 for float16 and float32 data, else float64.
    backend : str, optional
        ``'numpy'``, ``'cupy'``, ``'jax'`` or another registered one. By default: the library
        that A is an array of if that is CuPy or JAX; else what the environment variable
        ``NMF_ACCEL_BACKEND`` names; else a usable GPU; else NumPy.
    progress : bool
        Show a progress bar with the current error on stderr.
    callback : callable, optional
        Called as ``callback(iteration, error)`` every `check_every` iterations and after the
        last; return True to stop.

    Returns
    -------
    Factorization
        W and H are arrays of the library that A came from, on its device.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a setting out of range.
    nmf_accel.BackendError
        If the backend that was asked for cannot run on this machine.
    Interrupted
        A KeyboardInterrupt that holds the result so far, on Ctrl-C.

    Notes
    -----
    One iteration is H ← H ∘ (WᵀA) ⊘ (WᵀWH + δ), then W ← W ∘ (AHᵀ) ⊘ (WHHᵀ + δ); the error
    never increases.

    References
    ----------
    D. D. Lee and H. S. Seung, "Algorithms for non-negative matrix factorization", Advances in
    Neural Information Processing Systems 13, 2001, eq. 4 and theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel import nmf
    >>> result = nmf(np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 2.0]]), rank=1)
    >>> round(result.error, 8)
    0.4111546
    """
    settings = Settings(rank, seed, max_iter, tol, check_every, delta)
    problem = prepare(A, dtype, backend)
    if problem.dtype.type(delta) == 0:
        raise ValueError(f"delta is {delta}, which is zero in {problem.dtype.name}")
    with problem.backend.scope(problem.A):
        starts = starting_factors(problem, settings, A, W0, H0)
        run = _Run(problem, settings, *starts, to_host=not problem.backend.owns(A))
        try:
            run.go(callback, progress)
        except KeyboardInterrupt:
            if not run.errors:
                raise
            result = run.result(f"interrupted after {run.iteration} of {max_iter} iterations")
            raise Interrupted(replace(result, W0=W0, H0=H0)) from None
        return replace(run.result(), W0=W0, H0=H0)


def starting_factors(
    problem: Problem, settings: Settings, A: Any, W0: Array | None, H0: Array | None
) -> tuple[Array, Array]:
    """The starts as (1, m, d) and (1, d, n), drawn where not given, checked where given."""
    (m, n), d = problem.shape, settings.rank
    drawn = random_start((m, n), d, settings.seed, problem.mean)
    starts = []
    for name, given, random, shape in (
        ("W0", W0, drawn[0], (m, d)),
        ("H0", H0, drawn[1], (d, n)),
    ):
        start = random if given is None else _checked_start(problem, A, name, given, shape)
        starts.append(start[None, ...])
    return starts[0], starts[1]


def _checked_start(
    problem: Problem, A: Any, name: str, start: Any, shape: tuple[int, int]
) -> Array:
    start = as_matrix(start, name)
    if start.shape != shape:
        raise ValueError(f"{name} has shape {start.shape}; with this A and rank it must be {shape}")
    library, home = owner(start), owner(A)
    if library not in ("numpy", home):
        raise ValueError(
            f"{name} is a {library} array and A is not; give {name} in A's library or in NumPy"
        )
    check_entries(problem.backend, problem.backend.asarray(start, problem.dtype), name)
    return start


@dataclass
class _Run:
    """One factorization under way."""

    problem: Problem
    settings: Settings
    W0: Array
    H0: Array
    to_host: bool
    errors: list[NDArray[np.float64]] = field(default_factory=list)
    iteration: int = 0
    converged: bool = False
    seconds: float = 0.0
    first_chunk: tuple[int, float] = (0, 0.0)
    stopped_because: str = ""

    def __post_init__(self) -> None:
        self.loop = Loop(self.problem, lee_seung, self.W0, self.H0, self.settings.delta)

    def go(self, callback: Callback | None, progress: bool) -> None:
        """Iterate to the end, chunk by chunk."""
        settings = self.settings
        every = settings.check_every if callback or settings.tol else None
        if settings.tol:
            first = last = float(self.problem.start_error(self.W0, self.H0)[0])
        started = time.perf_counter()
        with progress_bar(settings.max_iter, progress) as bar:
            for chunk in chunks(self.loop, settings.max_iter, every):
                self._add(chunk[:, 0], time.perf_counter() - started)
                error = float(chunk[-1, 0])
                bar(len(chunk), error)
                at_check = every is not None and self.iteration % every == 0
                called = callback and (at_check or self.iteration == settings.max_iter)
                if callback and called and callback(self.iteration, error):
                    self.stopped_because = "the callback asked to stop"
                    return
                if settings.tol and at_check:
                    if (last - error) / first < settings.tol:
                        self.converged = True
                        self.stopped_because = (
                            f"the error fell by less than tol = {settings.tol:g} of its start "
                            f"over {every} iterations"
                        )
                        return
                    last = error
        self.stopped_because = f"max_iter = {settings.max_iter} reached"

    def _add(self, errors: NDArray[np.float64], seconds: float) -> None:
        if not np.isfinite(errors).all():
            raise FloatingPointError(
                f"the iteration overflowed {self.problem.dtype.name} near iteration "
                f"{self.iteration + 1}; scale A, for instance divide it by its maximum"
            )
        if not self.errors:
            self.first_chunk = (len(errors), seconds)
        self.errors.append(errors)
        self.iteration += len(errors)
        self.seconds = seconds

    def result(self, stopped_because: str | None = None) -> Factorization:
        """The factorization as it stands."""
        problem = self.problem
        W, H = problem.factors(self.loop.state)
        if self.to_host:
            W, H = problem.backend.to_numpy(W), problem.backend.to_numpy(H)
        (skip, skipped), n_iter = self.first_chunk, self.iteration
        if n_iter == skip:
            skip, skipped = 0, 0.0
        m, n = problem.A.shape
        d = self.settings.rank
        return Factorization(
            W=W[0, ...],
            H=H[0, ...],
            errors=np.concatenate(self.errors),
            norm=math.sqrt(problem.norm2),
            converged=self.converged,
            stopped_because=stopped_because or self.stopped_because,
            seconds=self.seconds,
            seconds_per_iteration=(self.seconds - skipped) / (n_iter - skip),
            flops_per_iteration=4.0 * m * n * d + 4.0 * (m + n) * d**2,
            settings=record(self.settings, problem),
        )


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


@contextmanager
def progress_bar(total: int, show: bool) -> Iterator[Callable[[int, float], None]]:
    """A bar on stderr, moved by calling ``move(count, error)``; nothing if not `show`."""
    if not show:
        yield lambda count, error: None
        return
    from tqdm import tqdm

    with tqdm(total=total, dynamic_ncols=True) as bar:

        def move(count: int, error: float) -> None:
            bar.set_postfix_str(f"error {error:.6g}", refresh=False)
            bar.update(count)

        yield move
