"""What a worker of an executor is sent, and what it does and answers."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, fields, replace
from threading import Lock
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from .._version import __version__
from ..backends import BackendError, get, owner
from ..core import Problem, settle
from ..intake import Given, hold, prepare
from ..matrices import is_sparse
from ..options import Options
from ..progress import Progress
from ..types import once
from .here import Finished, Here
from .packing import Packing
from .reference import Reference
from .store import KEEP, key_of
from .workers import WorkerError


@dataclass(frozen=True, eq=False, repr=False)
class Work:
    """What a sweep works on, as the caller passed it: any process makes it ready from this.

    Attributes
    ----------
    given : Given
        A, and what of it is known.
    common : Options
        What all runs have in common; its rank and seed are of no account.
    ranks : frozenset of int
    reference, W_fixed, H_fixed, dtype, backend, device, memory, keep
        As for `sweep`.
    threads : int
        Most threads of the host that a batch takes.
    sharing : int
        Among how many workers what is free of the memory is divided, where none is set.
    key : str
        Its own, by which a worker knows it again.
    """

    given: Given
    common: Options
    ranks: frozenset[int]
    reference: Any = None
    W_fixed: Any = None
    H_fixed: Any = None
    dtype: Any = None
    backend: str | None = None
    device: str | None = None
    memory: int | None = None
    keep: str = "best"
    threads: int = 1
    sharing: int = 1
    key: str = field(default_factory=lambda: uuid4().hex)

    def __getstate__(self) -> dict[str, Any]:
        """What was passed, without what was found out of it; arrays of a device on the host."""
        sent = {x.name: _sent(getattr(self, x.name)) for x in fields(self)}
        passed, weights = map(_sent, (self.given.passed, self.given.weights))
        return {**sent, "given": replace(self.given, passed=passed, weights=weights)}

    def prepared(self) -> tuple[Problem, Reference | None]:
        """The data, checked and made ready, and the reference beside it.

        Raises
        ------
        ValueError, TypeError, nmf_accel.BackendError
            As `sweep`.
        """
        free = self.W_fixed is None and self.H_fixed is None
        how: dict[str, Any] = {"objective": self.common.objective, "folds": self.common.folds}
        problem = prepare(self.given, self.dtype, self.backend, self.device, drop=free, **how)
        problem = hold(problem, self.ranks, self.W_fixed, self.H_fixed, self.given)
        settle(self.common, problem)  # refuses what this problem does not allow
        if self.reference is None:
            return problem, None
        return problem, Reference.of(self.reference, problem, self.given)

    @once
    def here(self) -> Here:
        """The same in this process, to compute with."""
        try:
            problem, truth = self.prepared()
        except (BackendError, ValueError) as error:  # the caller had all this: a worker has less
            raise BackendError(f"{this_worker()} cannot take part: {error}") from None
        beside = truth.A.nbytes if truth else 0
        return Here(Packing(problem, self.memory, beside, sharing=self.sharing), truth)

    def compute(self, runs: list[Options]) -> list[Finished]:
        """Some of its runs, with the factors, on the host, of those that may have to be kept."""
        with _preparing:  # once, by the threads of a process
            here = self.here
        backend, found = here.problem.backend, list[Finished]()
        with backend.scope(here.problem.A), backend.at_most(self.threads):
            for batch in here.run(runs, Progress()):
                found = self._thinned([*found, *batch])
                del batch
            return [run.moved(backend.to_numpy) for run in found]

    def _thinned(self, finished: list[Finished]) -> list[Finished]:
        """Without the factors of runs that are not kept, whatever other batches find."""
        wanted = KEEP[self.keep]([row for row, _ in finished])
        return [
            Finished(row, result if key_of(row) in wanted else None) for row, result in finished
        ]

    def open(self) -> Work:
        """See `Parcel`; as Dask hands it to a task, which keeps it for the next one."""
        return self

    def __repr__(self) -> str:
        return f"<Work of ranks {sorted(self.ranks)} on {self.given!r}>"


def _sent(x: Any) -> Any:
    """An array of JAX, PyTorch or another such library as NumPy has it; all else as it is.

    JAX makes float32 of float64 where it is not told otherwise, as when something is unpickled.
    PyTorch would move a tensor of the caller's into memory that processes share.
    """
    library = owner(x)
    return x if library in (None, "numpy") or is_sparse(x) else get(library).to_numpy(x)


_preparing = Lock()
_kept: list[Work] = []
"""That of the last sweep which this process took part in."""


def forget(work: Work) -> None:
    """Keep that no longer in this process."""
    _kept[:] = [x for x in _kept if x.key != work.key]


class Parcel(Protocol):
    """What comes with a batch."""

    def open(self) -> Work | None:
        """The work, which this process keeps; None if that is somewhere else."""


class Sent(NamedTuple):
    """A parcel with all of it."""

    work: Work

    def open(self) -> Work:
        """See `Parcel`; what there is already is made ready already."""
        _kept[:] = [Known(self.work.key).open() or self.work]
        return _kept[0]


class Known(NamedTuple):
    """A parcel for a process that was sent all of it before."""

    key: str

    def open(self) -> Work | None:
        """See `Parcel`."""
        return next((work for work in _kept if work.key == self.key), None)


class Answer(NamedTuple):
    """What a worker has to say of a batch.

    Attributes
    ----------
    finished : list of Finished, optional
        None where it has not got the work.
    error : Exception, optional
        What a run ended with. It is no exception of the task, which Dask would try once more.
    """

    finished: list[Finished] | None = None
    error: Exception | None = None


def compute(version: str, parcel: Parcel, runs: list[Options]) -> Answer:
    """Compute a batch: what a worker is asked to do, by a caller with that version of the library.

    All arguments but the first are of classes of the library.
    """
    try:
        if version != __version__:
            raise WorkerError(
                f"{this_worker()} has nmf-accel {__version__}, but the caller has {version}; "
                "install the same version on both"
            )
        work = parcel.open()
        return Answer() if work is None else Answer(work.compute(runs))
    except Exception as error:  # noqa: BLE001  it is raised by the caller
        return Answer(error=error)


def this_worker() -> str:
    """Which process this is."""
    return f"the worker {os.getpid()} on {socket.gethostname()}"
