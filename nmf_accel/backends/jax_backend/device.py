"""The device that JAX computes on, and how it is looked at without taking its memory."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

PREALLOCATE = "XLA_PYTHON_CLIENT_PREALLOCATE"
MEMORY_VARIABLES = (PREALLOCATE, "XLA_PYTHON_CLIENT_ALLOCATOR", "XLA_PYTHON_CLIENT_MEM_FRACTION")
"""By which users say how JAX is to take a GPU's memory."""


@contextmanager
def without_preallocation() -> Iterator[None]:
    """Let JAX, should it meet its GPUs here, take their memory as it needs it.

    By default it takes three quarters of it at once, which a look at a device is not worth: CuPy
    may be what runs. A user who has said otherwise by one of `MEMORY_VARIABLES` is heard. JAX
    reads them once, when it first meets its devices.
    """
    if any(name in os.environ for name in MEMORY_VARIABLES):
        yield
        return
    os.environ[PREALLOCATE] = "false"
    try:
        yield
    finally:
        os.environ.pop(PREALLOCATE, None)


def device_of(x: Any) -> Any | None:
    """The device where an array of JAX lies; None if that is several, or none yet."""
    import jax

    if not isinstance(x, jax.Array) or isinstance(x, jax.core.Tracer):
        return None
    devices = x.devices()
    return next(iter(devices)) if len(devices) == 1 else None


def on_several(x: Any) -> bool:
    """Whether an array of JAX lies on several devices."""
    import jax

    known = isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)
    return known and len(x.devices()) > 1


def chosen() -> Any | None:
    """The device that a scope or the user has chosen for new arrays; None for JAX's own choice."""
    import jax

    device = jax.config.jax_default_device
    # A user may have set the name of a platform.
    return jax.local_devices(backend=device)[0] if isinstance(device, str) else device


def here() -> Any:
    """The device that new arrays are made on."""
    import jax

    return chosen() or jax.local_devices()[0]


def name_of(device: Any) -> str:
    """What a device is called, as elsewhere: ``cuda:1``."""
    name = str(device)  # of a GPU; a CPU's is another for each version of JAX
    return f"cpu:{device.id}" if device.platform == "cpu" else name


def reached() -> dict[str, Any]:
    """The devices of this process by their names, those that JAX prefers first, and then the CPU's.

    Of several processes, each has its own.
    """
    import jax

    with without_preallocation():
        first = jax.local_devices()
        try:
            host = jax.local_devices(backend="cpu")
        except RuntimeError:  # a user may have left the CPU out, by JAX_PLATFORMS
            host = []
    return {name_of(device): device for device in (*first, *host)}


def on_device_of(x: Any, asked: Any = None) -> AbstractContextManager[Any]:
    """The context in which new arrays are made where `x` lies; of the host's, where was `asked`."""
    import jax

    device = device_of(x) if isinstance(x, jax.Array) else asked
    # Programs are compiled anew in another context: one that says nothing new is left out.
    if device is None or device == here():
        return nullcontext()
    context: AbstractContextManager[Any] = jax.default_device(device)
    return context


@cache
def has_plugin() -> bool:
    """Whether JAX may reach a GPU or TPU: only through a plug-in package or libtpu."""
    return any(importlib.util.find_spec(m) for m in ("jax_plugins", "libtpu"))


def told_of(device: Any) -> dict[str, Any]:
    """What a `Probe` says of a device."""
    accelerated = device.platform != "cpu"
    return {"device": device.device_kind if accelerated else "CPU", "accelerated": accelerated}
