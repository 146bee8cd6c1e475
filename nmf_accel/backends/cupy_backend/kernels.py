"""CuPy's own forms of the kernels of solvers and losses: one launch each where others take ten."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...types import Array
from .divergences import divergence_parts
from .sources import SIZES, TILES, raw
from .sums import (
    balanced_residual,
    free2,
    grid_for,
    mean_curvature,
    per_run,
    squares_of_rows,
    summed,
    violation_met,
)

SHARED = 48 * 2**10
"""Bytes of shared memory that a block has on every device, unasked."""

THREADS = SIZES["THREADS"]
SYSTEMS = 2**24
"""Entries of the systems of 'bpp' that are solved at once, unless that makes more than BLOCKS."""
BLOCKS = 32
MOST_SYSTEMS = 65_535
"""Of a call; cuBLAS has failed with more than 524,280 (a report of PyTorch, issue 97211)."""


def multiply_divide(backend: Any, x: Array, n: Array, d: Array, penalty: Any) -> Array:
    """``x * (n / (d + l1 + l2 x))``, in the memory of `d`."""
    updated: Array = elementwise("multiply_divide")(x, n, d, penalty.l1, penalty.l2 or 0.0, d)
    return updated


def descend(backend: Any, X: Any, model: Any, penalty: Any) -> Any:
    """One pass of coordinate descent over the rows of X (R, d, n)."""
    import cupy

    d = X.shape[1]
    X, N, G = map(cupy.ascontiguousarray, (X, *model))
    rows = most_rows(X.dtype)
    if d <= rows:
        return descend_within(X, N, G, penalty)
    # More rows than shared memory holds: panel by panel, with what the other panels leave of N.
    X = X.copy()
    for a in range(0, d, rows):
        panel = slice(a, a + rows)
        others = G[:, panel, :].copy()
        others[:, :, panel] = 0
        rest = N[:, panel, :] - backend.matmul(others, X)
        x, g = map(cupy.ascontiguousarray, (X[:, panel, :], G[:, panel, panel]))
        X[:, panel, :] = descend_within(x, rest, g, penalty)
    return X


def shared_bytes(dtype: Any, d: int, tile: int) -> int:
    """Shared memory of a block of `descend`: X, a part of G, the part that solves a group."""
    group, streamed, size = SIZES["GROUP"], SIZES["STREAMED"], np.dtype(dtype).itemsize
    pad = 16 // size
    return int((d * (tile + pad) + streamed * (group + pad) + group**2) * size)


def most_rows(dtype: Any) -> int:
    """The largest d for which the smallest tile fits into shared memory."""
    per_row = shared_bytes(dtype, 1, TILES[-1]) - shared_bytes(dtype, 0, TILES[-1])
    return (SHARED - shared_bytes(dtype, 0, TILES[-1])) // per_row


def tile_for(dtype: Any, runs: int, d: int, n: int, multiprocessors: int) -> int:
    """Columns of a block: as many as fit, but rather few than a device of which most is idle."""
    fit = [tile for tile in TILES if shared_bytes(dtype, d, tile) <= SHARED]
    busy = [tile for tile in fit if runs * -(-n // tile) >= multiprocessors]
    return (busy or fit[-1:])[0]


def descend_within(X: Any, N: Any, G: Any, penalty: Any) -> Any:
    """`descend` for at most `most_rows` rows."""
    import cupy

    runs, d, n = X.shape
    number, dtype = X.dtype.type, X.dtype.name
    tile = tile_for(X.dtype, runs, d, n, multiprocessors(cupy.cuda.runtime.getDevice()))
    tiles, out = -(-n // tile), cupy.empty_like(X)
    weights = number(penalty.l1), number(penalty.l2 or 0.0)
    sizes = np.int32(d), np.int32(n), np.int32(tiles)
    raw("descend", dtype, tile)(
        (runs * tiles,),
        (SIZES["SLICES"], tile),
        (X, N, G, *weights, *sizes, out),
        shared_mem=shared_bytes(X.dtype, d, tile),
    )
    return out


@cache
def multiprocessors(device: int) -> int:
    """How many the device has."""
    import cupy

    return int(cupy.cuda.Device(device).attributes["MultiProcessorCount"])


def accept(
    backend: Any, X: Any, new: Any, going: Any, first: Any, least: float
) -> tuple[Any, Any, Any]:
    """X after a repeat that gave `new`; which runs are going on; what the first one moved."""
    import cupy

    inputs = X, new, per_run(X), np.float64(least), first, going
    out = cupy.empty_like(first), cupy.empty_like(going)
    first, further = summed(backend, "goes_on", X, inputs, out)
    smallest = float(np.finfo(X.dtype).smallest_normal)
    return elementwise("accept")(X, new, going[:, None, None], smallest), further, first


def accelerate(
    backend: Any, X: Any, ahead: Any, N: Any, product: Any, step: Any, beta: float
) -> tuple[Any, Any]:
    """A step of the accelerated gradient from `ahead`, and how far to look ahead of it."""
    new: tuple[Any, Any] = elementwise("accelerate")(X, ahead, N, product, step, beta)
    return new


def move_on(backend: Any, X: Any, last: Any, push: Any) -> Any:
    """X moved on by parts `push` (R,) of its step from `last`, and projected."""
    return elementwise("move_on")(X, last, push[:, None, None])


def take(backend: Any, taken: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """`x` and `y` for the runs whose step is taken, for the others `kept` twice."""
    found: tuple[Any, Any] = elementwise("take")(taken[:, None, None], kept, x, y)
    return found


def judge(
    backend: Any, momentum: Any, value: Any, objective: Any, slack: Any, pace: Any
) -> tuple[Any, Any]:
    """Which runs take the step, and their momentum after it."""
    taken, *after = elementwise("judge")(*momentum, value, objective, slack, *pace)
    return taken, after


def solve_passive(backend: Any, G: Any, N: Any, F: Any, going: Any) -> Any:
    """Solve G[f, f] X[f] = N[f] for each column of N (R, d, n), f being where F is true."""
    import cupy

    runs, d, n = N.shape
    b = cupy.ascontiguousarray(cupy.where(F, N, N.dtype.type(0)).mT).reshape(-1, d)
    f, G = cupy.ascontiguousarray(F.mT), cupy.ascontiguousarray(G)
    most = min(max(SYSTEMS // d**2, runs * -(-n // BLOCKS)), MOST_SYSTEMS)
    for first in range(0, runs * n, most):
        count = min(most, runs * n - first)
        systems = cupy.empty((count, d, d), dtype=N.dtype)
        arguments = (G, f, np.int64(first), np.int64(systems.size), np.int32(n), np.int32(d))
        grid = (grid_for(systems.size),)
        raw("systems", N.dtype.name)(grid, (THREADS,), (*arguments, systems))
        # All at once; `cupy.linalg.solve` would go from one to the other above a rank of 256.
        backend.workspaces.here.blas.solve(systems, b[first : first + count])
    return b.reshape(runs, n, d).mT


ELEMENTWISE = {
    "multiply_divide": ("T x, T n, T d, T l1, T l2", "T y", "y = x * (n / (d + (l1 + l2 * x)))"),
    # Compilers flush what is smaller than a normal number to zero, for ever.
    "accept": (
        "T x, T moved, bool going, T smallest",
        "T y",
        "y = going ? (moved >= smallest ? moved : T(0)) : x",
    ),
    "accelerate": (
        "T last, T ahead, T n, T product, T step, T beta",
        "T x, T next",
        "T y = ahead + step * (n - product); x = y > 0 ? y : T(0); next = x + beta * (x - last)",
    ),
    "move_on": (
        "T x, T last, float64 push",
        "T y",
        "T further = x + T(push) * (x - last); y = further > 0 ? further : T(0)",
    ),
    "take": (
        "bool taken, T kept, T x, T y",
        "T of_x, T of_y",
        "of_x = taken ? x : kept; of_y = taken ? y : kept",
    ),
    "judge": (
        "T beta, T limit, T proven, T push, T least, T kept, T lowest, T value, T objective, "
        "T slack, T growth, T limits_growth, T shrinkage",
        "bool taken, T beta_, T limit_, T proven_, T push_, T least_, T kept_, T lowest_",
        "bool yes = objective <= least + slack || push <= 0; "
        "T grown = min(limit, growth * beta); "
        "taken = yes; beta_ = yes ? grown : beta / shrinkage; "
        "limit_ = yes ? min(limits_growth * limit, T(1)) : proven; proven_ = yes ? beta : proven; "
        "push_ = yes ? grown : T(0); least_ = yes && objective < least ? objective : least; "
        "kept_ = yes ? value : kept; lowest_ = value < lowest ? value : lowest",
    ),
}
"""The kernels that CuPy makes: inputs, outputs, and what is done for each entry."""


@cache
def elementwise(name: str) -> Any:
    """One of `ELEMENTWISE`; an output may be one of its inputs."""
    import cupy

    return cupy.ElementwiseKernel(*ELEMENTWISE[name], f"nmf_{name}")


KERNELS: dict[str, Callable[..., Any]] = {
    "multiply_divide": multiply_divide,
    "descend": descend,
    "accept": accept,
    "accelerate": accelerate,
    "move_on": move_on,
    "take": take,
    "judge": judge,
    "solve_passive": solve_passive,
    "divergence_parts": divergence_parts,
    "free2": free2,
    "squares_of_rows": squares_of_rows,
    "balanced_residual": balanced_residual,
    "mean_curvature": mean_curvature,
    "violation_met": violation_met,
}
