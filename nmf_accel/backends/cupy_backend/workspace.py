"""What products and sums need on a device besides their arguments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .cublas import Blas

CAPTURED = 32 * 2**20
"""Bytes for cuBLAS while a stream captures; what it asks for on Hopper."""


class Workspace:
    """cuBLAS's handle and the counters of the sums, for one stream of the current device.

    Parameters
    ----------
    stream : cupy.cuda.Stream
    captured : bool
        Whether the stream captures: then nothing may be taken from the device later on.
    """

    def __init__(self, stream: Any, *, captured: bool = False) -> None:
        import cupy

        self.blas = Blas(stream, cupy.empty(CAPTURED, dtype="uint8") if captured else None)
        self._arrived = cupy.zeros(1024, dtype="uint32")

    def arrived(self, runs: int) -> Any:
        """Counters, zero before and after each kernel; of the runs and maybe more."""
        import cupy

        if runs > self._arrived.size:
            self._arrived = cupy.zeros(runs, dtype="uint32")
        return self._arrived


class Workspaces(threading.local):
    """The workspace of each stream that a thread works on."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, int], Workspace] = {}
        self.captured: Workspace | None = None

    @property
    def here(self) -> Workspace:
        """That of the current stream."""
        import cupy

        if self.captured is not None:
            return self.captured
        stream = cupy.cuda.get_current_stream()
        key = cupy.cuda.runtime.getDevice(), stream.ptr
        if key not in self._of:
            self._of[key] = Workspace(stream)
        return self._of[key]

    @contextmanager
    def capturing(self, workspace: Workspace) -> Iterator[None]:
        """Within, the one of a stream that captures, or is about to."""
        self.captured = workspace
        try:
            yield
        finally:
            self.captured = None
