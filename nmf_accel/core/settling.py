"""What the caller left open, settled for a problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..callers import warn_caller
from ..losses import NONE, Penalties
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
        warn_caller(
            f"init={options.init!r} has zeros, which never leave under solver={solver!r}; take "
            f"{', '.join(repr(name) for name, init in INITS.items() if not init.has_zeros)} or "
            "another solver"
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


def delta_on(options: Options, problem: Problem) -> float | None:
    """δ for a problem, as the caller has it; None for the usual one where that is no float."""
    if options.delta is not None:
        return options.delta
    found = problem.scale.l1_outside(delta_inside(options, problem))
    return found if np.finfo(np.float64).smallest_normal <= found < np.inf else None


def delta_inside(options: Options, problem: Problem) -> float:
    """δ for a problem, as the loop has it.

    Raises
    ------
    ValueError
        If it is zero or infinite in the precision that is computed in.
    """
    if options.delta is None:
        with problem.backend.scope(problem.A):
            delta = options.objective.delta(problem.A, problem.mean)
        advice = "scale A, for instance divide it by its maximum"
    else:
        delta, advice = problem.scale.l1_inside(options.delta), "take a larger one"
    if not delta <= float(np.finfo(problem.dtype).max):
        raise ValueError(
            f"delta is {options.delta}, so large beside A that it is no number of "
            f"{problem.dtype.name} in the loop; take a smaller one"
        )
    if problem.dtype.type(delta) == 0:
        raise ValueError(
            f"delta is {options.delta or delta}, which is zero in {problem.dtype.name}; {advice}"
        )
    return delta


def penalties_inside(options: Options, problem: Problem) -> Penalties:
    """The penalties as the loop has them.

    Raises
    ------
    ValueError
        If one is so large beside an A of a far scale that its square overflows.
    """
    scale, most = problem.scale, float(np.finfo(problem.dtype).max) ** 0.5
    inside = scale.penalties_inside(options.penalties)
    if scale.order:
        for factor, there in zip("HW", inside, strict=True):
            for name in ("l1", "l2"):
                if not (getattr(there, name) or 0.0) <= most:
                    name = f"{name}_{factor}"
                    raise ValueError(
                        f"{name} is {getattr(options, name)}, so large beside A that nothing but "
                        f"{factor} = 0 is left in {problem.dtype.name}; take a smaller one, as A "
                        "is small"
                    )
    return inside
