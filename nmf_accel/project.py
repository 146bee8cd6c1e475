"""`project`: the weights of new samples on components that are known."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import as_matrix, give_back
from .backends.base import Array, Backend, State
from .measures import Penalty, product, violation2
from .nmf import checked_factor
from .pivoting import block_principal_pivoting
from .problem import Problem, prepare
from .rules import Repeated, hals

DESCENTS = 20
"""Repeats of 'hals' before the pivoting: they find most of the zeros, and cost less."""
ACCURATE = 1e-8
"""KKT residual, relative to that of H = 0, above which `project` warns."""


@dataclass(frozen=True)
class Solve:
    """The least-squares problem for H given W, solved, as a step for `Backend.iterate`."""

    backend: Backend
    measures: int = 1

    def __call__(self, state: State, N: Array, G: Array, l1: Array) -> tuple[State, Array]:
        """H, and its squared KKT residual relative to that of H = 0."""
        backend, (H,) = self.backend, state
        start2 = violation2(backend, H, N - l1, G)
        H = Repeated(hals, DESCENTS)(backend, H, N, G, l1)
        H = block_principal_pivoting(backend, H, N, G, l1)
        kkt2 = violation2(backend, H, N - l1, G)
        one = backend.xp.ones_like(start2)
        return (H,), (kkt2 / backend.xp.where(start2 > 0, start2, one))[None, :]


def project(
    A: Any,
    W: Any,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    dtype: Any = None,
    backend: str | None = None,
) -> Array:
    """The weights H >= 0 that minimize ½‖A − W H‖² + l1 Σ H + ½ l2 ‖H‖², W given.

    A convex problem, of which every column of A is one by itself. It is solved exactly, but for
    rounding, by block principal pivoting, in float64 from the products with A on.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`; it may be zero.
    W : (m, d) array
        The components, non-negative, such as ``nmf(…).W``.
    l1, l2 : float
        Weights of the penalties on H, >= 0; `l1_H` and `l2_H` of `nmf`.
    dtype, backend
        As for `nmf`.

    Returns
    -------
    H : (d, n) array
        Of the library that A came from, on its device; NumPy's where that is none.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized.
    nmf_accel.BackendError
        As for `nmf`.

    Warns
    -----
    UserWarning
        If the KKT residual of H is more than 1e-8 of that of H = 0.

    References
    ----------
    H. Kim and H. Park, "Nonnegative matrix factorization based on alternating nonnegativity
    constrained least squares and active set method", SIAM J. Matrix Anal. Appl. 30, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel import project
    >>> project(np.array([[2.0], [1.0], [0.0]]), np.array([[1.0, 0], [0, 0], [0, 1]]))
    array([[2.],
           [0.]])
    """
    for name, value in (("l1", l1), ("l2", l2)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is {value}; it must be finite and >= 0")
    problem = prepare(A, dtype, backend, zero=True)
    with problem.backend.scope(problem.A):
        W = as_matrix(W, "W")
        W = checked_factor(problem, "W", W, (problem.shape[0], W.shape[1]), zero=True)
        H = solve(problem, W, Penalty(float(l1), float(l2)))
        return give_back(H, A, problem.backend)


def solve(problem: Problem, W: Array, penalty: Penalty) -> Array:
    """H (d, n) for W (m, d), on the device; warns if it is not accurate."""
    backend, d = problem.backend, W.shape[1]
    H = backend.asarray(np.zeros((1, d, problem.shape[1])), problem.dtype)
    if not problem.norm2:
        return H[0, ...]
    H, Wt, G = problem.start(W[None, ...], H)
    N = product(backend, Wt, problem.A)
    H, N, G = (backend.asarray(x, np.dtype("float64")) for x in (H, N, G))
    if penalty.l2:
        G = G + penalty.l2 * backend.xp.eye(d, dtype=G.dtype)
    (H,), measured = backend.iterate(Solve(backend), (H,), (N, G, penalty.l1), 1)
    _, H = problem.factors((backend.asarray(H, problem.dtype), Wt, G))
    kkt = math.sqrt(float(backend.to_numpy(measured)[0, 0, 0]))
    if not kkt <= ACCURATE:
        warnings.warn(
            f"W is so ill-conditioned that the KKT residual of H is {kkt:.1e} of that of zero; "
            "scale W's columns, take a smaller rank or an l2 > 0",
            stacklevel=3,
        )
    return H[0, ...]
