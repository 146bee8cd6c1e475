"""What the stand-in for CuPy did, and what it pretends to run on.

The stand-in (``tests/standin``) has CuPy's names, NumPy's memory and CUDA's manners. Everything a
GPU would be asked for is an event here:

======== ==========================================================================================
launch   a kernel, or a call of a library that launches one
h2d d2h  a copy from and to the host, with its bytes
sync     the host waited for the device; `name` says who asked
alloc    memory taken from a pool (`nbytes` of it); cudaMalloc where the pool had none
captured a launch that was recorded by a capturing stream, and did not run
graph    a graph was launched; node: what ran of it
error    a mistake in a callback, where no exception can be raised; see `assert_no_errors`
======== ==========================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

GIB = 2**30


class Event(NamedTuple):
    """One thing that happened."""

    kind: str
    name: str
    nbytes: int = 0


class Count(Counter[str]):
    """Events by kind; `names` of one kind, in order; all of them in `events`."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        """Count an event."""
        self.events.append(event)
        self[event.kind] += 1

    def names(self, kind: str = "launch") -> list[str]:
        """What the events of a kind were."""
        return [event.name for event in self.events if event.kind == kind]

    def nbytes(self, kind: str) -> int:
        """Bytes of the events of a kind."""
        return sum(event.nbytes for event in self.events if event.kind == kind)


class Machine:
    """What the stand-in pretends to run on; tests set it by ``monkeypatch.setattr``."""

    devices = 1
    """How many GPUs there are."""
    memory = 80 * GIB
    """Bytes that each of them has."""
    backwards = False
    """Whether blocks and threads run from the last to the first."""


machine = Machine()
_open: list[Count] = []
_errors: list[str] = []


def note(kind: str, name: str, nbytes: int = 0) -> None:
    """Tell all that count."""
    if kind == "error":
        _errors.append(name)
    for count in _open:
        count.take(Event(kind, name, nbytes))


@contextmanager
def counted() -> Iterator[Count]:
    """``with counted() as count``: what happens inside, also while it does."""
    count = Count()
    _open.append(count)
    try:
        yield count
    finally:
        _open[:] = [other for other in _open if other is not count]


def assert_no_errors() -> None:
    """Raise what could not be raised where it happened."""
    found = _errors[:]
    _errors.clear()
    assert not found, found
