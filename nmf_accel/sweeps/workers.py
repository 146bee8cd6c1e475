"""The workers of an executor: how many they are, and how they come by the data."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from ..options import whole

COUNT = whole(None, "How many batches an executor computes at once.", 1)
THREADS = whole(1, "Threads of each worker.", 1)

SAYS = ("_max_workers", "num_workers")
"""Where executors say how many workers they have: those of Python, loky and mpi4py; there is no
public name that they share."""


class WorkerError(RuntimeError):
    """Workers of an executor that were lost, or cannot take part.

    Attributes
    ----------
    result : SweepResult or None
        The finished runs.
    """

    result: Any = None


@dataclass(frozen=True)
class Workers:
    """An executor, and what a sweep has to know of its workers.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Such as `client.get_executor()` of Dask, a `ProcessPoolExecutor`, loky's or mpi4py's.
    count : int, optional
        How many batches it computes at once; by default what it says, else as many as this machine
        has cores.
    threads : int
        How many threads of the host each may take, for BLAS and for our own; one, since workers are
        as many as there are cores. What JAX and PyTorch start beside is theirs.

    Raises
    ------
    TypeError, ValueError
        If it is no executor, or a number is no number of workers or threads.
    """

    executor: Executor
    count: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        """See `Raises`."""
        if not isinstance(self.executor, Executor):
            raise TypeError(
                f"executor is {self.executor!r}; it must be a concurrent.futures.Executor, such as "
                "a ProcessPoolExecutor or Dask's client.get_executor()"
            )
        COUNT.checked("count", self.count)
        THREADS.checked("threads", self.threads)

    @classmethod
    def of(cls, executor: Any) -> Workers:
        """Those of an executor; what already is a `Workers` stays it, but for Dask's own ways."""
        given = executor if isinstance(executor, Workers) else cls(executor)
        kind = type(given.executor)
        dask = kind.__module__.startswith("distributed.") and kind.__name__ == "ClientExecutor"
        return DaskWorkers(given.executor, given.count, given.threads) if dask else given

    @property
    def slots(self) -> int:
        """How many batches are computed at once, as far as is known."""
        said = (getattr(self.executor, name, None) for name in SAYS)
        return self.count or next(filter(None, said), None) or os.cpu_count() or 1

    @property
    def sharing(self) -> int:
        """How many share the memory of a machine: all, as far as is known."""
        return self.slots

    def delivered(self, work: Any) -> Any:
        """What every batch may carry instead of the work, where the executor brings that itself."""
        return None

    def has_lost(self, delivered: Any) -> bool:
        """Whether what was delivered is on no worker any more."""
        return False

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        """Have a function called by a worker."""
        return self.executor.submit(function, *arguments)

    @property
    def name(self) -> str:
        """What the executor is called in messages."""
        return f"a {type(self.executor).__name__}"

    def __str__(self) -> str:
        each = "one thread" if self.threads == 1 else f"{self.threads} threads"
        several = "" if self.slots == 1 else "s"
        return f"{self.slots} worker{several} of {self.name}, {each} each"


class DaskWorkers(Workers):
    """Those of a Dask cluster, which may come and go."""

    @property
    def _client(self) -> Any:
        """The client; it has no public name."""
        return self.executor._client  # type: ignore[attr-defined]

    @property
    def name(self) -> str:
        """Where its scheduler is."""
        return f"Dask at {self._client.scheduler.address}"

    @property
    def slots(self) -> int:
        """All threads of all workers that there are now."""
        return self.count or sum(self._client.ncores().values()) or 1

    @property
    def sharing(self) -> int:
        """Most threads of workers on one machine."""
        here = Counter[str]()
        for worker in self._client.scheduler_info(n_workers=-1)["workers"].values():
            here[worker["host"]] += worker["nthreads"]
        return max(here.values(), default=1)

    def delivered(self, work: Any) -> Any:
        """It, in the memory of every worker; those that come later fetch it from others.

        Dask soon drops what is on workers that have no use for it just then, and what nobody else
        has goes with a worker that dies.
        """
        self._client.wait_for_workers(1)
        return self._client.scatter(work, broadcast=True, hash=False)

    def has_lost(self, delivered: Any) -> bool:
        """Whether the workers that had it are gone."""
        return bool(delivered.status in ("cancelled", "lost"))

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        """Have a function called by a worker, and not be given what an equal call gave before."""
        return self.executor.submit(function, *arguments, pure=False)
