"""CUDA graphs: an iteration is captured once, and replayed by one call of the host."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...types import Array, State, Step
from ..base import LONGEST_CHUNK, Program
from .sources import raw
from .workspace import Workspace, Workspaces

WORTH_IT = 8
"""Fewest records of a chunk for which an iteration is captured."""


class NotCapturableError(Exception):
    """What is to be captured would have to ask the host how to go on."""


class Replaying:
    """A `Program` that captures its iteration and replays it, where that can be.

    Parameters
    ----------
    plain : Program
        The same, launch by launch: for short chunks, and for what cannot be captured.
    capture : callable
        Gives the `Captured` for a state and a `record_every`.
    """

    def __init__(self, plain: Program, capture: Callable[[State, int], Captured]) -> None:
        self.plain, self.capture = plain, capture
        self.captured: Captured | None = None
        self.possible = True

    def __call__(self, state: State, count: int, record_every: int | None) -> tuple[State, Array]:
        """Go through a chunk."""
        if count < WORTH_IT or not self.possible:
            return self.plain(state, count, record_every)
        every = record_every or 1
        if self.captured is None or not self.captured.fits(state, every):
            self.captured = None  # gives its memory back before the next one takes its own
            try:
                self.captured = self.capture(state, every)
            except (NotCapturableError, RuntimeError, MemoryError) as error:
                self.possible = False
                if not isinstance(error, NotCapturableError):
                    warnings.warn(f"no CUDA graph, but launch by launch: {error}", stacklevel=2)
                return self.plain(state, count, record_every)
        return self.captured.run(state, count)


class Captured:
    """An iteration of a step as CUDA graphs, with the memory that they work in.

    Parameters
    ----------
    workspaces : Workspaces
        The backend's.
    step : Step
    constants : tuple
    state : State
        Its shapes are those that the graphs are for.
    record_every : int
    """

    def __init__(
        self,
        workspaces: Workspaces,
        step: Step,
        constants: tuple[Any, ...],
        state: Any,
        record_every: int,
    ) -> None:
        import cupy

        self.workspaces, self.step, self.constants = workspaces, step, constants
        self.record_every = record_every
        cupy.cuda.get_current_stream().synchronize()  # what state and constants wait for is done
        cupy.get_default_memory_pool().free_all_blocks()  # or the other pool could not have it
        self.stream = cupy.cuda.Stream(non_blocking=True)
        # Of their own, so that nobody else gets what the graphs write to.
        self.pool = cupy.cuda.MemoryPool()
        with self.stream, cupy.cuda.using_allocator(self.pool.malloc):
            self.workspace = Workspace(self.stream, captured=True)
            self.state = tuple(x.copy() for x in state)
            shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
            self.history = cupy.zeros(shape, dtype="float64")
            self.count = cupy.zeros(1, dtype="uint32")
        self.recorded = self._graph(self._record)
        self.unmeasured: Any = self._graph(self._advance) if record_every > 1 else None

    def fits(self, state: State, record_every: int) -> bool:
        """Whether the graphs are for a state like this."""
        alike = all(x.shape == y.shape for x, y in zip(state, self.state, strict=True))
        return alike and record_every == self.record_every

    def run(self, state: State, count: int) -> tuple[State, Array]:
        """`Backend.iterate`; the given state stays as it is."""
        self.count.fill(0)
        self._take(state)
        for _ in range(count):
            for _ in range(1, self.record_every):
                self.unmeasured.launch()
            self.recorded.launch()
        return tuple(x.copy() for x in self.state), self.history[:count].copy()

    def _record(self) -> None:
        """An iteration, and what is measured of it at its place in the history."""
        state, found = self.step(self.state, *self.constants)
        _, measures, runs = self.history.shape
        for k, numbers in enumerate(found):
            place = np.int32(runs), np.int32(k * runs), np.int32(measures * runs)
            last = np.uint32(k == measures - 1)
            arguments = (numbers, *place, last, self.count, self.history)
            raw("record", "float64")((1,), (256,), arguments)
        self._take(state)

    def _advance(self) -> None:
        """An iteration of which nothing is measured."""
        self._take(self.step.unmeasured(self.state, *self.constants))

    def _take(self, state: State) -> None:
        """Let the graphs go on from a state."""
        for mine, x in zip(self.state, state, strict=True):
            mine[...] = x

    def _graph(self, once: Callable[[], None]) -> Any:
        """What `once` launches, as a graph."""
        import cupy

        cupy.cuda.get_current_stream().synchronize()
        with self._inside():
            once()  # kernels are compiled, and the pool gets all that it needs
            self.stream.synchronize()
            self.stream.begin_capture()
            try:
                once()
            finally:  # also after an error, or the stream would be lost
                graph = self.stream.end_capture()
        return graph

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """On the stream that captures, with memory and workspace of the graphs."""
        import cupy

        with (
            self.stream,
            cupy.cuda.using_allocator(self.pool.malloc),
            self.workspaces.capturing(self.workspace),
        ):
            yield
