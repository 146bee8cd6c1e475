"""Which backends there are, and which one a call gets."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from ..matrices import Raw, RawDense
from .base import Backend
from .probes import Probe

GROUP = "nmf_accel.backends"
VARIABLE = "NMF_ACCEL_BACKEND"
DEVICE_VARIABLE = "NMF_ACCEL_DEVICE"
AUTO = "auto"

BACKENDS = {
    name: f"{__package__}.{name}_backend:{name.capitalize()}Backend"
    for name in ("numpy", "cupy", "jax", "torch")
}
"""Where the class of each backend is; those of installed packages come after these."""


class BackendError(RuntimeError):
    """A backend that was asked for cannot run here; the message says why and what to do."""


@cache
def _installed() -> dict[str, str]:
    """The backends of installed packages."""
    # Late: a quarter of the time of importing nmf_accel would go into this module.
    from importlib.metadata import entry_points

    return {point.name: f"{point.module}:{point.attr}" for point in entry_points(group=GROUP)}


def _registered() -> dict[str, str]:
    return {**BACKENDS, **{k: v for k, v in _installed().items() if k not in BACKENDS}}


def names() -> list[str]:
    """Names of all registered backends, usable or not."""
    return list(_registered())


def get(name: str, device: str | None = None) -> Backend:
    """The backend of that name, usable or not; its library is not imported yet.

    There is one for each name and `device`, which is one of its `devices`.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    BackendError
        If a third party's backend cannot be loaded.
    """
    if name not in BACKENDS and name not in _installed():
        raise ValueError(f"unknown backend {name!r}; valid ones are {AUTO}, {', '.join(names())}")
    return _made(name, device)


@cache
def _made(name: str, device: str | None) -> Backend:
    try:
        backend: Backend = pkgutil.resolve_name(_registered()[name])()
    except Exception as error:
        raise BackendError(f"backend {name!r} could not be loaded: {error}") from error
    backend.device = device
    return backend


def _loaded(among: Iterable[str]) -> Iterator[tuple[str, Backend]]:
    """Those that can be loaded, by name; one that is broken says so when it is asked for."""
    for name in among:
        try:
            backend = get(name)
        except BackendError:
            continue
        yield name, backend


def probe(name: str) -> Probe:
    """Whether that backend is usable here, and why not. Raises for an unknown name only."""
    try:
        return get(name).probe()
    except BackendError as error:
        return Probe(False, str(error))


def resolve(
    name: str | None = None,
    A: object = None,
    kind: type[Raw] = RawDense,
    device: str | None = None,
) -> Backend:
    """The usable backend for a call: argument, library of `A`, environment, then ``auto``.

    Parameters
    ----------
    name : str, optional
        What the caller asked for: a backend or ``auto``.
    A : array, optional
        The data. A device array (CuPy, JAX) stays where it is; a NumPy array goes anywhere.
    kind : type of Raw
        What kind of matrix the data is; not every backend takes every kind.
    device : str, optional
        Where it is to run: one of the backend's `devices`, or their kind, such as ``cuda``. By
        default where `A` is, if that is a device array; else what the environment says; else what
        the library takes. ``auto`` takes a backend that reaches it.

    Raises
    ------
    ValueError
        For an unknown name, or one that would move a device array behind the caller's back.
    BackendError
        If the backend that was named cannot run here, has no such device, or takes no matrices of
        that kind. There is no fallback from a named one.
    """
    if not isinstance(name, (str, type(None))):
        raise TypeError(f"backend is {name!r}; it must be a name: {AUTO}, {', '.join(names())}")
    if not isinstance(device, (str, type(None))):
        raise TypeError(f"device is {device!r}; it must be a name, such as 'cpu' or 'cuda:1'")
    home = None if A is None or isinstance(A, np.ndarray) else owner(A)
    if home is not None and name in (None, AUTO, home):
        return _at_home(_usable(home), A, device)
    asked = name or os.environ.get(VARIABLE) or AUTO
    if home is not None:
        get(asked)  # an unknown name is the first thing to say
        raise ValueError(
            f"A is a {home} array, but backend={name!r} was asked for; "
            f"pass a NumPy array, or leave backend out to run on {home}"
        )
    device = device or os.environ.get(DEVICE_VARIABLE) or None
    if asked == AUTO:
        asked = _automatic(kind) if device is None else _reaching(device, kind)
    backend = _usable(asked)
    if kind not in backend.kinds:
        able = [name for name, other in _loaded(names()) if kind in other.kinds]
        raise BackendError(
            f"backend {asked!r} takes no {kind.kind} matrices; take {' or '.join(able)}, or "
            f"{kind.instead}"
        )
    return backend if device is None else _on(backend, device)


def _at_home(backend: Backend, A: object, device: str | None) -> Backend:
    """The backend of a device array, which computes where that is.

    Raises
    ------
    ValueError
        If that is not the device that was asked for.
    """
    if device is not None and (lies := backend.device_of(A)) != _on(backend, device).device:
        raise ValueError(
            f"A lies on {lies or 'several devices'}, but device={device!r} was asked for; move it "
            "there, or leave device out"
        )
    return backend


def _on(backend: Backend, device: str) -> Backend:
    """The same backend on a device of that name.

    Raises
    ------
    BackendError
        If it reaches none.
    """
    if (found := backend.called(device)) is None:
        reached = ", ".join(backend.devices()) or "no choice of devices"
        raise BackendError(f"backend {backend.name!r} has no device {device!r}; it has {reached}")
    return get(backend.name, found)


def owner(x: object) -> str | None:
    """Name of the backend whose array `x` is, if any; imports no array library."""
    return next((name for name, backend in _loaded(names()) if backend.owns(x)), None)


def _automatic(kind: type[Raw]) -> str:
    """A usable GPU if there is one, the first in the table; else NumPy.

    Also a GPU that a fork has made unusable, to be refused: NumPy would be a silent change.
    """
    for name, backend in _loaded(BACKENDS):
        if kind in backend.kinds and backend.can_accelerate():
            found = probe(name)
            # Most data are float64: what has no more than float32 must be asked for.
            if found.accelerated and (not found.usable or backend.widest.itemsize == 8):
                return name
    return "numpy"


def _reaching(device: str, kind: type[Raw]) -> str:
    """The first in the table that reaches a device.

    Raises
    ------
    BackendError
        If there is none.
    """
    reached = []
    for name, backend in _loaded(names()):
        if kind in backend.kinds and probe(name).usable:
            if backend.called(device) is not None:
                return name
            reached.append(f"{name} has {', '.join(backend.devices()) or 'no choice'}")
    raise BackendError(f"no backend reaches device {device!r}: {'; '.join(reached)}")


def _usable(name: str) -> Backend:
    backend = get(name)
    if not (found := backend.probe()).usable:
        raise BackendError(f"backend {name!r} cannot run here: {found.reason}")
    return backend
