"""CuPy's own forms of what is summed over a run, or over a row of a factor, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import Squares
from .sources import SIZES, raw

THREADS = SIZES["THREADS"]
ROUNDS = 8
"""Entries that a thread of a sum goes through before another block pays."""


def summed(
    backend: Any,
    name: str,
    X: Any,
    inputs: tuple[Any, ...],
    outputs: Any,
    sums: int = 1,
    strided: tuple[Any, ...] = (),
) -> Any:
    """Launch a kernel that makes so many sums over each X[k] of an X (R, …), and give its outputs.

    They are those of runs, or of rows where X is (R d, n). What is `strided` comes after the
    inputs, and is not copied.
    """
    import cupy

    runs = X.shape[0]
    blocks = min(-(-X.size // (runs * THREADS * ROUNDS)) or 1, THREADS)
    parts = cupy.empty(runs * blocks * sums, dtype="float64")
    arrived = backend.workspaces.here.arrived(runs)
    arrays = (cupy.ascontiguousarray(x) if isinstance(x, cupy.ndarray) else x for x in inputs)
    scratch = np.int32(blocks), parts, arrived
    raw(name, X.dtype.name)((runs * blocks,), (THREADS,), (*arrays, *strided, *scratch, *outputs))
    return outputs


def grid_for(size: int) -> int:
    """Blocks for a kernel that goes through so many entries."""
    return min(-(-size // THREADS), 2**16)


def per_run(x: Any) -> Any:
    """How many entries of an array (R, …) are of one run, as a kernel takes it."""
    return np.int64(x.size // x.shape[0])


def inner(backend: Any, x: Any, y: Any) -> Any:
    """Sum of x * y over the last two axes, in float64."""
    import cupy

    shape = x.shape[:-2]
    x, y = (cupy.reshape(z, (-1, *z.shape[-2:])) for z in (x, y))
    of, nothing = (x, y, per_run(x)), (x, y, np.int64(0))
    numbers = np.float64(0), np.float64(1)
    out = (cupy.empty(x.shape[0], dtype="float64"),)
    (total,) = summed(backend, "products", x, (*of, *nothing, *numbers), out)
    return cupy.reshape(total, shape)


def free2(backend: Any, norm2: float, N: Any, Wt: Any, WtW: Any, HHt: Any) -> Any:
    """‖A − W H‖² = ‖A‖² − 2⟨N, Wᵀ⟩ + ⟨WᵀW, H Hᵀ⟩ of each run."""
    import cupy

    of = (N, Wt, per_run(N), WtW, HHt, per_run(WtW))
    numbers = np.float64(norm2), np.float64(-2)
    out = (cupy.empty(N.shape[0], dtype="float64"),)
    return summed(backend, "products", N, (*of, *numbers), out)[0]


def squares_of_rows(
    backend: Any, X: Any, plus: Any, minus: Any, curvature: Any, penalty: Any
) -> Squares:
    """`Squares` of a factor, from the two parts of its gradient."""
    import cupy

    (runs, d, n), number = X.shape, X.dtype.type
    out = cupy.empty((3, runs, d), dtype="float64")
    down, across, _ = (np.int64(step // X.itemsize) for step in curvature.strides)
    weights = number(penalty.l1), number(penalty.l2 or 0.0)
    rows = cupy.ascontiguousarray(X).reshape(runs * d, n)
    numbers = *weights, number(np.finfo(number).max ** 0.5), np.int32(d), np.int64(runs * d)
    inputs = (rows, plus, minus, np.int64(n), *numbers)
    strided = curvature, down, across  # as a rule, a diagonal
    summed(backend, "squares", rows, inputs, (out,), sums=3, strided=strided)
    return Squares(*out)


def balanced_residual(backend: Any, of_H: Squares, of_W: Squares, least: float) -> Any:
    """The KKT residual of each run, (R,)."""
    import cupy

    runs, d = of_H.factor.shape
    out = cupy.empty(runs, dtype="float64")
    numbers = np.int32(d), np.float64(least)
    raw("residual", "float64")((runs,), (THREADS,), (*of_H, *of_W, *numbers, out))
    return out


def mean_curvature(backend: Any, plus: Any, X: Any) -> Any:
    """The norm of each row of `plus` as a multiple of that of X (R, d, n): (R, d, 1)."""
    import cupy

    runs, d, n = X.shape
    out = cupy.empty((runs, d, 1), dtype=X.dtype)
    rows = cupy.ascontiguousarray(X).reshape(runs * d, n)
    summed(backend, "mean_curvature", rows, (rows, plus, np.int64(n)), (out,), sums=2)
    return out


def violation_met(backend: Any, old: Any, new: Any, N: Any, G: Any, penalty: Any) -> Any:
    """Sum of the projected gradient's absolute values that coordinate descent met."""
    import cupy

    G = cupy.ascontiguousarray(G)
    lower, upper = cupy.empty_like(G), cupy.empty_like(G)
    arguments = (G, np.int64(G.size), np.int32(G.shape[-1]), lower, upper)
    raw("triangles", G.dtype.name)((grid_for(G.size),), (THREADS,), arguments)
    plus = backend.matmul(lower, new)
    backend.workspaces.here.blas.matmul(upper, old, onto=plus)
    number = old.dtype.type
    weights = number(penalty.l1), number(penalty.l2 or 0.0), np.finfo(number).smallest_normal
    out = (cupy.empty(old.shape[0], dtype="float64"),)
    return summed(backend, "violation", old, (old, plus, N, per_run(old), *weights), out)[0]
