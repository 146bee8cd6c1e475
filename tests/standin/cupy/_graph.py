"""Graphs: what a stream recorded, and whether the memory that it meant is still there."""

from __future__ import annotations

import weakref

import ledger
import numpy as np

from . import _memory


class Capture:
    """What a stream records, and the memory that its graph may count on."""

    def __init__(self):
        self.nodes = []
        self.invalid = False
        self.lost = ""


class Node:
    """One launch of a graph, and the memory that it needs to find as it was."""

    def __init__(self, name, run, reads, writes, capture):
        self.name, self.run = name, run
        blocks = {id(block): block for block in (*reads, *writes)}.values()
        # Memory of the graph's own pool, taken in this capture, may be freed and reused in it.
        common = _memory.default_pool
        self.needs = [
            weakref.ref(b) for b in blocks if b.capture is not capture or b.pool is common
        ]
        self.writes = [weakref.ref(b) for b in writes]


class Graph:
    """What was captured; replayed on the very addresses."""

    __module__ = "cupy.cuda.graph"

    def __init__(self, capture):
        self._capture = capture

    def upload(self, stream=None):
        return None

    def launch(self, stream=None):
        from . import _stream

        stream = stream or _stream.current()
        if stream._capture is not None:
            raise NotImplementedError("the stand-in launches no graph in a capture")
        capture = self._capture
        if capture.lost:
            raise RuntimeError(f"cudaErrorIllegalAddress: {capture.lost}")
        ledger.note("graph", f"{len(capture.nodes)} nodes")
        for node in capture.nodes:
            blocks = [ref() for ref in node.needs]
            if None in blocks:
                raise RuntimeError(f"cudaErrorIllegalAddress: {node.name} uses memory freed since")
            writes = [block for ref in node.writes if (block := ref()) is not None]
            _stream._order(stream, blocks, writes)
            with np.errstate(all="ignore"):
                node.run()
            ledger.note("node", node.name)
