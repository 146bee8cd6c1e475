"""An iteration that a GPU is told once, and does again and again at one call of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..callers import warn_caller
from ..types import Array, State
from .base import Program

WARM_UP = 32
"""Iterations launched one by one before one is captured: a short run would not get it back."""
SHORTEST = 4
"""Fewest records of a chunk that is replayed."""
LONGEST = 256
"""Most iterations of a record that is captured."""


class NotCapturableError(Exception):
    """What is to be captured would have to ask the host how to go on."""


class Recording(Protocol):
    """Some iterations of a step, captured, with the memory that they work in."""

    def fits(self, state: State, record_every: int) -> bool:
        """Whether it is for a state like this."""

    def run(self, state: State, count: int) -> tuple[State, Array]:
        """`Backend.iterate`; the given state stays as it is."""


class Replaying:
    """A `Program` that captures its iterations and replays them, where that can be.

    Parameters
    ----------
    plain : Program
        The same, launch by launch: for short runs and chunks, and for what cannot be captured.
    capture : callable
        Gives the `Recording` for a state, a `record_every` and the records of a chunk.
    """

    def __init__(self, plain: Program, capture: Callable[[State, int, int], Recording]) -> None:
        self.plain, self.capture = plain, capture
        self.captured: Recording | None = None
        self.possible, self.done = True, 0

    def __call__(self, state: State, count: int, record_every: int | None) -> tuple[State, Array]:
        """Go through a chunk."""
        every = record_every or 1
        self.done += count * every
        if self.possible and count >= SHORTEST and every <= LONGEST and self.done > WARM_UP:
            try:
                return self._captured_for(state, every, count).run(state, count)
            except NotCapturableError:
                self.possible = False
            except (RuntimeError, MemoryError) as error:
                self.possible = False
                warn_caller(f"no CUDA graph, but launch by launch: {error}")
        if count < SHORTEST or not self.possible:
            self.captured = None  # a last short chunk, which needs memory of its own
        return self.plain(state, count, record_every)

    def _captured_for(self, state: State, record_every: int, count: int) -> Recording:
        """The graphs for a state like this one: captured once, until runs are left out."""
        if self.captured is None or not self.captured.fits(state, record_every):
            self.captured = None  # gives its memory back before the next one takes its own
            self.captured = self.capture(state, record_every, count)
        return self.captured
