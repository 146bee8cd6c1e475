"""Other losses, and what is not all known: H by updates, from a start of the size that fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..callers import warn_caller
from ..core import Batch, Fixed, Problem
from ..losses import NONE, loss_called
from ..options import Options
from ..types import Array
from .exact import check_range

ALIKE, EVEN = 3.0, 30.0
"""By which factor W H at a start that is the same everywhere may be larger or smaller than A, and a
component than were all alike; beyond these `first_weights` takes another start."""


def approach(problem: Problem, W: Array, options: Options) -> Array:
    """H (d, n) for W (m, d), on the device, by updates from the start of `first_weights`.

    Raises
    ------
    ValueError
        If H is larger than numbers of its dtype can be.
    """
    backend, (_, n) = problem.backend, problem.shape
    if problem.mean == 0:
        return backend.asarray(np.zeros((options.rank, n)), problem.dtype)
    W, unit, options = in_units(backend.to_numpy(backend.asarray(W, np.dtype("float64"))), options)
    problem = replace(problem, fixed=Fixed(W=W))
    batch = Batch(problem, options, W[None, ...], first_weights(problem, W, unit))
    for _ in batch:
        continue
    if options.tol and not batch.records.converged[0]:
        warn_caller(
            f"the error still fell after max_iter = {options.max_iter} iterations; take more, or a "
            "larger tol"
        )
    H = backend.asarray(problem.factors(batch.loop.state)[1], np.dtype("float64"))
    found = H / backend.xp.asarray(unit[:, None])
    check_range(problem, H, found)
    return backend.asarray(problem.scale.factor_outside(found)[0, ...], problem.dtype)


def in_units(
    W: NDArray[Any], options: Options
) -> tuple[NDArray[np.float64], NDArray[np.float64], Options]:
    """W (m, d) in units of its columns, of which the largest entries are then near 1; the units.

    And the options for an H that is larger by these. With penalties on H it is one unit for all.
    """
    top = W.max(axis=0).astype(np.float64)
    penalty, _ = options.penalties
    if penalty != NONE:
        top[:] = top.max()
    # By powers of two, which change no digit.
    unit = 2.0 ** np.floor(np.log2(np.where(top > 0, top, 1.0)))
    if penalty != NONE:
        # One after the other, for the square may be no number.
        l2 = options.l2_H / unit[0] / unit[0]
        options = replace(options, l1_H=options.l1_H / unit[0], l2_H=l2)
    return W / unit, unit, options


def first_weights(problem: Problem, W: NDArray[Any], unit: NDArray[Any]) -> NDArray[Any]:
    """H0 (1, d, n) to begin with, for a W (m, d) in units.

    The same everywhere in H as the caller has it, as scikit-learn's `NMF.transform` begins, where
    W H0 is then about as large as A. Otherwise as large, in each column by itself, as makes them
    so, all components having the same part in it: or the first error, to which `tol` is relative,
    would be that of the scale.
    """
    shape, d = (1, W.shape[1], problem.shape[1]), W.shape[1]
    alike: NDArray[Any] = np.full(shape, np.sqrt(problem.mean / d)) * unit[:, None]
    parts = d * W.mean(axis=0) * alike[0, :, 0] / problem.mean
    alive = parts > 0
    if within(parts.mean(), ALIKE) and within(parts[alive], EVEN):
        return alike
    even = np.where(alive, problem.mean / d / np.where(alive, W.mean(axis=0), 1.0), 0.0)
    H0 = np.broadcast_to(even[:, None], shape)
    fitting: NDArray[Any] = H0 * best_multiples(problem, W, H0)
    return fitting


def within(numbers: Any, factor: float) -> bool:
    """Whether all are 1 but for so large a factor."""
    return bool(np.all((1 / factor <= numbers) & (numbers <= factor)))


def best_multiples(problem: Problem, W: NDArray[Any], H: NDArray[Any]) -> NDArray[Any]:
    """By what the columns of H (1, d, n) make W H and A equal in sum, over what is known: (n,).

    Of that A is the divergence of Kullback and Leibler the least.
    """
    backend, frame = problem.backend, problem.frame
    loss = loss_called(1.0).on(problem.A)
    on_H, Wt = problem.on_device(W[None, ...], H)
    kept, Wt = frame.keep(backend, on_H, Wt)
    model = loss.model(problem.A, problem.facts(loss), Wt, kept)
    xp = backend.xp
    parts = model.minus(), model.plus(backend, kept)
    sums = (xp.sum(kept * part, axis=1, keepdims=True) for part in parts)
    of_A, of_WH = (frame.columns.put_back(backend, x) for x in sums)
    found = xp.where(of_WH > 0, of_A / xp.where(of_WH > 0, of_WH, xp.ones_like(of_A)), 0 * of_A)
    return backend.to_numpy(found)
