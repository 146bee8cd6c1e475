"""A matrix of the host over the devices of this process."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .device import name_of, without_preallocation

THREADS = ("PJRT_NPROC", "NPROC")
"""By which a user says to XLA how many threads compute on a CPU; else as many as it has cores."""


def spread(A: NDArray[Any], count: int | None = None) -> Any:
    """`A` (m, n) by columns over the first `count` devices of this process, or all of them.

    Raises
    ------
    ValueError
        If there are fewer devices, they cannot share the columns equally, or they are more of a CPU
        than XLA has threads for.
    """
    import jax
    from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

    with without_preallocation():
        there = jax.local_devices()
    count = len(there) if count is None else count
    _check(count, there, A.shape[1])
    mesh = Mesh(np.array(there[:count]), ("columns",), axis_types=(AxisType.Auto,))
    return jax.device_put(A, NamedSharding(mesh, PartitionSpec(None, "columns")))


def _check(count: int, there: list[Any], columns: int) -> None:
    """Raise unless so many of those devices can share so many columns."""
    on_cpu = there[0].platform == "cpu"
    if not 1 <= count <= len(there):
        flag = f"XLA_FLAGS=--xla_force_host_platform_device_count={count}"
        cure = f", or, before JAX starts, set {flag}" if on_cpu and count > 0 else ""
        raise ValueError(
            f"devices is {count}, but JAX has {len(there)} here, {', '.join(map(name_of, there))}; "
            f"take one or more of these{cure}"
        )
    if columns % count:
        fit = [k for k in range(1, len(there) + 1) if columns % k == 0]
        raise ValueError(
            f"devices is {count}, but A has {columns:,} columns, of which each must have as many; "
            f"take {' or '.join(map(str, fit))}, or leave {columns % count} of the columns out"
        )
    told = (os.environ.get(x, "") for x in THREADS)
    cores = next((int(x) for x in told if x.isdecimal()), os.cpu_count() or 1)
    if on_cpu and 1 < count > cores // 2:
        raise ValueError(
            f"devices is {count}, but XLA computes with {cores} threads on this CPU, and all may "
            "be held up by devices that wait for others; take "
            f"devices={max(1, cores // 2)}, or, before JAX starts, set NPROC={2 * count}"
        )
