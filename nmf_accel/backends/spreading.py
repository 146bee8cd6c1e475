"""A matrix over several devices of this process."""

from __future__ import annotations

from typing import Any

from ..matrices import RawDense, RawSparse, is_sparse
from .registry import resolve


def spread(A: Any, devices: int | None = None, *, backend: str | None = "jax") -> Any:
    """A matrix of the host, cut by columns over several devices of this process.

    What `nmf`, `sweep` and `project` are given so stays so: each device computes with its own
    columns of A and of H, and W is on all of them. See ``docs/devices.md``, also for several hosts.

    Parameters
    ----------
    A : (m, n) array
        On the host, of any real dtype. `devices` must divide n.
    devices : int, optional
        How many, the first ones; by default all.
    backend : str, optional
        ``'jax'``, which alone can do so.

    Returns
    -------
    (m, n) array of JAX
        In the dtype of A.

    Raises
    ------
    ValueError
        If there are not so many devices, or they cannot share the columns equally.
    nmf_accel.BackendError
        If JAX cannot run here, or A is sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.backends import spread
    >>> spread(np.ones((2, 3)), 1).sharding.spec
    PartitionSpec(None, 'columns')
    """
    kind = RawSparse if is_sparse(A) else RawDense
    return resolve(backend, None, kind).spread(A, devices)
