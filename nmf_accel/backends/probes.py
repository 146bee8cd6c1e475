"""What is known of a backend on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """What is known of a backend on this machine.

    Attributes
    ----------
    usable : bool
        Whether a factorization can run on it here and now.
    reason : str
        Why not, and what to do about it; empty when usable.
    device : str
        What it would run on.
    version : str
        Version of the array library; empty when it is not installed.
    accelerated : bool
        Whether the device is a GPU or another accelerator. So it stays in a process that was forked
        when the backend was at work, where it is not usable.
    """

    usable: bool
    reason: str = ""
    device: str = ""
    version: str = ""
    accelerated: bool = False
