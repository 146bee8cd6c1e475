"""CUDA graphs: an iteration is captured once, and replayed by one call of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...callers import warn_caller
from ...types import Array, Measures, State, Step
from ..base import LONGEST_CHUNK, UNROLLED, Program
from .sources import raw
from .workspace import Workspace, Workspaces

WARM_UP = 32
"""Iterations launched one by one before one is captured: a short run would not get it back."""
SHORTEST = 4
"""Fewest records of a chunk that is replayed."""
LONGEST = 256
"""Most iterations of a record that is captured."""


class NotCapturableError(Exception):
    """What is to be captured would have to ask the host how to go on."""


class Replaying:
    """A `Program` that captures its iterations and replays them, where that can be.

    Parameters
    ----------
    plain : Program
        The same, launch by launch: for short runs and chunks, and for what cannot be captured.
    capture : callable
        Gives the `Captured` for a state, a `record_every` and the records of a chunk.
    """

    def __init__(self, plain: Program, capture: Callable[[State, int, int], Captured]) -> None:
        self.plain, self.capture = plain, capture
        self.captured: Captured | None = None
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

    def _captured_for(self, state: State, record_every: int, count: int) -> Captured:
        """The graphs for a state like this one: captured once, until runs are left out."""
        if self.captured is None or not self.captured.fits(state, record_every):
            self.captured = None  # gives its memory back before the next one takes its own
            self.captured = self.capture(state, record_every, count)
        return self.captured


class Captured:
    """Some iterations of a step as CUDA graphs, with the memory that they work in.

    Parameters
    ----------
    workspaces : Workspaces
        The backend's.
    step : Step
    constants : tuple
    state : State
        Its shapes are those that the graphs are for.
    record_every : int
        Iterations of a record.
    count : int
        Records of a chunk. A graph has as many records as divide it, since it ends with copies
        of the state; where another chunk leaves some over, there is a graph of one.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        step: Step,
        constants: tuple[Any, ...],
        state: Any,
        record_every: int,
        count: int,
    ) -> None:
        import cupy

        self.workspaces, self.step, self.constants = workspaces, step, constants
        self.record_every = record_every
        most = max(UNROLLED // record_every, 1)
        self.many = max(k for k in range(1, most + 1) if count % k == 0)
        self.state = tuple(x.copy() for x in state)
        shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
        self.history = cupy.zeros(shape, dtype="float64")
        self.count = cupy.zeros(1, dtype="uint32")
        self.graphs: dict[int, tuple[Any, ...]] = {}

    def fits(self, state: State, record_every: int) -> bool:
        """Whether the graphs are for a state like this."""
        alike = all(x.shape == y.shape for x, y in zip(state, self.state, strict=True))
        return alike and record_every == self.record_every

    def run(self, state: State, count: int) -> tuple[State, Array]:
        """`Backend.iterate`; the given state stays as it is."""
        pieces = [(count // self.many, self.many), (count % self.many, 1)]
        for records in {records for times, records in pieces if times} - set(self.graphs):
            self.graphs[records] = self._graph(records)
        self.count.fill(0)
        self._take(state)
        for times, records in pieces:
            for _ in range(times):
                self.graphs[records][0].launch()
        return tuple(x.copy() for x in self.state), self.history[:count].copy()

    def _advance(self, records: int) -> None:
        """As many records' iterations, and what is measured at its place in the history."""
        state: State = self.state
        for _ in range(records):
            for _ in range(1, self.record_every):
                state = self.step.unmeasured(state, *self.constants)
            state, found = self.step(state, *self.constants)
            self._record(found)
        self._take(state)

    def _record(self, found: Measures) -> None:
        """Write down what was measured, and count on."""
        _, measures, runs = self.history.shape
        for k, numbers in enumerate(found):
            place = np.int32(runs), np.int32(k * runs), np.int32(measures * runs)
            last = np.uint32(k == measures - 1)
            arguments = (numbers, *place, last, self.count, self.history)
            raw("record", "float64")((1,), (256,), arguments)

    def _take(self, state: State) -> None:
        """Let the graphs go on from a state."""
        for mine, x in zip(self.state, state, strict=True):
            mine[...] = x

    def _graph(self, records: int) -> tuple[Any, ...]:
        """A graph of so many records, and what has to live as long."""
        import cupy

        self.count.fill(0)  # the warm-up writes to the history too
        cupy.cuda.get_current_stream().synchronize()  # what state and constants wait for is done
        cupy.get_default_memory_pool().free_all_blocks()  # or the other pool could not have it
        stream = cupy.cuda.Stream(non_blocking=True)
        # Of its own, so that nobody else gets what the graph writes to.
        pool = cupy.cuda.MemoryPool()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            workspace = Workspace(stream, captured=True)
            with self.workspaces.capturing(workspace):
                self._advance(records)  # compiles kernels, and fills the pool with all it needs
                stream.synchronize()
                stream.begin_capture()
                try:
                    self._advance(records)
                finally:  # also after an error, or the stream would be lost
                    graph = stream.end_capture()
        return graph, pool, workspace, stream
