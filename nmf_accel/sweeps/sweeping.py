"""`sweep`: one matrix at many ranks from many seeds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import nullcontext
from typing import Any, Unpack

from ..intake import Given
from ..options import Option, OptionKeywords, choice
from ..progress import BAR, progress_bar
from .elsewhere import Elsewhere
from .here import Here
from .memory import kept_bytes
from .packing import Packing
from .plan import planned_runs, wanted_of
from .planned import Sweep
from .store import KEEP
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
