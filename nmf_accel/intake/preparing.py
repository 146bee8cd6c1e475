"""From what the caller passed to a problem: its backend, its dtype, and what the loop needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..backends import Backend, BackendError, resolve
from ..core.problem import Problem
from ..core.scale import Scale, near_one
from ..labels import LINES
from ..losses import FROBENIUS, Loss
from ..matrices import Frame, Matrix, Raw, RawDense, Side, weigh
from .checks import check_entries, check_for, working_dtype
from .given import Given, weighed


def prepare(
    given: Given,
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
    *,
    objective: Loss = FROBENIUS,
    drop: bool = True,
    folds: int | None = None,
) -> Problem:
    """Check a matrix, choose its backend and dtype, and make it ready there for many products.

    For a loss that allows it, its zero rows and columns are left out, unless not `drop`, and others
    may be moved. Where runs are to leave out `folds`, all that is not said to be unknown is known.

    Raises
    ------
    ValueError, TypeError
        If it is not a real, finite, non-negative matrix with a non-zero entry, or nothing is known
        of a row or a column and that is refused.
    nmf_accel.BackendError
        If the backend cannot run here, has no such device, or takes no matrices of its kind.
    """
    raw, weights = weighed(given)
    filled = folds is not None and weights is None  # zeros of a sparse one are known too
    if filled:
        _check_room(raw, working_dtype(raw.dtype, dtype, given.name), given.name)
    chosen = resolve(backend, raw.stored, RawDense if filled else type(raw), device)
    with chosen.scope(raw.stored):
        _refuse_wide(raw, given.name, dtype, chosen)
        if weights is not None and not _anything(raw, weights):
            raise ValueError(f"nothing is known of {given.name}, so there is nothing to factorize")
        nothing = "so there is nothing to factorize"
        raw, mean, scale = _checked(raw, given, dtype, nothing, objective)
        if filled:
            raw = raw.dense()
        check_for(objective, raw, given.name, weights, given.labels)
        if filled:
            weights = raw.library.xp.ones_like(raw.stored)
        if weights is not None:
            known = _known(raw, weights, given, chosen, ("row", "column"), folds)
            return replace(known, scale=scale)
        if not objective.arranges:
            return replace(_as_it_is(raw, given.name, chosen, mean), scale=scale)
        A, frame = chosen.arrange(raw, chosen.frame(raw) if drop else Frame.whole(raw.shape))
        return replace(_problem(given.name, chosen, A, frame, mean), scale=scale)


def prepare_whole(
    given: Given,
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
    *,
    objective: Loss = FROBENIUS,
) -> Problem:
    """The same for few products: all of it, as it is. It may be zero everywhere.

    Of what is not known, rows are left out in any case: nothing is to be found for them.
    """
    raw, weights = weighed(given)
    chosen = resolve(backend, raw.stored, type(raw), device)
    with chosen.scope(raw.stored):
        _refuse_wide(raw, given.name, dtype, chosen)
        raw, mean, scale = _checked(raw, given, dtype, "", objective)
        check_for(objective, raw, given.name, weights, given.labels)
        if weights is not None:
            return replace(_known(raw, weights, given, chosen, ("column",)), scale=scale)
        return replace(_as_it_is(raw, given.name, chosen, mean), scale=scale)


def _refuse_wide(raw: Raw, name: str, dtype: Any, backend: Backend) -> None:
    """Raise where a matrix is to be factorized in a dtype that the device has not."""
    working, widest = working_dtype(raw.dtype, dtype, name), backend.widest
    if working.itemsize > widest.itemsize:
        raise BackendError(
            f"{name} is to be factorized in {working.name}, but {backend.probe().device} has no "
            f"more than {widest.name}; pass dtype={widest.name!r}, or another device, such as 'cpu'"
        )


def _checked(
    raw: Raw, given: Given, dtype: Any, zero: str, objective: Loss
) -> tuple[Raw, float, Scale]:
    """The matrix where it lies, so that only what the loop needs is moved, its mean and scale."""
    working = working_dtype(raw.dtype, dtype, given.name)
    raw, scale = near_one(raw, working, objective, given.name)
    raw = raw.astype(working)
    check_entries(raw, given.name, zero, given.labels)
    xp, (m, n) = raw.library.xp, raw.shape
    return raw, float(xp.sum(raw.stored, dtype=xp.float64)) / (m * n), scale


def _anything(raw: Raw, weights: Any) -> bool:
    """Whether anything is known of a matrix."""
    if isinstance(raw, RawDense):
        return bool(raw.library.xp.any(weights > 0))
    return bool(raw.stored.shape[0])


def _as_it_is(raw: Raw, name: str, backend: Backend, mean: float) -> Problem:
    return _problem(name, backend, backend.matrix(raw), Frame.whole(raw.shape), mean)


def _check_room(raw: Raw, working: np.dtype[Any], name: str) -> None:
    """Raise unless a sparse matrix may be made dense, so that runs may leave out its zeros too.

    Raises
    ------
    MemoryError
        If its entries, their weights and a byte for the fold of each take more than is free where
        it is.
    """
    (m, n), free = raw.shape, raw.library.free_memory()
    if isinstance(raw, RawDense) or (need := m * n * (2 * working.itemsize + 1)) <= free:
        return
    raise MemoryError(
        f"folds are of all {m:,} × {n:,} entries of {name}, its zeros among them, which take "
        f"{need:,} bytes in {working.name}, but {free:,} are free; pass fewer rows or columns, "
        + ("dtype='float32', " if working.itemsize > 4 else "")
        + "or zeros='missing' if zeros are not known"
    )


def _known(
    raw: Raw,
    weights: Any,
    given: Given,
    backend: Backend,
    wanted: tuple[str, ...],
    folds: int | None = None,
) -> Problem:
    """What is known of a matrix, without the rows and columns of which nothing is.

    Of those it `wanted` that is refused, unless they may be zero.
    """
    known = RawDense(weights, raw.library) if isinstance(raw, RawDense) else raw
    frame = backend.frame(known)
    if given.unknown == "refuse":
        for axis, side in enumerate((frame.rows, frame.columns)):
            if LINES[axis] in wanted:
                _refuse_unknown(given, axis, side)
    if frame.rows.left_out.size == raw.shape[0]:
        frame = Frame.whole(raw.shape)  # no loop will run, and backends take no empty arrays
    if isinstance(raw, RawDense):  # of a sparse one they are all alike
        weights = known.cut(frame).stored
    A, mean = weigh(backend.matrix(raw.cut(frame)), weights, folds)
    return _problem(given.name, backend, A, frame, mean)


def _refuse_unknown(given: Given, axis: int, side: Side) -> None:
    """Raise for the first row, or column, of which nothing is known."""
    nothing, what = side.left_out, LINES[axis]
    if nothing.size:
        raise ValueError(
            f"nothing is known of {nothing.size} {what}{'s' * (nothing.size > 1)} of "
            f"{given.name}, the first being {given.labels.line(axis, nothing[0])}; leave them out, "
            "or hold them at zero by unknown='zero'"
        )


def _problem(name: str, backend: Backend, A: Matrix, frame: Frame, mean: float) -> Problem:
    limits = np.finfo(A.dtype)  # whatever precision ‖A‖² was summed in
    with np.errstate(over="ignore"):  # infinite is an answer too
        norm2 = A.norm2
    if not norm2 <= limits.max or (mean > 0 and norm2 < limits.smallest_normal):
        what = "underflow" if norm2 < limits.smallest_normal else "overflow"
        raise ValueError(
            f"the squares of {name}'s entries {what} {A.dtype.name}; divide {name} by its maximum"
        )
    return Problem(backend, A, frame, mean)
