"""What the caller left open, settled for a problem."""

from __future__ import annotations

import warnings
from dataclasses import replace

from ..options import Options
from ..solvers import AUTO, fastest
from ..starts import INITS
from .problem import Problem

DELTA = 1e-9
"""δ where none is given, relative to the size of the denominators."""


def settle(options: Options, problem: Problem) -> Options:
    """The options with nothing left open: the solver, its inner repeats, δ on this data.

    Raises
    ------
    ValueError
        If δ is zero in the precision that is computed in.
    """
    options = replace(options, extrapolate=extrapolates(options, problem))
    if options.solver == AUTO:
        chosen = fastest(problem.backend, problem.dtype.name)
        options = replace(options, solver=chosen.solver)
    solver, method = options.solver, options.method
    if method.keeps_zeros and INITS[options.init].has_zeros:
        warnings.warn(
            f"init={options.init!r} has zeros, which never leave under solver={solver!r}; take "
            f"{', '.join(repr(name) for name, init in INITS.items() if not init.has_zeros)} or "
            "another solver",
            stacklevel=4,
        )
    return replace(
        options,
        delta=delta_on(options, problem),
        inner=options.inner or method.inner,
    )


def extrapolates(options: Options, problem: Problem) -> bool:
    """Whether iterations are moved on along their last step; 'auto' may say so, if left open."""
    if options.extrapolate is not None or options.solver != AUTO:
        return bool(options.extrapolate)
    chosen = fastest(problem.backend, problem.dtype.name)
    return chosen.extrapolate and not options.against_extrapolation()


def why_solver(options: Options, problem: Problem) -> str:
    """What speaks for the solver that 'auto' takes; nothing where the caller chose one."""
    if options.solver != AUTO:
        return ""
    return f"auto: {fastest(problem.backend, problem.dtype.name).because}"


def delta_on(options: Options, problem: Problem) -> float:
    """δ for a problem."""
    if options.delta is None:
        # Denominators are of the size of mean(A)^1.5: c A gives c times the same fit.
        delta = float(DELTA * problem.mean**1.5)
        advice = "scale A, for instance divide it by its maximum"
    else:
        delta, advice = options.delta, "take a larger one"
    if problem.dtype.type(delta) == 0:
        raise ValueError(f"delta is {delta}, which is zero in {problem.dtype.name}; {advice}")
    return delta
