"""The devices that PyTorch reaches, and the one on which a scope computes."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

NUMBERED = ("cuda", "xpu")
"""Kinds of device of which there may be several; PyTorch calls ROCm's ``cuda`` too."""
WITHOUT_FLOAT64 = {"mps"}
"""Kinds of device that have no float64, whichever model it is."""
RUNNING_AHEAD = {"cuda", "xpu", "mps"}
"""Kinds of device that do what they are told while the host goes on, and would be waited for."""
CAPTURING = {"cuda"}
"""Kinds of device whose work can be captured as a graph."""
DRIVERS = {
    "cuda": lambda: _loads("nvcuda.dll" if os.name == "nt" else "libcuda.so.1"),
    "hip": lambda: os.name == "nt" or Path("/dev/kfd").exists(),
    "xpu": lambda: os.name == "nt" or Path("/dev/dri").is_dir(),
}
"""What a build of PyTorch is for, as it says itself, and whether this machine may have that."""


class _Here(threading.local):
    """The device of a thread's innermost scope."""

    device: Any = None


here = _Here()


def reached() -> list[str]:
    """The names of all devices; those come first that PyTorch itself would prefer."""
    import torch

    found = ["mps"] if torch.backends.mps.is_available() else []
    for kind in reversed(NUMBERED):
        library = getattr(torch, kind)
        count = library.device_count() if library.is_available() else 0
        found = [*(f"{kind}:{k}" for k in range(count)), *found]
    return [*found, "cpu"]


def default() -> Any:
    """The device of data that comes from the host where none is asked for.

    Whatever a user's `torch.set_default_device` says.

    Raises
    ------
    RuntimeError
        If CUDA was started before this process was forked, of which PyTorch says that it has none.
    """
    import torch

    lost = getattr(torch.cuda, "_is_in_bad_fork", bool)()
    if lost or torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.xpu.is_available():
        return torch.device("xpu", torch.xpu.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def name_of(device: Any) -> str:
    """What a device is called: ``cpu``, ``mps`` or ``cuda:1``."""
    return f"{device.type}:{device.index or 0}" if device.type in NUMBERED else str(device.type)


def told_of(device: Any) -> dict[str, Any]:
    """What a `Probe` says of a device."""
    import torch

    if device.type == "cpu":
        return {"device": "CPU", "accelerated": False}
    model = "Apple GPU (MPS, float32 only)"
    if device.type in NUMBERED:
        model = getattr(torch, device.type).get_device_name(device)
    return {"device": model, "accelerated": True}


def widest(device: Any) -> np.dtype[Any]:
    """The widest of the dtypes in which a device computes."""
    import torch

    narrow = device.type in WITHOUT_FLOAT64
    if device.type == "xpu":
        narrow = not torch.xpu.get_device_properties(device).has_fp64
    return np.dtype("float32" if narrow else "float64")


@cache
def may_accelerate() -> bool:
    """Whether the PyTorch that is installed may reach a GPU; it is not imported for that.

    Not MPS, which no one gets unasked, since it has no float64.
    """
    if "torch" in sys.modules:
        import torch

        return bool(torch.cuda.is_available() or torch.xpu.is_available())
    spec = importlib.util.find_spec("torch")
    folders = (spec and spec.submodule_search_locations) or []
    built = "".join(p.read_text() for p in (Path(x, "version.py") for x in folders) if p.exists())
    kinds = re.findall(
        r"^(\w+)\b[^=\n]*= *['\"]", built, re.MULTILINE
    )  # hip: Optional[str] = '6.2'
    return any(DRIVERS[kind]() for kind in kinds if kind in DRIVERS)


def _loads(library: str) -> bool:
    """Whether there is a shared library of that name, such as a driver's."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
