"""What does not live through a fork: libraries with threads of their own, or a device's driver.

A child of `os.fork`, as multiprocessing's start method 'fork' makes it, has one thread and a copy
of all memory. Locks that other threads held stay locked there for ever: JAX hangs with the first
program, PyTorch with the first work for several threads. CUDA refuses every call.
"""

from __future__ import annotations

import os
import sys

LOST = (
    "{name} was started before this process was forked, and does not work in it; start processes "
    "by multiprocessing's 'spawn' or 'forkserver', or pass NumPy's arrays and backend='numpy'"
)
"""What is said of a backend in such a process."""

THREADS_OF_TORCH = "threads of torch"
"""What is at work where PyTorch was imported: it does not say whether its threads ever were."""

_at_work: list[str] = []
"""The libraries that were at work in a process that this one was forked from."""


def jax_is_at_work() -> bool:
    """Whether JAX has met its devices in this process; imports nothing."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    # JAX says it in no public place; of a version that does not say it, take it for started.
    said = getattr(bridge, "backends_are_initialized", lambda: True)
    return bridge is not None and bool(said())


def before_fork(name: str) -> bool:
    """Whether the library of that name was at work before this process was forked."""
    return name in _at_work


def _note() -> None:
    """In a child process: note what its parent had started, whoever did."""
    if jax_is_at_work():
        _at_work.append("jax")
    if "torch" in sys.modules:
        _at_work.append(THREADS_OF_TORCH)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)
