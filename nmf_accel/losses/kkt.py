"""How far W and H are from a solution, whatever the loss: their projected gradients.

Not relative to where a run began, and not as the caller's scale has it: the gradient is taken where
all components are balanced, ‖W_k‖ = ‖H_k‖, and is relative to the parts of it that come from the
data. See docs/decisions/0021.
"""

from __future__ import annotations

from typing import Any

from ..types import Array, Library, Squares
from .models import Model, Quadratic
from .penalties import NONE, Penalties, Penalty

LEAST = 0.01
"""Least size of a component, as a part of the mean one: one that is zero may yet come to life."""


def squares(library: Library, X: Array, model: Model | None, penalty: Penalty = NONE) -> Squares:
    """What is to be known of a factor; where nothing of it is learned, there may be no model."""
    if model is None:
        size = _summed(library, X, X)
        none = library.xp.zeros_like(size)
        return Squares(none, none, size)
    kernel = library.fused(library.kernel("squares_of_rows", squares_of_rows))
    plus, steep = model.plus(library, X), model.curvature(library, X)
    found: Squares = kernel(library, X, plus, model.minus(), steep, penalty)
    return found


def residual(library: Library, of_H: Squares, of_W: Squares) -> Array:
    """The KKT residual of each run, (R,): √(‖P∇_H‖² + ‖P∇_W‖²) / √(‖data_H‖² + ‖data_W‖²).

    All with components balanced: of the gradient, row k of H is weighted by √(‖H_k‖ / ‖W_k‖), and
    that of W by its inverse. For least squares the data are WᵀA and AHᵀ.
    """
    kernel = library.fused(library.kernel("balanced_residual", balanced_residual))
    found: Array = kernel(library, of_H, of_W, LEAST)
    return found


def balanced_residual(library: Library, of_H: Squares, of_W: Squares, least: float) -> Array:
    """`residual`, made of operations on (R, d); no component counts as smaller than `least`."""
    xp = library.xp
    h, w = xp.sqrt(of_H.factor), xp.sqrt(of_W.factor)
    p = h * w
    bound = least * xp.mean(p, axis=-1, keepdims=True)
    p = xp.maximum(p, xp.where(bound > 0, bound, xp.ones_like(bound)))
    on_H, on_W = _weights(xp, p, h, w), _weights(xp, p, w, h)
    violation, data = (
        xp.sum(on_H * x + on_W * y, axis=-1)
        for x, y in ((of_H.violation, of_W.violation), (of_H.data, of_W.data))
    )
    # Without data all is zero: penalties may want that.
    data = xp.where(data == 0, xp.ones_like(data), data)
    relative: Array = xp.sqrt(violation / data)
    return relative


def _weights(xp: Any, p: Array, own: Array, other: Array) -> Array:
    """By what squares of a gradient are multiplied where both norms become √p."""
    alive = other > 0
    share = p / xp.where(alive, other, xp.ones_like(p)) ** 2
    weights: Array = xp.where(alive, share, own**2 / p)
    return weights


def squares_of_rows(
    library: Library, X: Array, plus: Array, minus: Array, curvature: Array, penalty: Penalty
) -> Squares:
    """`Squares` from the two parts of the gradient; `plus` may be overwritten."""
    xp = library.xp
    plus -= minus
    plus += penalty.gradient(X)
    steep = curvature if penalty.l2 is None else curvature + penalty.l2
    # Where nothing curves, an entry that is positive has all the room that it needs.
    most = xp.full_like(steep, float(xp.finfo(X.dtype).max) ** 0.5)
    steep = xp.where(steep > 0, steep, most)
    room = xp.minimum(plus, steep * X)
    violation = 2 * _summed(library, room, plus) - _summed(library, room, room)
    return Squares(violation, _summed(library, minus, minus), _summed(library, X, X))


def _summed(library: Library, x: Array, y: Array) -> Array:
    """The sums of x * y over rows, in float64."""
    x, y = (library.xp.astype(z, library.xp.float64, copy=False) for z in (x, y))
    total: Array = library.xp.sum(x * y, axis=-1)
    return total


def violation2(library: Library, X: Array, model: Model, penalty: Penalty = NONE) -> Array:
    """Squared norm of the projected gradient with respect to X alone, as it is, of each run."""
    total: Array = library.xp.sum(squares(library, X, model, penalty).violation, axis=-1)
    return total


def both_squares(
    library: Library, H: Array, Wt: Array, models: tuple[Model, Model], penalties: Penalties
) -> tuple[Squares, Squares]:
    """`squares` of both factors; models and penalties are those of H, then of W."""
    of_H = squares(library, H, models[0], penalties[0])
    return of_H, squares(library, Wt, models[1], penalties[1])


def descent_violation(
    library: Library,
    old: Array,
    new: Array,
    model: Quadratic,
    penalty: Penalty = NONE,
) -> Array:
    """Sum of the projected gradient's absolute values that coordinate descent met, of each run.

    Row k saw the rows before it new and the others old. It is what scikit-learn's solver 'cd'
    holds its `tol` against.
    """
    kernel = library.kernel("violation_met", violation_met)
    return kernel(library, old, new, *model, penalty)


def violation_met(
    library: Library, old: Array, new: Array, N: Array, G: Array, penalty: Penalty
) -> Array:
    """`descent_violation` from the parts of the model."""
    xp = library.xp
    gradient = library.matmul(xp.tril(G, k=-1), new)
    gradient += library.matmul(xp.triu(G), old)
    gradient -= N
    gradient += penalty.gradient(old)
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
