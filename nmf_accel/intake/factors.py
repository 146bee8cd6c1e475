"""Factors that the caller gives: starts, or components that are known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import get, owner
from ..core.held import Fixed
from ..core.problem import Problem
from ..matrices import Raw, RawDense, RawSparse
from ..options import Options
from ..types import Array
from .checks import check_entries, working_dtype
from .given import Given

Factor = NDArray[np.float64]

OF_W, OF_H = (0,), (1,)
"""Which axes of A they have: its rows, or its columns."""

STUCK = "and the updates never leave zero; start from positive entries"


def starting_factors(
    problem: Problem, options: Options, W0: Given | None, H0: Given | None
) -> tuple[Array, Array]:
    """The starts as (1, m, d) and (1, d, n), drawn where not given, checked where given."""
    (m, n), d = problem.shape, options.rank
    drawn: Any = (None, None)
    if W0 is None or H0 is None:
        drawn = problem.draw(options.rank, options.seed, options.init)
    starts = []
    for given, random, shape in ((W0, drawn[0], (m, d)), (H0, drawn[1], (d, n))):
        start = random if given is None else checked_factor(problem, given, shape, STUCK)
        starts.append(start[None, ...])
    _names(W0, H0)  # refuses two names for one component
    if W0 is not None or H0 is not None or problem.fixed:
        W, H = problem.fixed.into(problem.A, starts[0], starts[1])
        _check_size(problem, W, H, _given(problem, W0, H0))
    return starts[0], starts[1]


def hold(
    problem: Problem, ranks: Iterable[int], W_fixed: Any, H_fixed: Any, beside: Given | None = None
) -> Problem:
    """The problem with components that are held in its runs at those ranks.

    Parameters
    ----------
    beside : Given, optional
        A, in whose order their rows and columns are taken, by their names.
    W_fixed, H_fixed : (m, k) and (k, n) arrays, or None
        The first columns of W and the first rows of H; those that are NaN throughout are learned.

    Raises
    ------
    TypeError, ValueError
        If they are of another shape, not finite and non-negative, or leave nothing to learn; if
        they have other names than A, or call a component by two names.
    """
    if W_fixed is None and H_fixed is None:
        return problem
    (m, n), ranks = problem.shape, list(ranks)
    W_given = None if W_fixed is None else Given(W_fixed, "W_fixed", beside=beside, shares=OF_W)
    H_given = None if H_fixed is None else Given(H_fixed, "H_fixed", beside=beside, shares=OF_H)
    with problem.backend.scope(problem.A):
        W = None if W_given is None else _components(problem, W_given, m, 1)
        H = None if H_given is None else _components(problem, H_given, n, 0)
    for name, lines, held in (
        ("W_fixed", "columns", W if W is None else W.T),
        ("H_fixed", "rows", H),
    ):
        if held is not None and len(held) > min(ranks):
            raise ValueError(
                f"{name} has {len(held)} {lines}, but rank is {min(ranks)}; it may have as many "
                "as there are components"
            )
    problem = replace(problem, fixed=Fixed(W, H, _names(W_given, H_given)))
    for rank in ranks:
        if all(held.all() for held in problem.fixed.masks(rank)):
            raise ValueError(f"W_fixed and H_fixed hold all of W and H at rank {rank}")
    return problem


def _names(W: Given | None, H: Given | None) -> tuple[str, ...] | None:
    """The names of the components that are given, if they have any.

    Raises
    ------
    ValueError
        If W and H call a component by two names.
    """
    of_W = None if W is None else W.labels.samples
    of_H = None if H is None else H.labels.features
    if W is not None and H is not None and of_W is not None and of_H is not None:
        for k, (one, other) in enumerate(zip(of_W.tolist(), of_H.tolist(), strict=False)):
            if one != other:
                raise ValueError(
                    f"component {k} is {one!r} in {W.name} and {other!r} in {H.name}; give it one "
                    "name in both"
                )
    longer = max((x for x in (of_W, of_H) if x is not None), key=len, default=None)
    return None if longer is None else tuple(longer.tolist())


def _components(problem: Problem, given: Given, size: int, axis: int) -> Factor | None:
    """Components of W (along axis 1) or H (along axis 0) that are held; None if none is."""
    name, values = given.name, dense(given)
    found: Factor = np.array(values.library.to_numpy(values.stored), dtype=np.float64)
    unknown, across = np.isnan(found), 1 - axis
    learned = unknown.all(axis=across)
    for k in np.flatnonzero(unknown.any(axis=across) & ~learned):
        line = ("row", "column")[axis]
        raise ValueError(
            f"{line} {k} of {name} is NaN in part; a {line} is known, or NaN throughout and learned"
        )
    if found.shape[across] != size:
        lines = ("rows", "columns")[across]
        raise ValueError(f"{name} has {found.shape[across]} {lines}; it must have {size}, as A has")
    _checked(problem, given, RawDense(np.where(unknown, 0, found), get("numpy")), found.shape)
    found = problem.scale.factor_inside(found)
    with np.errstate(over="ignore"):  # infinite is an answer too
        squares = size * np.nanmax(found, initial=0.0) ** 2
    if not squares < np.finfo(problem.dtype).max:
        raise ValueError(f"{name} is so large that its squares overflow {problem.dtype.name}")
    return None if learned.all() else found


def _given(problem: Problem, W0: Given | None, H0: Given | None) -> str:
    """What of the factors was given, in words."""
    fixed = problem.fixed
    what = {"W0": W0, "H0": H0, "W_fixed": fixed.W, "H_fixed": fixed.H}
    return " and ".join(name for name, given in what.items() if given is not None)


def _check_size(problem: Problem, W0: Array, H0: Array, given: str) -> None:
    """Raise if (WᵀW)H or W(HHᵀ) could overflow, which would end in zeros, not in an error."""
    backend = problem.backend
    arrays = [problem.A.beside(W0, rows=-2), problem.A.beside(H0, columns=-1)]
    with np.errstate(over="ignore"):  # infinite is an answer too
        w, h = (math.sqrt(float(backend.inner(x, x)[0])) for x in arrays)
    if not w * h * max(w, h) < float(np.finfo(problem.dtype).max):
        raise ValueError(
            f"with {given} as given, W and H are so large beside A (norms {w:.3g} and {h:.3g}) "
            f"that their products overflow {problem.dtype.name}; scale {given} so that W H is of "
            "the size of A"
        )


def checked_factor(problem: Problem, given: Given, shape: tuple[int, int], zero: str = "") -> Array:
    """A factor that was given, as the loop has it: W, H or a start; `zero`: why it may not be zero.

    Raises
    ------
    TypeError, ValueError
        If it is sparse, of another shape, on another device, or not finite and non-negative.
    """
    raw = dense(given)
    beside = _checked(problem, given, raw, shape, zero)
    # What several devices share is computed with there; else in the dtype in which it was given.
    return _inside(problem, raw if problem.A.devices == 1 else beside, given.name)


def _inside(problem: Problem, raw: Raw, name: str) -> Array:
    """A factor that was given, as the loop has it.

    Raises
    ------
    ValueError
        If its largest entry, if not 0, is no number there.
    """
    with np.errstate(over="ignore", under="ignore"):  # infinite is an answer too
        inside: Array = problem.scale.factor_inside(raw.stored)
    if problem.scale.order:
        limits, xp = np.finfo(problem.dtype), raw.library.xp
        given, there = (float(xp.max(x)) for x in (raw.stored, inside))
        if given > 0 and not float(limits.smallest_normal) <= there <= float(limits.max):
            raise ValueError(
                f"{name} (largest entry {given:.3g}) is so far from the scale of A that it is no "
                f"number of {limits.dtype} beside it; scale {name} so that W H is of the size of A"
            )
    return inside


def _checked(
    problem: Problem, given: Given, raw: Raw, shape: tuple[int, ...], zero: str = ""
) -> Raw:
    """A factor beside A; raise unless it is of the shape, finite and non-negative."""
    backend, name = problem.backend, given.name
    if raw.shape != shape:
        raise ValueError(f"{name} has shape {raw.shape}; with this A and rank it must be {shape}")
    home = owner(raw.stored)
    if home not in ("numpy", backend.name):
        raise ValueError(
            f"{name} is a {home} array, but this runs on {backend.name}; give a NumPy array"
        )
    goes_with = {
        name: axis for axis, name in enumerate(("rows", "columns")) if axis in given.shares
    }
    on_device = RawDense(problem.A.beside(raw.stored, **goes_with), backend)
    check_entries(on_device, name, zero, given.labels)
    return on_device


def dense(given: Given) -> Raw:
    """A factor that was given, as a dense matrix of real numbers.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    name = given.name
    if isinstance(given.like, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; all of it must be known: fill what is masked")
    raw = given.raw()
    if isinstance(raw, RawSparse):
        of = type(given.passed).__name__
        raise TypeError(f"{name} is sparse ({of}); pass {name}.toarray()")
    working_dtype(raw.dtype, None, name)  # refuses what are no real numbers
    return raw
