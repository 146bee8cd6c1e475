"""What NumPy makes of a block of P = YᵀX for other losses than plain least squares, in place."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Matrix
from ..base import Backend
from .walk import walked

Floats = NDArray[Any]

NEAR_ONE = 0.5
"""As `losses.divergences` has it."""


def divergence_parts(
    backend: Backend, A: Matrix, Y: Floats, X: Floats, floor: float, beta: float, record: bool
) -> tuple[Floats, Floats, Floats]:
    """Y (A ∘ P^(β−2)) and Y P^(β−1), each (R, d, n) or alike, and twice the divergence (R,)."""
    terms, arrays = backend.kernel("divergence_terms", divergence), 4
    if terms is not divergence and A.weights is None and beta in (0, 1):
        arrays = 2 - int(beta)  # compiled it works in what it gives
    N, D, value = walked(A, Y, X, partial(terms, A.dtype.type(floor), beta, record), arrays)
    if beta == 1 and A.weights is None:  # P^(β−1) is one everywhere
        D = Y.sum(axis=-1, keepdims=True)
    return N, D, 2 * value


def rest_parts(
    backend: Backend, A: Matrix, Y: Floats, X: Floats, record: bool
) -> tuple[Floats, Floats]:
    """Y (M ∘ (A − P)), (R, d, n), and Σ M ∘ (A − P)² (R,)."""
    N, _, value = walked(A, Y, X, weighted_rest)
    return N, value


def weighted_rest(
    a: Floats, P: Floats, weights: Any, work: list[Floats]
) -> tuple[Floats, None, float]:
    """M ∘ (A − P) of a block, and Σ M ∘ (A − P)²."""
    rest, Q, _ = work
    np.subtract(a, P, out=rest)
    np.multiply(weights, rest, out=Q)
    return Q, None, float(np.vecdot(Q, rest).sum(dtype=np.float64))


def divergence(
    floor: Any, beta: float, record: bool, a: Floats, P: Floats, weights: Any, work: list[Floats]
) -> tuple[Floats, Floats | None, float]:
    """A P^(β−2), P^(β−1) and the divergence of a block, with its weights if there are any."""
    (Q, B, log), value = work, 0.0
    if not P.min() >= floor:  # a look takes a fifth of the time of the maximum
        if record and beta > 0:
            value = unreckoned(a, P, floor, beta, weights)
        np.maximum(P, floor, out=P)
    if beta == 0:
        np.divide(1, P, out=P)  # which is P^(β−1), and P itself is needed no more
        np.multiply(a, P, out=Q)
    else:
        np.divide(a, P, out=Q)
    if record:
        value += deviance(Q, P, B, log, beta, weights)
    if beta == 1 and weights is None:
        return Q, None, value
    if beta == 1:
        B[:] = weights
    elif beta == 0:
        B = P
    else:
        np.power(P, P.dtype.type(beta - 1), out=B)
    if weights is not None and beta != 1:
        B *= weights
    np.multiply(Q, B, out=Q)
    return Q, B, value


def unreckoned(a: Floats, P: Floats, floor: Any, beta: float, weights: Any) -> float:
    """What d(0 | p) is more for p than for `floor`, where p is less."""
    where = (floor > P) & (a == 0)
    more = P[where].astype(np.float64) ** beta - np.float64(floor) ** beta
    return float((more if weights is None else more * weights[where]).sum()) / beta


def deviance(ratio: Floats, P: Floats, y: Floats, log: Floats, beta: float, weights: Any) -> float:
    """Σ d(a | p) from a / p and p, in the memory of `y` and `log`; see `losses.divergences`."""
    np.subtract(ratio, 1, out=y)
    scale = 1.0
    if abs(beta - 1) < NEAR_ONE or beta == 0:
        if ratio.min() > 0:
            np.log(ratio, out=log)
        else:
            np.maximum(ratio, np.finfo(ratio.dtype).smallest_normal, out=log)
            np.log(log, out=log)
        if beta not in (0, 1):
            np.multiply(log, beta - 1, out=log)
            np.expm1(log, out=log)
            np.divide(log, beta - 1, out=log)
        if beta:
            np.multiply(log, ratio, out=log)
            np.subtract(log, y, out=log)
            scale = beta
        else:
            np.subtract(y, log, out=log)
    else:
        with np.errstate(divide="ignore"):
            np.log(ratio, out=log)
        np.multiply(log, beta, out=log)
        np.expm1(log, out=log)  # −1 where a is zero
        if beta < 0 and weights is not None:
            log[ratio == 0] = 0  # infinite there; these are the entries that are not known
        np.multiply(y, beta, out=y)
        np.subtract(log, y, out=log)
        scale = beta * (beta - 1)
    if weights is not None:
        log *= weights
    if beta == 0:
        return float(log.sum(axis=-1).sum(dtype=np.float64))
    powers = P if beta == 1 else np.power(P, P.dtype.type(beta), out=y)
    return float(np.vecdot(log, powers).sum(dtype=np.float64)) / scale
