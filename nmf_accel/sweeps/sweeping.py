"""`sweep`: one matrix at many ranks from many seeds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

from ..callers import warn_caller
from ..core import Problem, record
from ..intake import Given, fingerprint
from ..options import COMMON, Option, OptionKeywords, Options, choice
from ..progress import BAR, Progress, progress_bar
from ..results import Factorization, Interrupted
from .elsewhere import Elsewhere
from .here import Finished, Here
from .memory import kept_bytes
from .packing import Packing
from .plan import planned_runs, wanted_of
from .store import KEEP, NAMES, Key, Row, Store, key_of, listed
from .table import SweepResult
from .work import Work
from .workers import WorkerError, Workers

KEPT = choice("best", "Whose factors are kept.", KEEP)
MEMORY = Option(None, "Most bytes to take.", float, "a finite number of bytes", low=0)


def sweep(
    A: Any,
    ranks: Iterable[int],
    seeds: int | Iterable[int] = 5,
    *,
    reference: Any = None,
    W_fixed: Any = None,
    H_fixed: Any = None,
    missing: float | None = None,
    weights: Any = None,
    zeros: str = "zero",
    unknown: str = "refuse",
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
    memory: int | None = None,
    executor: Executor | Workers | None = None,
    keep: str = "best",
    store: str | os.PathLike[str] | None = None,
    about: dict[str, Any] | None = None,
    progress: bool = False,
    **options: Unpack[OptionKeywords],
) -> SweepResult:
    """Factorize one matrix at many ranks from many seeds.

    The runs of a rank go through the loop together, so that A is read once per half-step for
    all of them. Each gives what `nmf` gives with its rank and seed.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`, with or without names.
    ranks : iterable of int
        Each once.
    seeds : int or iterable of int
        So many, from 0; or which.
    reference : (m, n) array, optional
        What A should have been (the images without noise): ‖reference − W H‖_F is reported. Put
        into A's order where both have names, as for `nmf`.
    W_fixed, H_fixed, missing, weights, zeros, unknown, dtype, backend, device
        As for `nmf`.
    memory : int, optional
        Most bytes that the sweep may take on the device, or on each of several, with A, a
        `reference` and the factors that are kept; by default 80 % of what is free. With an
        `executor`, that each worker may take, without what is kept; by default its part of 80 % of
        what is free where it is, workers of one machine having equal parts.
    executor : concurrent.futures.Executor or Workers, optional
        Whose workers compute batches, one thread each, instead of this process: Dask's
        ``client.get_executor()``, a ``ProcessPoolExecutor``, mpi4py's ``MPIPoolExecutor``, …
        (``docs/machines.md``). A goes to each worker once; the folder stays with the caller. With
        `Workers`, how many there are and how many threads each takes.
    keep : {'best', 'all', 'none'}
        Whose factors are kept: the best run's of each rank, all, or none.
    store : path, optional
        Folder to keep the runs in, which this call alone may write to meanwhile. A sweep that was
        interrupted goes on where it was; one with other settings, data or names is refused. Runs
        whose lines are damaged, or whose factors are lost or damaged, are done again.
    about : dict, optional
        What to write of the data into the store.
    progress : bool
        Show one progress bar for the whole sweep on stderr.
    **options
        max_iter, tol, check_every, delta, loss, folds, solver, inner, extrapolate, stop, init,
        l1_W, l2_W, l1_H and l2_H, as for `nmf`; every run stops by itself. Errors are recorded
        every `check_every` iterations. With `folds`, the seeds take the folds in turn.

    Returns
    -------
    SweepResult
        Factors that come from a folder are NumPy's arrays: ``to_frames()`` gives them their names.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a setting out of range; for something beside A
        whose names are not those of A; for a `store` where several processes share A.
    nmf_accel.BackendError
        If the backend that was asked for cannot run on this machine, or has no such device.
    nmf_accel.StoreError
        If the folder holds another sweep, or is damaged, or another process writes to it.
    nmf_accel.WorkerError
        If a worker of the `executor` is lost, has another version of the library, or what it needs
        cannot be sent to it; it holds the finished runs.
    Interrupted
        A KeyboardInterrupt that holds the finished runs, on Ctrl-C. Batches that workers have not
        begun are cancelled.

    Warns
    -----
    UserWarning
        Of what was damaged in the folder.
    """
    KEPT.checked("keep", keep)
    memory = None if memory is None else int(MEMORY.checked("memory", memory))
    runs = planned_runs(ranks, seeds, options)
    workers = None if executor is None else Workers.of(executor)
    given = Given(A, missing=missing, weights=weights, zeros=zeros, unknown=unknown)
    work = Work(
        given,
        runs[0],
        frozenset(run.rank for run in runs),
        reference=reference,
        W_fixed=W_fixed,
        H_fixed=H_fixed,
        dtype=dtype,
        backend=backend,
        device=device,
        memory=memory,
        keep=keep,
    )
    problem, truth = work.prepared()
    if problem.A.devices > 1 and workers is not None:
        raise ValueError(
            f"A lies on {problem.A.devices} devices of JAX, where no workers are; pass an array of "
            "NumPy, or leave executor out"
        )
    if problem.A.processes > 1 and store is not None:
        raise ValueError(
            f"store is {os.fspath(store)!r}, but A lies on {problem.A.processes} processes, and a "
            "folder is one process's; leave store out, and save what you keep from one of them"
        )
    # A folder takes what is kept; and so does the host, of what a device has made of its matrix.
    stay = store is None and problem.backend.name == (given.library or "numpy")
    kept = kept_bytes(problem, wanted_of(runs, keep)) if stay else 0
    place = Here(Packing(problem, memory, truth.A.nbytes if truth else 0, kept), truth)
    if workers is not None:
        place = Elsewhere.of(place, work, workers)
    whole = Sweep(given, runs, place, keep)
    folder = nullcontext() if store is None else whole.kept_in(store, about or {})
    with folder, progress_bar(whole.cost(whole.missing), progress, bar_format=BAR) as bar:
        try:
            return whole.run(bar)
        except KeyboardInterrupt:
            raise whole.interrupted() from None
        except WorkerError as error:
            raise whole.without(error) from error.__cause__


@dataclass(repr=False)
class Sweep:
    """A sweep that is planned: what is missing, and where it is to go.

    Attributes
    ----------
    given : Given
        The data.
    plan : list of Options
        All its runs.
    place : Here
        Where they are computed.
    keep : {'best', 'all', 'none'}
    result : SweepResult
        What there is so far.
    """

    given: Given
    plan: list[Options]
    place: Here
    keep: str
    result: SweepResult = field(default_factory=lambda: SweepResult([]))

    def __post_init__(self) -> None:
        self.result.options = self.options

    @property
    def problem(self) -> Problem:
        """The data, made ready."""
        return self.place.problem

    @property
    def options(self) -> Row:
        """The options that all its runs have in common."""
        return {name: getattr(self.plan[0], name) for name in COMMON}

    @property
    def settings(self) -> Row:
        """What all its runs have in common, matrices by their fingerprints."""
        fixed = self.problem.fixed
        names, reference = self.given.labels.fingerprint, self.place.reference
        held = {"W_fixed": fixed.W, "H_fixed": fixed.H}
        return {
            **self.options,
            "dtype": self.problem.dtype.name,
            "keep": self.keep,
            "data": self.given.fingerprint,
            "reference": reference and reference.given.fingerprint,
            **{name: fingerprint(x) for name, x in held.items() if x is not None},
            **({} if names is None else {NAMES: names}),
        }

    @contextmanager
    def kept_in(self, path: str | os.PathLike[str], about: dict[str, Any]) -> Iterator[None]:
        """Keep the runs in a folder meanwhile, and take over those that it has."""
        about = {**record(self.plan[0], self.problem), **self.place.about, **about}
        with Store.open(path, self.settings, about) as store:
            store.look()
            self.result = SweepResult.of(store)
            todo = {(run.rank, run.seed) for run in self.missing}
            self.result.skipped = sum((run.rank, run.seed) not in todo for run in self.plan)
            yield

    @property
    def missing(self) -> list[Options]:
        """The runs that are not done; of a rank that has none, those whose factors are lost."""
        done = set(map(key_of, self.result.table))
        todo = [run for run in self.plan if (run.rank, run.seed) not in done]
        # What is still to be done of a rank may be better than what is lost.
        ranks = {run.rank for run in self.plan} - {run.rank for run in todo}
        lost = [key for key in sorted(self.lost) if key[0] in ranks]
        return todo + [replace(self.plan[0], rank=rank, seed=seed) for rank, seed in lost]

    @property
    def lost(self) -> set[Key]:
        """The runs whose factors should be in the folder, and are not; planned or not."""
        return set() if self.result.store is None else self.result.store.lost

    def _tell(self, runs: list[Options]) -> None:
        """Warn of those runs that are done again."""
        again = self.lost & {(run.rank, run.seed) for run in runs}
        if again and self.result.store is not None:
            faults = map(self.result.store.told, sorted(again))
            warn_caller(f"{listed(faults)}; done again")

    def cost(self, runs: Iterable[Options]) -> float:
        """Operations of some runs, if they go on to their last iterations."""
        return sum(map(self.place.cost, runs))

    def run(self, bar: Progress, label: str = "") -> SweepResult:
        """Do what is missing; `label` goes before what the bar says."""
        with self.problem.backend.scope(self.problem.A):
            # Once; where what was done again is not the best any more, as on another machine, the
            # factors of what is may be lost as well.
            while missing := self.missing:
                self._tell(missing)
                with closing(self.place.run(missing, bar, label)) as batches:
                    for finished in batches:
                        self.take_in(finished)
                        del finished  # or the next batch would run beside them
        self.result.table.sort(key=key_of)
        return self.result

    def interrupted(self) -> Interrupted:
        """What Ctrl-C leaves: the finished runs, of which a folder knows best."""
        result = self._finished
        done = len(result.table)
        return Interrupted(result, f"interrupted after {done} of {len(self.plan)} runs")

    def without(self, error: WorkerError) -> WorkerError:
        """What a worker that is lost leaves: likewise."""
        result = self._finished
        kept = "in its result" if result.store is None else f"in {result.store.path}"
        found = WorkerError(
            f"{error}; {len(result.table)} of {len(self.plan)} runs are finished, and {kept}"
            + ("" if result.store is None else ": the same command does the rest")
        )
        found.result = result
        return found

    @property
    def _finished(self) -> SweepResult:
        """The finished runs, in their order."""
        result = self.result
        if result.store is not None:
            result = SweepResult.of(Store.read(result.store.path), result.skipped)
        result.table.sort(key=key_of)
        return result

    def take_in(self, finished: list[Finished]) -> None:
        """Keep what is to be kept of finished runs."""
        rows = [row for row, _ in finished]
        new = set(map(key_of, rows))
        wanted = KEEP[self.keep]([*(x for x in self.result.table if key_of(x) not in new), *rows])
        kept = {
            key_of(row): self._to_caller(result)
            for row, result in finished
            if result is not None and key_of(row) in wanted
        }
        self.result.add(rows, kept, wanted)

    def _to_caller(self, result: Factorization) -> Factorization:
        """The factorization with its factors of the kind of A, and its names."""
        return self.given.dress(result, self.problem.backend, self.problem.fixed.names)

    def __repr__(self) -> str:
        return f"<Sweep of {len(self.plan)} runs, {len(self.missing)} of them to do>"
