"""A matrix over several devices of this process."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

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
    ValueError, TypeError
        If there are not so many devices, or they cannot share the columns equally; if A is no
        matrix, or has a mask.
    nmf_accel.BackendError
        If JAX cannot run here, or A is sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.backends import spread
    >>> spread(np.ones((2, 3)), 1).sharding.spec
    PartitionSpec(None, 'columns')
    """
    if devices is not None and (isinstance(devices, bool) or not isinstance(devices, Integral)):
        raise TypeError(f"devices is {devices!r}; it must be a whole number")
    if np.ndim(A) != 2:
        raise ValueError(f"A must be a matrix (2-D), but its shape is {np.shape(A)}")
    if isinstance(A, np.ma.MaskedArray):
        raise TypeError("A is a masked array; pass A.filled(np.nan), and missing=np.nan to `nmf`")
    kind = RawSparse if is_sparse(A) else RawDense
    return resolve(backend, None, kind).spread(A, devices)
