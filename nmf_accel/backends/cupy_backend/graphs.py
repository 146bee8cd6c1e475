"""CUDA graphs: an iteration is captured once, and replayed by one call of the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Array, Measures, State, Step
from ..base import LONGEST_CHUNK, UNROLLED
from .sources import raw
from .workspace import Workspace, Workspaces


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
