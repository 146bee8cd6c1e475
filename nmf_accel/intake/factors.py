"""Factors that the caller gives: starts, or components that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backends import owner
from ..core.problem import Problem
from ..matrices import RawDense, RawSparse
from ..options import Options
from ..types import Array
from .checks import check_entries, working_dtype
from .given import Given

STUCK = "and the updates never leave zero; start from positive entries"


def starting_factors(problem: Problem, options: Options, W0: Any, H0: Any) -> tuple[Array, Array]:
    """The starts as (1, m, d) and (1, d, n), drawn where not given, checked where given."""
    (m, n), d = problem.shape, options.rank
    drawn: Any = (None, None)
    if W0 is None or H0 is None:
        drawn = problem.draw(options.rank, options.seed, options.init)
    starts = []
    for name, given, random, shape in (
        ("W0", W0, drawn[0], (m, d)),
        ("H0", H0, drawn[1], (d, n)),
    ):
        start = random if given is None else checked_factor(problem, name, given, shape, STUCK)
        starts.append(start[None, ...])
    if W0 is not None or H0 is not None:
        _check_size(problem, *starts)
    return starts[0], starts[1]


def _check_size(problem: Problem, W0: Array, H0: Array) -> None:
    """Raise if (WᵀW)H or W(HHᵀ) could overflow, which would end in zeros, not in an error."""
    backend = problem.backend
    arrays = [backend.asarray(x, problem.dtype) for x in (W0, H0)]
    w, h = (math.sqrt(float(backend.inner(x, x)[0])) for x in arrays)
    if not w * h * max(w, h) < np.finfo(problem.dtype).max:
        raise ValueError(
            f"W0 and H0 are so large (norms {w:.3g} and {h:.3g}) that their products overflow "
            f"{problem.dtype.name}; scale them so that W0 H0 is of the size of A"
        )


def checked_factor(
    problem: Problem, name: str, factor: Any, shape: tuple[int, int], zero: str = ""
) -> Array:
    """A factor that was given: W, H or a start of one; `zero` says why it may not be zero.

    Raises
    ------
    TypeError, ValueError
        If it is sparse, of another shape, on another device, or not finite and non-negative.
    """
    given, backend = Given(factor, name), problem.backend
    if isinstance(factor, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; all of it must be known: pass {name}.data")
    if given.kind is RawSparse:
        raise TypeError(f"{name} is sparse ({type(factor).__name__}); pass {name}.toarray()")
    raw = given.raw()
    working_dtype(raw.dtype, None, name)  # refuses what are no real numbers
    if raw.shape != shape:
        raise ValueError(f"{name} has shape {raw.shape}; with this A and rank it must be {shape}")
    home = owner(raw.stored)
    if home not in ("numpy", backend.name):
        raise ValueError(
            f"{name} is a {home} array, but this runs on {backend.name}; give a NumPy array"
        )
    on_device = RawDense(backend.asarray(raw.stored, problem.dtype), backend)
    check_entries(on_device, name, zero)
    return raw.stored
