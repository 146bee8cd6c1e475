"""Iterations captured by PyTorch as a CUDA graph, or as what ROCm has for that.

After PyTorch's notes on CUDA graphs: a warm-up on the side stream that will capture, memory of its
own for each graph, states that are copied in and out, and nothing in between that asks the device.
It has not run on a device: `tests/backends/torch_backend` replays it on a CPU.
"""

from __future__ import annotations

from typing import Any

from ...types import Array, State, Step
from ..base import LONGEST_CHUNK, UNROLLED

WARM_UPS = 3
"""Turns on the side stream before a capture, as many as PyTorch's notes take."""


class Captured:
    """Some iterations of a step as graphs, with the memory that they work in.

    Parameters
    ----------
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
        self, step: Step, constants: tuple[Any, ...], state: Any, record_every: int, count: int
    ) -> None:
        import torch

        self.step, self.constants, self.record_every = step, constants, record_every
        most = max(UNROLLED // record_every, 1)
        self.many = max(k for k in range(1, most + 1) if count % k == 0)
        self.state = tuple(x.clone() for x in state)
        like = state[0].device
        shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
        self.history = torch.zeros(shape, dtype=torch.float64, device=like)
        self.count = torch.zeros(1, dtype=torch.int64, device=like)
        self.stream = torch.cuda.Stream(like)
        self.graphs: dict[int, Any] = {}

    def fits(self, state: State, record_every: int) -> bool:
        """Whether the graphs are for a state like this."""
        alike = all(x.shape == y.shape for x, y in zip(state, self.state, strict=True))
        return alike and record_every == self.record_every

    def run(self, state: State, count: int) -> tuple[State, Array]:
        """`Backend.iterate`; the given state stays as it is."""
        pieces = [(count // self.many, self.many), (count % self.many, 1)]
        for records in {records for times, records in pieces if times} - set(self.graphs):
            self.graphs[records] = self._graph(state, records)
        self.count.zero_()
        self._take(state)
        for times, records in pieces:
            for _ in range(times):
                self.graphs[records].replay()
        return tuple(x.clone() for x in self.state), self.history[:count].clone()

    def _advance(self, records: int) -> None:
        """As many records' iterations, and what is measured at its place in the history."""
        import torch

        state: State = self.state
        for _ in range(records):
            for _ in range(1, self.record_every):
                state = self.step.unmeasured(state, *self.constants)
            state, found = self.step(state, *self.constants)
            measured: Any = found
            self.history.index_copy_(0, self.count, torch.stack(measured)[None])
            self.count += 1
        self._take(state)

    def _take(self, state: Any) -> None:
        """Let the graphs go on from a state."""
        for mine, x in zip(self.state, state, strict=True):
            mine.copy_(x)

    def _graph(self, state: State, records: int) -> Any:
        """A graph of so many records."""
        import torch

        self._take(state)
        here = torch.cuda.current_stream()
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UPS):
                self.count.zero_()  # it writes to the history too
                self._advance(1)
        here.wait_stream(self.stream)
        graph = torch.cuda.CUDAGraph()
        # What other threads do is no part of it, and need not be refused meanwhile.
        with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
            self._advance(records)
        return graph
