"""Arrays of libraries that no backend stands for, shared through DLPack."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Array
from .base import Backend
from .registry import BACKENDS, get, owner, probe

HOST, CUDA = (1, 3), (2,)
"""Kinds of device in DLPack: memory that the CPU reads (plain, pinned), and that of NVIDIA GPUs."""


def is_foreign(x: Any) -> bool:
    """Whether `x` is an array of another library that speaks DLPack, such as MLX or TensorFlow."""
    return owner(x) is None and hasattr(type(x), "__dlpack__")


def shared(x: Any, name: str) -> Array:
    """A foreign array, seen from NumPy or, on a GPU, from CuPy, JAX or PyTorch.

    Raises
    ------
    TypeError
        If it cannot be shared.
    """
    of = f"{name} is a {type(x).__module__}.{type(x).__name__}"
    try:
        kind = int(x.__dlpack_device__()[0])
        if kind in HOST:
            return np.from_dlpack(x)
        if kind in CUDA:
            for library in BACKENDS:
                if (found := probe(library)).usable and found.accelerated:
                    with get(library).scope():
                        seen: Array = get(library).xp.from_dlpack(x)
                        return seen
    except Exception as error:  # libraries raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TypeError(f"{of} that cannot be shared through DLPack: {reason}") from error
    raise TypeError(f"{of} on a device that no usable backend reaches; copy it to the CPU")


def back(x: Array, like: Any, backend: Backend) -> Array:
    """`x`, an array of `backend`, as one of the library of a foreign array, on its device."""
    from array_api_compat import to_device  # late: importing nmf_accel loads NumPy alone

    library = sys.modules[type(like).__module__.partition(".")[0]]
    on_host = int(like.__dlpack_device__()[0]) in HOST
    if not hasattr(library, "from_dlpack"):
        return backend.to_numpy(x)
    found = library.from_dlpack(backend.to_numpy(x) if on_host else x)
    moved: Array = found if found.device == like.device else to_device(found, like.device)
    return moved


def to_numpy(x: Any) -> NDArray[Any]:
    """The values of an array of any library, on the host."""
    if is_foreign(x):
        x = shared(x, "the array")
    return get(owner(x) or "numpy").to_numpy(x)
