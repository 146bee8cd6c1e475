"""What is measured of W and H: the error, and how far they are from a solution."""

from __future__ import annotations

from typing import NamedTuple

from .backends.base import Array, Backend
from .folded import Folded
from .sparse import Sparse

TRUSTED_DOWN_TO = {"float64": 1e-5, "float32": 1.5e-2}
"""Squared relative error below which the free formula for it has cancelled too much.

Its rounding error is at most 2.4 eps ‖A‖² (measured on CryptoPunks, ranks 16 to 256); above these
bounds that is less than 1e-10 (float64) and 1e-5 (float32) of the error reported.
"""


class Penalty(NamedTuple):
    """``l1 Σ X + ½ l2 ‖X‖²``, added for a factor X to the objective ½‖A − W H‖²."""

    l1: float = 0.0
    l2: float = 0.0


Penalties = tuple[Penalty, Penalty] | None
"""Those of H and of W; None for none."""


def product(backend: Backend, Y: Array, A: Array | Folded | Sparse) -> Array:
    """Y A for Y (R, d, m) and A (m, n): (R, d, n). A is read once."""
    runs, d, m = Y.shape
    Y = backend.xp.reshape(Y, (runs * d, m))
    special = isinstance(A, Folded | Sparse)
    N = backend.ascontiguous(A.rmatmul(Y)) if special else backend.matmul(Y, A)
    return backend.xp.reshape(N, (runs, d, A.shape[1]))


def residual2(backend: Backend, A: Array | Folded | Sparse, Wt: Array, H: Array) -> Array:
    """‖A − W H‖² of each run, computed directly, in blocks of rows to spare memory."""
    runs = Wt.shape[0]
    m, n = A.shape
    # 2**18 entries at a time stay in cache; at most 32 blocks keep a compiled loop short.
    least = 1 if isinstance(A, Sparse) else -(-m // 32)
    height = max(2**18 // (runs * n), least, 1)
    W = Wt.mT
    total = 0.0
    for k in range(0, m, height):
        block = slice(k, min(k + height, m))
        rest = backend.matmul(W[:, block, :], H)
        rest -= A[block, :]
        total = total + backend.inner(rest, rest)
    return total


def violation2(
    backend: Backend, X: Array, N: Array, G: Array, penalty: Penalty | None = None
) -> Array:
    """Squared norm of the projected gradient with respect to X, of each run.

    The entries of the gradient G X − N (+ l1 + l2 X) that the KKT conditions want to be zero: all
    but those that are positive where X is zero (Kim & Park 2008, section 5; Lin 2007, eq. 12).
    """
    gradient = backend.matmul(G, X)
    gradient -= N
    if penalty is not None:
        gradient = gradient + (penalty.l1 + penalty.l2 * X)
    gradient = _projected(backend, X, gradient)
    return backend.inner(gradient, gradient)


def descent_violation(
    backend: Backend, old: Array, new: Array, N: Array, G: Array, penalty: Penalty | None = None
) -> Array:
    """Sum of the projected gradient's absolute values that coordinate descent met, of each run.

    Row k saw the rows before it new and the others old. It is what scikit-learn's solver 'cd'
    holds its `tol` against.
    """
    xp = backend.xp
    gradient = backend.matmul(xp.tril(G, k=-1), new)
    gradient += backend.matmul(xp.triu(G), old)
    gradient -= N
    if penalty is not None:
        gradient = gradient + (penalty.l1 + penalty.l2 * old)
    gradient = xp.abs(_projected(backend, old, gradient))
    return xp.sum(gradient, axis=(-2, -1), dtype=xp.float64)


def _projected(backend: Backend, X: Array, gradient: Array) -> Array:
    """The gradient without its entries that are positive where X is zero."""
    # Compilers flush what is smaller than a normal number to zero; libraries do not.
    smallest = float(backend.xp.finfo(X.dtype).smallest_normal)
    wrong = (smallest <= X) | ~(gradient >= 0)  # NaN is wrong
    return backend.xp.where(wrong, gradient, backend.xp.zeros_like(gradient))
