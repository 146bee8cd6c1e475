"""What is known of an array library on this machine: whether it can run, and on what."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..types import once
from . import forks


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


class Installed(ABC):
    """An array library as it is installed here, and the devices that it reaches."""

    name: ClassVar[str]
    install: ClassVar[str]
    """The command that makes the backend usable."""
    lives_through_fork: ClassVar[bool] = True
    """Whether its library works in a process that was forked when it was at work."""
    device: str | None = None
    """The one of `devices` that was asked for; None leaves the choice to the library."""

    @abstractmethod
    def _probe(self) -> Probe:
        """Look at the library and its device; may raise anything."""

    @once
    def _probed(self) -> Probe:
        try:
            return self._probe()
        except ModuleNotFoundError as error:
            return Probe(False, f"{error.name} is not installed; {self.install}")
        except Exception as error:  # noqa: BLE001  drivers fail in ways of their own
            first_line = (str(error) or type(error).__name__).splitlines()[0]
            return Probe(False, f"installed, but unusable: {first_line}; {self.install}")

    @once
    def _process(self) -> int:
        """The process that probed it."""
        return os.getpid()

    def probe(self) -> Probe:
        """Whether the backend is usable here, and why not. Never raises; looks once."""
        found, process = self._probed, self._process
        if self.lives_through_fork or not found.usable:
            return found
        if process == os.getpid() and not forks.before_fork(self.name):
            return found
        return replace(found, usable=False, reason=forks.LOST.format(name=self.name))

    def can_accelerate(self) -> bool:
        """Whether it is worth probing for a GPU: a cheap look that imports nothing."""
        return True

    def versions(self) -> dict[str, str]:
        """Versions to record with a result."""
        return {self.name: self.probe().version}

    def devices(self) -> list[str]:
        """The devices that it reaches here, by the library's own names; of a kind in order."""
        return []

    def device_of(self, x: Any) -> str:
        """Where an array of this library lies, as `devices` has it; empty where that is no one."""
        return ""

    def called(self, device: str) -> str | None:
        """The one of `devices` that is meant: of ``cuda`` the first; None if there is no such.

        Libraries that have no numbers for a host have it as ``cpu:0`` too.
        """
        names = (device, f"{device}:", device.removesuffix(":0"))
        return next((x for x in self.devices() if x in names or x.startswith(names[1])), None)
