"""From what the caller passed to a problem: its backend, its dtype, and what the loop needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import Backend, resolve
from ..core.problem import Problem
from ..losses import FROBENIUS, Loss
from ..matrices import Frame, Matrix, Raw, weigh
from .checks import check_entries, check_for, working_dtype
from .given import Given, weighed


def prepare(
    given: Given,
    dtype: Any = None,
    backend: str | None = None,
    *,
    objective: Loss = FROBENIUS,
    drop: bool = True,
) -> Problem:
    """Check a matrix, choose its backend and dtype, and make it ready there for many products.

    For a loss that allows it, its zero rows and columns are left out, unless not `drop`, and others
    may be moved.

    Raises
    ------
    ValueError, TypeError
        If it is not a real, finite, non-negative matrix with a non-zero entry.
    nmf_accel.BackendError
        If the backend cannot run here, or takes no matrices of its kind.
    """
    raw, weights = weighed(given)
    chosen = resolve(backend, raw.stored, given.kind)
    with chosen.scope(raw.stored):
        raw, mean = _checked(raw, given.name, dtype, "so there is nothing to factorize")
        check_for(objective, raw, given.name, weights)
        if weights is not None or not objective.arranges:
            return _as_it_is(raw, given.name, chosen, mean, weights)
        A, frame = chosen.arrange(raw, raw.frame() if drop else Frame.whole(raw.shape))
        return _problem(given.name, chosen, A, frame, mean)


def prepare_whole(
    given: Given,
    dtype: Any = None,
    backend: str | None = None,
    *,
    objective: Loss = FROBENIUS,
) -> Problem:
    """The same for few products: all of it, as it is. It may be zero everywhere."""
    raw, weights = weighed(given)
    chosen = resolve(backend, raw.stored, given.kind)
    with chosen.scope(raw.stored):
        raw, mean = _checked(raw, given.name, dtype, "")
        check_for(objective, raw, given.name, weights)
        return _as_it_is(raw, given.name, chosen, mean, weights)


def _checked(raw: Raw, name: str, dtype: Any, zero: str) -> tuple[Raw, float]:
    """The matrix where it lies, so that only what the loop needs is moved, and its mean."""
    raw = raw.astype(working_dtype(raw.dtype, dtype, name))
    check_entries(raw, name, zero)
    xp, (m, n) = raw.library.xp, raw.shape
    return raw, float(xp.sum(raw.stored, dtype=xp.float64)) / (m * n)


def _as_it_is(raw: Raw, name: str, backend: Backend, mean: float, weights: Any) -> Problem:
    A = backend.matrix(raw)
    if weights is not None:
        A, mean = weigh(A, weights)
    return _problem(name, backend, A, Frame.whole(raw.shape), mean)


def _problem(name: str, backend: Backend, A: Matrix, frame: Frame, mean: float) -> Problem:
    limits = np.finfo(A.dtype)  # whatever precision ‖A‖² was summed in
    if not A.norm2 <= limits.max or (mean > 0 and A.norm2 < limits.smallest_normal):
        what = "underflow" if A.norm2 < limits.smallest_normal else "overflow"
        raise ValueError(
            f"the squares of {name}'s entries {what} {A.dtype.name}; divide {name} by its maximum"
        )
    return Problem(backend, A, frame, mean)
