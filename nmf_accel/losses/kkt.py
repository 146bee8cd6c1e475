"""How far a factor is from a solution, whatever the loss: its projected gradient."""

from __future__ import annotations

from typing import Any

from ..types import Array, Library
from .models import Model, Quadratic
from .penalties import NONE, Penalties, Penalty


def violation2(
    library: Library, X: Array, model: Model, penalty: Penalty = NONE, onto: Any = 0.0
) -> Array:
    """Squared norm of the projected gradient with respect to X, of each run, added `onto` that.

    The entries of the gradient (+ l1 + l2 X) that the KKT conditions want to be zero: all but
    those that are positive where X is zero (Kim & Park 2008, section 5; Lin 2007, eq. 12).
    """
    kernel = library.kernel("squared_violation", squared_violation)
    return kernel(library, X, model.plus(library, X), model.minus(), penalty, onto)


def violations2(
    library: Library, H: Array, Wt: Array, models: tuple[Model, Model], penalties: Penalties
) -> Array:
    """`violation2` of both factors together; models and penalties are those of H, then of W."""
    of_H = violation2(library, H, models[0], penalties[0])
    return violation2(library, Wt, models[1], penalties[1], onto=of_H)


def squared_violation(
    library: Library, X: Array, plus: Array, minus: Array, penalty: Penalty, onto: Any
) -> Array:
    """`violation2` from the two parts of the gradient; `plus` may be overwritten."""
    plus -= minus
    plus += penalty.gradient(X)
    gradient = _projected(library, X, plus)
    total: Array = onto + library.inner(gradient, gradient)
    return total


def descent_violation(
    library: Library,
    old: Array,
    new: Array,
    model: Quadratic,
    penalty: Penalty = NONE,
    onto: Any = 0.0,
) -> Array:
    """Sum of the projected gradient's absolute values that coordinate descent met, of each run.

    Row k saw the rows before it new and the others old. It is what scikit-learn's solver 'cd'
    holds its `tol` against. Added `onto` that.
    """
    kernel = library.kernel("violation_met", violation_met)
    return kernel(library, old, new, *model, penalty, onto)


def violation_met(
    library: Library, old: Array, new: Array, N: Array, G: Array, penalty: Penalty, onto: Any
) -> Array:
    """`descent_violation` from the parts of the model."""
    xp = library.xp
    gradient = library.matmul(xp.tril(G, k=-1), new)
    gradient += library.matmul(xp.triu(G), old)
    gradient -= N
    gradient += penalty.gradient(old)
    gradient = xp.abs(_projected(library, old, gradient))
    total: Array = onto + xp.sum(gradient, axis=(-2, -1), dtype=xp.float64)
    return total


def _projected(library: Library, X: Array, gradient: Array) -> Array:
    """The gradient without its entries that are positive where X is zero."""
    # Compilers flush what is smaller than a normal number to zero; libraries do not.
    xp = library.xp
    smallest = float(xp.finfo(X.dtype).smallest_normal)
    wrong = (smallest <= X) | ~(gradient >= 0)  # NaN is wrong
    projected: Array = xp.where(wrong, gradient, xp.zeros_like(gradient))
    return projected
