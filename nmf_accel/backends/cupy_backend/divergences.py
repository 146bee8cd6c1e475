"""CuPy's own kernel of the β-divergences: one launch between the product P and those with A."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...matrices import Matrix
from .sources import SIZES, raw

THREADS = SIZES["THREADS"]
ROUNDS = 8
"""Entries that a thread goes through before another block pays."""
MOST = 2**12
"""Blocks of a run: more threads than a device has, and few enough for one block to add up."""

NEAR_ONE = 0.5
"""As `losses.divergences` has it."""


def divergence_parts(
    backend: Any, A: Matrix, Y: Any, X: Any, floor: float, beta: float, record: bool
) -> tuple[Any, Any, Any]:
    """Y (A ∘ P^(β−2)) and Y P^(β−1), each (R, d, n) or alike, and twice the divergence (R,)."""
    import cupy

    runs, (m, n) = Y.shape[0], A.shape
    height = max(backend.block_entries // (runs * n), A.least_block(m), 1)
    matmul = backend.workspaces.here.blas.matmul
    N = D = None
    value = cupy.empty(runs, dtype="float64")
    for first in range(0, m, height):
        block = slice(first, min(first + height, m))
        y, a = Y[:, :, block], A.rows(block)
        # P is made to lie as A does, so that neighbours read and write neighbours in both.
        turned = lies_by_rows(a.mT) and not lies_by_rows(a)
        if turned:
            P, a = matmul(X.mT, y), a.mT
        else:
            P, a = matmul(y.mT, X), a if lies_by_rows(a) else cupy.ascontiguousarray(a)
        Q, B = of_block(backend, a, P, floor, beta, record, value, adds=first > 0)
        N = matmul(y, Q.mT if turned else Q, onto=N)
        if beta != 1:
            D = matmul(y, B.mT if turned else B, onto=D)
    # With β = 1, P^(β−1) is one everywhere.
    return N, cupy.sum(Y, axis=-1, keepdims=True) if beta == 1 else D, value


def lies_by_rows(a: Any) -> bool:
    """Whether the entries of each row of a matrix are side by side."""
    return bool(a.shape[1] == 1 or a.strides[1] == a.itemsize)


def form_for(beta: float) -> tuple[int, float]:
    """Which form of d(a | p) the kernel takes, by its number there, and 2 over what it left out."""
    if beta == 1:
        return 0, 2.0
    if beta == 0:
        return 1, 2.0
    if abs(beta - 1) < NEAR_ONE:
        return 2, 2 / beta
    return 3, 2 / (beta * (beta - 1))


def of_block(
    backend: Any, a: Any, P: Any, floor: float, beta: float, record: bool, value: Any, adds: bool
) -> tuple[Any, Any]:
    """``a P^(β−2)``, in the memory of P, and P^(β−1), but for β = 1; the divergence into `value`.

    Added to what is there, if it `adds`; without `record`, that is zero.
    """
    import cupy

    (runs, down, right), number = P.shape, P.dtype.type
    size = down * right
    blocks = min(-(-size // (THREADS * ROUNDS)), MOST)
    B = P if beta == 1 else cupy.empty_like(P)
    parts = cupy.empty(runs * blocks, dtype="float64") if record else value
    form, scale = form_for(beta)
    matrix = a, np.int64(a.strides[0] // a.itemsize), np.int32(right), np.int64(size)
    numbers = number(floor), np.int32(form), number(beta), number(beta - 1), np.float64(scale)
    scratch = np.int32(blocks), parts, backend.workspaces.here.arrived(runs)
    arguments = (*matrix, *numbers, np.int32(record), np.int32(adds), P, B, *scratch, value)
    raw("divergence", P.dtype.name)((runs * blocks,), (THREADS,), arguments)
    return P, B
