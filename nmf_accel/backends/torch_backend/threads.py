"""How many threads PyTorch takes on the host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HeldThreads:
    """What threads of a process hold together, each for itself.

    PyTorch's number is that of the thread that sets it, and of all that have not asked yet. So each
    gives back what there was when the first came.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before = 0

    @contextmanager
    def at_most(self, several: int) -> Iterator[None]:
        """Within, this thread's operations take at most so many."""
        import torch

        with self._lock:
            if not self._holders:
                self._before = torch.get_num_threads()
            self._holders += 1
            torch.set_num_threads(min(several, self._before))
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                torch.set_num_threads(self._before)


held_threads = HeldThreads()
