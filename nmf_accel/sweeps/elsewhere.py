"""Runs that are computed elsewhere, by the workers of an executor."""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from .._version import __version__
from ..options import Options
from ..progress import Progress
from .here import Finished, Here
from .store import Row
from .work import Answer, Known, Parcel, Sent, Work, compute, forget
from .workers import WorkerError, Workers

PARTS = 4
"""In how many batches a worker does its share: so the last ones end at about the same time, and one
that is lost takes no more than that with it."""

ROWS = 128
"""Rows of factors that a batch has at least, where there are runs enough for all workers: with
fewer it takes longer to read A than to multiply with it."""

MOST_LOSSES = 3
"""How often the work may be lost, with workers that had it, before the next batch comes back: one
that kills its worker each time is not to be sent for ever."""

AHEAD = 2
"""Batches under way for each worker: one is at work, and one is there when that is done."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Here):
    """Workers of an executor. What is planned and taken in is so here, where the data is as well.

    Attributes
    ----------
    work : Work
        What they are sent.
    workers : Workers
    """

    work: Work
    workers: Workers

    @classmethod
    def of(cls, here: Here, work: Work, workers: Workers) -> Elsewhere:
        """The workers instead of this process, on the same backend, which 'auto' was settled to."""
        backend = here.problem.backend
        sent = replace(
            work,
            backend=backend.name,
            device=backend.device,
            threads=workers.threads,
            sharing=workers.sharing,
        )
        return cls(here.packing, here.reference, work=sent, workers=workers)

    @property
    def about(self) -> Row:
        """What a folder is to say of it."""
        return {"workers": str(self.workers)}

    def batches(self, missing: list[Options]) -> Iterator[list[Options]]:
        """The runs of a rank together, in parts of a worker's share of all; the longest first."""
        share = sum(map(self.cost, missing)) / self.workers.slots
        # A GPU does a few runs in the time of one.
        rows = math.inf if self.problem.backend.probe().accelerated else ROWS
        for rank in sorted({run.rank for run in missing}, reverse=True):
            runs = [run for run in missing if run.rank == rank]
            whole = share / self.cost(runs[0])
            most = max(1, int(max(whole / PARTS, min(whole, rows / rank))))
            size = -(-len(runs) // -(-len(runs) // most))  # few batches, about equal
            for k in range(0, len(runs), size):
                yield runs[k : k + size]

    def run(
        self, missing: list[Options], bar: Progress, label: str = ""
    ) -> Generator[list[Finished], None, None]:
        """Have all of these runs done, yielding those of each batch as it comes, in any order.

        Raises
        ------
        WorkerError
            If a worker is lost, or cannot take part. What was finished by then was yielded.
        """
        todo, done = deque(self.batches(missing)), 0
        note = f"{label}{{}}/{len(missing)} runs done, {self.workers}"
        bar.add(0.0, note.format(done))
        traffic = Traffic(self.work, self.workers)
        try:
            while todo or traffic.going:
                while todo and traffic.has_room:
                    traffic.send(todo.popleft())
                for runs, finished in traffic.landed():
                    if finished is None:
                        todo.appendleft(runs)
                        continue
                    done += len(runs)
                    bar.add(sum(map(self.cost, runs)), note.format(done))
                    yield self._taken(finished)
        except (Exception, KeyboardInterrupt):  # and not where nobody takes anything any more
            for finished in traffic.stopped():
                yield self._taken(finished)
            raise
        finally:
            traffic.stopped()
            forget(self.work)  # of workers that are threads

    def _taken(self, finished: list[Finished]) -> list[Finished]:
        """Finished runs with their factors on the backend here."""
        backend, dtype = self.problem.backend, self.problem.dtype
        return [run.moved(lambda x: backend.asarray(x, dtype)) for run in finished]


@dataclass(eq=False)
class Traffic:
    """Batches that are sent out and come back.

    Attributes
    ----------
    going : dict
        Those under way, and the parcel that each was sent with.
    losses : int
        How often the work was lost since a batch came back.
    to_carry : int
        How many of the next ones are to carry the work. The first ones are, one for each worker,
        and as many as come back from a worker that has not got it.
    """

    work: Work
    workers: Workers
    going: dict[Future[Answer], tuple[list[Options], Parcel]] = field(default_factory=dict)
    losses: int = 0

    def __post_init__(self) -> None:
        """Have the work delivered, where the executor does so."""
        self._deliver()
        self.to_carry = self.workers.slots

    def _deliver(self) -> None:
        self.delivered = self._by_workers(lambda: self.workers.delivered(self.work))

    @property
    def has_room(self) -> bool:
        """Whether more may be sent; how many workers there are may change."""
        return len(self.going) < AHEAD * self.workers.slots

    def send(self, runs: list[Options]) -> None:
        """Submit a batch."""
        parcel: Parcel = Known(self.work.key)
        if self.delivered is not None:
            parcel = self.delivered
        elif self.to_carry:
            parcel, self.to_carry = Sent(self.work), self.to_carry - 1
        arguments = (compute, __version__, parcel, runs)
        self.going[self._by_workers(lambda: self.workers.submit(*arguments))] = runs, parcel

    def landed(self) -> Iterator[tuple[list[Options], list[Finished] | None]]:
        """Those that have come back, as soon as one has; None for one that lacked the work."""
        for future in wait(self.going, return_when=FIRST_COMPLETED).done:
            runs, parcel = self.going[future]
            answer = Answer() if self._lost(future, parcel) else self._by_workers(future.result)
            del self.going[future]
            if answer.error is not None:
                raise answer.error
            if answer.finished is None:
                self.to_carry += 1
            else:
                self.losses = 0
            yield runs, answer.finished

    def _lost(self, future: Future[Answer], parcel: Parcel) -> bool:
        """Whether a batch was given up since the work was lost, which is then delivered again."""
        if self.delivered is None or not future.cancelled():
            return False
        if parcel is self.delivered:  # others that were sent with it come back likewise
            if self.losses == MOST_LOSSES or not self.workers.has_lost(self.delivered):
                return False
            self.losses += 1
            self._deliver()
        return True

    def stopped(self) -> list[list[Finished]]:
        """Cancel what has not begun; those that are finished."""
        done = [future for future in self.going if not future.cancel() and future.done()]
        self.going.clear()
        answers = [future.result() for future in done if future.exception() is None]
        return [answer.finished for answer in answers if answer.finished is not None]

    def _by_workers(self, act: Any) -> Any:
        """What the executor gives; all that goes wrong there becomes a `WorkerError`."""
        try:
            return act()
        except Exception as error:
            raise WorkerError(self._why(error)) from error

    def _why(self, error: Exception) -> str:
        """What is to be said of that."""
        try:
            pickle.Pickler(Nowhere(), 5, buffer_callback=lambda buffer: None).dump(self.work)
        except Exception as unsent:  # noqa: BLE001  what is passed pickles in its own ways
            return f"A, or what goes with it, cannot be sent to workers: {unsent}"
        said = " ".join(str(error).split("\n")[0].split())
        return (
            f"a worker of {self.workers.name} failed ({type(error).__name__}{said and f': {said}'})"
        )


class Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        return len(data)
