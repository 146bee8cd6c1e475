"""How far a factor is from a solution, whatever the loss: its projected gradient."""

from __future__ import annotations

from ..types import Array, Library
from .base import Model, Quadratic
from .penalties import Penalty


def violation2(library: Library, X: Array, model: Model, penalty: Penalty | None = None) -> Array:
    """Squared norm of the projected gradient with respect to X, of each run.

    The entries of the gradient (+ l1 + l2 X) that the KKT conditions want to be zero: all but
    those that are positive where X is zero (Kim & Park 2008, section 5; Lin 2007, eq. 12).
    """
    gradient = model.gradient(library, X)
    if penalty is not None:
        gradient = gradient + (penalty.l1 + penalty.l2 * X)
    gradient = _projected(library, X, gradient)
    return library.inner(gradient, gradient)


def descent_violation(
    library: Library, old: Array, new: Array, model: Quadratic, penalty: Penalty | None = None
) -> Array:
    """Sum of the projected gradient's absolute values that coordinate descent met, of each run.

    Row k saw the rows before it new and the others old. It is what scikit-learn's solver 'cd'
    holds its `tol` against.
    """
    xp, (N, G) = library.xp, model
    gradient = library.matmul(xp.tril(G, k=-1), new)
    gradient += library.matmul(xp.triu(G), old)
    gradient -= N
    if penalty is not None:
        gradient = gradient + (penalty.l1 + penalty.l2 * old)
    gradient = xp.abs(_projected(library, old, gradient))
    total: Array = xp.sum(gradient, axis=(-2, -1), dtype=xp.float64)
    return total


def _projected(library: Library, X: Array, gradient: Array) -> Array:
    """The gradient without its entries that are positive where X is zero."""
    # Compilers flush what is smaller than a normal number to zero; libraries do not.
    xp = library.xp
    smallest = float(xp.finfo(X.dtype).smallest_normal)
    wrong = (smallest <= X) | ~(gradient >= 0)  # NaN is wrong
    projected: Array = xp.where(wrong, gradient, xp.zeros_like(gradient))
    return projected
