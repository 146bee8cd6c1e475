"""`project`: the weights of new samples on components that are known."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends import Backend
from .core import Batch, Fixed, Problem
from .intake import OF_W, Given, checked_factor, prepare_whole
from .losses import NONE, Penalty, Quadratic, loss_called
from .options import COMMON, Options
from .solvers import FASTEST
from .solvers.descent import hals
from .solvers.pivoting import block_principal_pivoting
from .solvers.repeated import Repeated
from .types import Array, Measures, State

DESCENTS = 20
"""Repeats of 'hals' before the pivoting: they find most of the zeros, and cost less."""
ACCURATE = 1e-8
"""KKT residual, relative to that of H = 0, above which `project` warns."""


@dataclass(frozen=True, eq=False)
class Solve:
    """The least-squares problem for H given W, solved, as a step for `Backend.iterate`.

    At most `descents` passes of coordinate descent go before the pivoting.

    Compared by identity, as an `Iteration` is.
    """

    backend: Backend
    descents: int
    measures: int = 1

    def __call__(self, state: State, N: Array, G: Array) -> tuple[State, Measures]:
        """H, and its KKT residual: the largest entry of the gradient that should not be there."""
        backend, (H,) = self.backend, state
        xp, model = backend.xp, Quadratic(N, G)
        if self.descents:
            H = Repeated(hals, self.descents)(backend, H, model, NONE)
        H = block_principal_pivoting(backend, H, model, NONE)
        gradient = backend.matmul(G, H) - N
        wrong = xp.where(H > 0, xp.abs(gradient), -gradient)
        return (H,), (xp.max(xp.max(wrong, axis=-1), axis=-1),)

    def unmeasured(self, state: State, N: Array, G: Array) -> State:
        """H."""
        return self(state, N, G)[0]


@lru_cache
def _solve(backend: Backend, descents: int) -> Solve:
    """The one `Solve` of a backend."""
    return Solve(backend, descents)


def _is_well_conditioned(G: NDArray[np.float64]) -> bool:
    """Whether a system with G (1, d, d) has one solution, far beyond rounding."""
    values = np.linalg.eigvalsh(G[0])
    return bool(values[0] > np.sqrt(np.finfo(G.dtype).eps) * values[-1])


def project(
    A: Any,
    W: Any,
    *,
    loss: str | float = COMMON["loss"].default,
    l1: float = 0.0,
    l2: float = 0.0,
    tol: float = 1e-4,
    max_iter: int = 1000,
    missing: float | None = None,
    weights: Any = None,
    zeros: str = "zero",
    unknown: str = "refuse",
    dtype: Any = None,
    backend: str | None = None,
) -> Any:
    """The weights H >= 0 that minimize ½‖A − W H‖² + l1 Σ H + ½ l2 ‖H‖², W given.

    A convex problem, of which every column of A is one by itself. It is solved exactly, but for
    rounding, by block principal pivoting, in float64 from the products with A on. Of each column a
    of A, ‖a − W h‖² is then more than the least there is by at most 1e-10 ‖a‖² (1e-6 in float32),
    or there is a warning.

    Another `loss` is minimized by multiplicative updates of H from a start that is the same
    everywhere, as scikit-learn's `NMF.transform` does; convex for 1 <= β <= 2. So is that of an A
    with missing entries or weights, with the Frobenius norm by coordinate descent.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`; it may be zero.
    W : (m, d) array, or a Factorization
        The components, non-negative: what `nmf` returned, whose W and names are taken, or a W.
        Where it and A have names, its rows are put into A's order by them, with a warning. An
        array has none, though it be the W of a result from a file or a sweep's folder; then
        places count, so pass the result itself.
    loss, missing, weights, zeros, unknown
        As for `nmf`, but that a row of which nothing is known is left out in any case.
    l1, l2 : float
        Weights of the penalties on H, >= 0; `l1_H` and `l2_H` of `nmf`.
    tol, max_iter
        Where it is not exact: it ends when, over 10 iterations, the error fell by no
        more than `tol` times that of the start, and after so many iterations in any case.
    dtype, backend
        As for `nmf`.

    Returns
    -------
    H : (d, n) array
        Of the library that A came from, on its device; NumPy's where that is none. Where A is a
        frame it is one, with the samples of A and the components of W for names.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a W whose shape or names do not go with A's.
    nmf_accel.BackendError
        As for `nmf`.

    Warns
    -----
    UserWarning
        If, for a column of A, the KKT residual of H is more than 1e-8 of that of H = 0; if H is
        so small that it loses digits; if `tol` was not met; if W is put into A's order.

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
    penalty = Penalty(COMMON["l1_H"].checked("l1", l1), COMMON["l2_H"].checked("l2", l2))
    objective = loss_called(COMMON["loss"].checked("loss", loss))
    given = Given(A, missing=missing, weights=weights, zeros=zeros, unknown=unknown)
    problem = prepare_whole(given, dtype, backend, objective=objective)
    with problem.backend.scope(problem.A):
        W_given = Given(W, "W", beside=given, shares=OF_W)
        (rows, d), m = W_given.raw().shape, problem.shape[0]
        if rows != m:
            raise ValueError(f"W has {rows} rows; it must have {m}, as A has")
        W = checked_factor(problem, W_given, (m, d))
        with problem.backend.sized_for(problem.product(d)):
            if objective.on(problem.A).exact:
                inside, _ = problem.scale.penalties_inside((penalty, NONE))
                H = problem.scale.factor_outside(solve(problem, W, inside))
                H = problem.backend.asarray(H, problem.dtype)
            else:
                solver = FASTEST if objective.exact else COMMON["solver"].default
                limits: dict[str, Any] = {"tol": tol, "max_iter": max_iter, "solver": solver}
                options = Options(rank=d, loss=loss, l1_H=l1, l2_H=l2, **limits)
                H = approach(problem, W, options)
        return given.as_H(H, problem.backend, W_given.labels.samples)


def solve(problem: Problem, W: Array, penalty: Penalty, near: Array | None = None) -> Array:
    """H (d, n) for W (m, d), in float64 on the device, as the loop has them.

    Warns if it is not accurate.

    It is looked for from an H `near` it, if there is one and the solution is unique, beyond
    rounding; or from H = 0.

    Raises
    ------
    ValueError
        If H is larger than numbers of its dtype can be.
    """
    backend, xp = problem.backend, problem.backend.xp
    G, N, size = even(problem, backend.asarray(W, np.dtype("float64")), penalty)
    # Each column of A is a problem of its own, whose solution is as large as what is given.
    largest = xp.max(xp.abs(N), axis=1, keepdims=True)
    largest = xp.where(largest > 0, largest, xp.ones_like(largest))
    start, descents = xp.zeros_like(N), DESCENTS
    if near is not None and _is_well_conditioned(backend.to_numpy(G)):
        near = backend.asarray(near, np.dtype("float64"))[None, ...]
        start, descents = near * size / largest, 0
    step = _solve(backend, descents)
    (H,), measured = backend.iterate(step, (start,), (N / largest, G), 1)
    kkt = float(backend.to_numpy(measured)[0, 0, 0])
    if not kkt <= ACCURATE:
        warnings.warn(
            f"W is so ill-conditioned that the KKT residual of H is {kkt:.1e} of that of zero; "
            "take a smaller rank or an l2 > 0",
            stacklevel=3,
        )
    found = H / size * largest
    _check_range(problem, H, found)
    solution: Array = found[0, ...]
    return solution


def even(problem: Problem, W: Array, penalty: Penalty) -> tuple[Array, Array, Array]:
    """G (1, d, d) and N (1, d, n) of least squares, as if the columns of W (m, d) were unit ones.

    And `size` (1, d, 1), by which the H of these is larger. What is lost to rounding is then no
    one column's share, and nothing under- or overflows.
    """
    backend, xp = problem.backend, problem.backend.xp
    top = xp.max(W, axis=0)
    # By powers of two, which change no digit.
    unit = 2.0 ** xp.floor(xp.log2(xp.where(top > 0, top, xp.ones_like(top))))
    W = W / unit
    unit = unit[None, :, None]
    N = backend.asarray(problem.correlate(W[None, ...]), np.dtype("float64")) - penalty.l1 / unit
    G = backend.matmul(W.mT[None, ...], W[None, ...])
    length = xp.sqrt(xp.linalg.diagonal(G))[:, :, None]
    below = math.sqrt(penalty.l2 or 0.0) / unit  # what l2 is, as rows below W
    both = xp.hypot(length, below)
    size = xp.where(both > 0, both, xp.ones_like(both))
    G = G / size / size.mT
    G = G + (below / size) ** 2 * xp.eye(G.shape[-1], dtype=G.dtype)
    return G, N / size, size * unit


def _check_range(problem: Problem, H: Array, found: Array) -> None:
    """Hold what is `found` against the dtype asked for; H is the same, of unit columns."""
    xp, limits = problem.backend.xp, np.finfo(problem.dtype)
    found = problem.scale.factor_outside(found)
    if not float(xp.max(found)) <= float(limits.max):
        raise ValueError(
            f"W is so small beside A that H overflows {limits.dtype}; divide A by its maximum, or "
            "multiply W"
        )
    lost = (found < float(limits.smallest_normal)) & (float(limits.eps) < H)
    if bool(xp.any(lost)):
        warnings.warn(
            f"W is so large beside A that H loses digits in {limits.dtype}; multiply A, or divide "
            "W by its maximum",
            stacklevel=4,
        )


def approach(problem: Problem, W: Array, options: Options) -> Array:
    """H (d, n) for W (m, d), on the device, by updates from a start that is alike everywhere."""
    backend, shape = problem.backend, (1, options.rank, problem.shape[1])
    if problem.mean == 0:
        return backend.asarray(np.zeros(shape[1:]), problem.dtype)
    H0 = np.full(shape, np.sqrt(problem.mean / options.rank), dtype=problem.dtype)
    problem = replace(problem, fixed=Fixed(W=backend.to_numpy(backend.asarray(W, problem.dtype))))
    batch = Batch(problem, options, W[None, ...], H0)
    for _ in batch:
        continue
    if options.tol and not batch.records.converged[0]:
        warnings.warn(
            f"the error still fell after max_iter = {options.max_iter} iterations; take more, or a "
            "larger tol",
            stacklevel=3,
        )
    return backend.asarray(batch.result().H, problem.dtype)
