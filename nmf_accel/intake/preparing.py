"""From what the caller passed to a problem: its backend, its dtype, and what the loop needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import Backend, resolve
from ..core.problem import Problem
from ..losses import FROBENIUS, Loss
from ..matrices import Frame, Matrix
from .checks import check_entries, working_dtype
from .given import Given


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
    chosen = resolve(backend, given.array, given.kind)
    with chosen.scope(given.array):
        lies, mean = _checked(given, dtype, zero=False)
        if not objective.arranges:
            return _as_it_is(given, chosen, lies, mean)
        A, frame = chosen.arrange(lies, lies.frame() if drop else Frame.whole(lies.shape))
        return _problem(given, chosen, A, frame, mean)


def prepare_whole(given: Given, dtype: Any = None, backend: str | None = None) -> Problem:
    """The same for few products: all of it, as it is. It may be zero everywhere."""
    chosen = resolve(backend, given.array, given.kind)
    with chosen.scope(given.array):
        lies, mean = _checked(given, dtype, zero=True)
        return _as_it_is(given, chosen, lies, mean)


def _checked(given: Given, dtype: Any, zero: bool) -> tuple[Matrix, float]:
    """The matrix where it lies, so that only what the loop needs is moved, and its mean."""
    A = given.matrix(working_dtype(given.array.dtype, dtype, given.name))
    check_entries(A, given.name, zero)
    xp, (m, n) = A.library.xp, A.shape
    return A, float(xp.sum(A.stored, dtype=xp.float64)) / (m * n)


def _as_it_is(given: Given, backend: Backend, A: Matrix, mean: float) -> Problem:
    return _problem(given, backend, backend.matrix(A), Frame.whole(A.shape), mean)


def _problem(given: Given, backend: Backend, A: Matrix, frame: Frame, mean: float) -> Problem:
    if not np.isfinite(A.norm2) or (mean > 0 and A.norm2 == 0):
        what = "underflow" if A.norm2 == 0 else "overflow"
        raise ValueError(
            f"the squares of {given.name}'s entries {what} {A.dtype.name}; divide {given.name} "
            "by its maximum"
        )
    return Problem(backend, A, frame, mean)
