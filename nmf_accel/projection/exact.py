"""Least squares, all of A known: H exact, but for rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..callers import warn_caller
from ..core import Problem
from ..losses import NONE, Penalty, Quadratic
from ..solvers.descent import hals
from ..solvers.pivoting import block_principal_pivoting
from ..solvers.repeated import Repeated
from ..types import NO_WALKS, Array, Measures, State, Walks

DESCENTS = 20
"""Repeats of 'hals' before the pivoting: they find most of the zeros, and cost less."""
ZERO = 1e-3
"""Part of the largest entry of a column below which one nearby is taken for a zero at first: those
of multiplicative updates come to none."""
ACCURATE = {"float64": 1e-8, "float32": 3e-4}
"""KKT residual, relative to that of H = 0, above which `project` warns; about the root of eps of
the widest dtype of the device, in which it is computed."""


@dataclass(frozen=True, eq=False)
class Solve:
    """The least-squares problem for H given W, solved, as a step for `Backend.iterate`.

    At most `descents` passes of coordinate descent go before the pivoting.

    Compared by identity, as an `Iteration` is.
    """

    backend: Backend
    descents: int
    measures: int = 1
    walks: Walks = NO_WALKS

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


def solve(problem: Problem, W: Array, penalty: Penalty, near: Array | None = None) -> Array:
    """H (d, n) for W (m, d), in the widest dtype of the device, as the loop has them.

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
    largest = xp.max(N, axis=1, keepdims=True)
    largest = xp.where(largest > 0, largest, xp.ones_like(largest))
    # As G >= 0, an entry of H whose N is negative is zero; by how much does not matter, and l1 of a
    # tiny component may be so large beside all else that nothing of that would be seen.
    N = xp.maximum(N, -largest)
    start, descents = xp.zeros_like(N), DESCENTS
    if near is not None and _is_well_conditioned(backend.to_numpy(G)):
        near = backend.asarray(near, np.dtype("float64"))[None, ...]
        top = xp.max(near, axis=1, keepdims=True)
        near = xp.where(near > ZERO * top, near, xp.zeros_like(near))
        start, descents = near * size / largest, 0
    step = _solve(backend, descents)
    (H,), measured = backend.iterate(step, (start,), (N / largest, G), 1)
    kkt = float(backend.to_numpy(measured)[0, 0, 0])
    if not kkt <= ACCURATE[backend.widest.name]:
        warn_caller(
            f"W is so ill-conditioned that the KKT residual of H is {kkt:.1e} of that of zero; "
            "take a smaller rank or an l2 > 0"
        )
    found = H / size * largest
    check_range(problem, H, found)
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


def check_range(problem: Problem, H: Array, found: Array) -> None:
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
        warn_caller(
            f"W is so large beside A that H loses digits in {limits.dtype}; multiply A, or divide "
            "W by its maximum"
        )
