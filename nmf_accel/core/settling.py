"""What the caller left open, settled for a problem."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from ..losses import NONE
from ..options import Options
from ..solvers import AUTO, Fastest, fastest
from ..starts import INITS
from .problem import Problem


def settle(options: Options, problem: Problem) -> Options:
    """The options with nothing left open: the solver, its inner repeats, δ on this data.

    Raises
    ------
    ValueError
        If δ is zero in the precision that is computed in.
    """
    options = taken(options, problem)
    delta_inside(options, problem)
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
        extrapolate=bool(options.extrapolate),
    )


def taken(options: Options, problem: Problem) -> Options:
    """The options with what 'auto' takes where the caller left it open, if the others allow it."""
    if options.solver != AUTO:
        return options
    choice = choice_for(options, problem)
    options = replace(options, solver=choice.solver)
    if options.inner is None:
        options = where_allowed(options, inner=choice.inner)
    # With penalties nothing was measured, and a component may die of a long step.
    if options.extrapolate is None and options.penalties == (NONE, NONE):
        options = where_allowed(options, extrapolate=choice.extrapolate)
    return options


def where_allowed(options: Options, **more: Any) -> Options:
    """The options with some more; without, where those do not go with the others."""
    try:
        return replace(options, **more)
    except ValueError:
        return options


def choice_for(options: Options, problem: Problem) -> Fastest:
    """What 'auto' takes for a problem."""
    work = problem.products_to_repeat(options.rank)
    return fastest(problem.backend, problem.dtype.name, work)


def why_solver(options: Options, problem: Problem) -> str:
    """What speaks for the solver that 'auto' takes; nothing where the caller chose one."""
    return f"auto: {choice_for(options, problem).because}" if options.solver == AUTO else ""


def delta_on(options: Options, problem: Problem) -> float:
    """δ for a problem, as the caller has it."""
    if options.delta is not None:
        return options.delta
    # One that is no number there is still one in the loop, which does not take it from here.
    found = delta_inside(options, problem) / problem.scale.of_l1
    return max(found, float(np.finfo(np.float64).smallest_normal))


def delta_inside(options: Options, problem: Problem) -> float:
    """δ for a problem, as the loop has it.

    Raises
    ------
    ValueError
        If it is zero in the precision that is computed in.
    """
    if options.delta is None:
        delta = options.objective.delta(problem.mean, problem.dtype)
        advice = "scale A, for instance divide it by its maximum"
    else:
        delta, advice = options.delta * problem.scale.of_l1, "take a larger one"
    if problem.dtype.type(delta) == 0:
        raise ValueError(
            f"delta is {options.delta or delta}, which is zero in {problem.dtype.name}; {advice}"
        )
    return delta
