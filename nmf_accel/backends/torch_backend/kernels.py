"""PyTorch's own forms of the solvers' kernels: in place, and without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...types import Array
from ..base import Backend

ROWS_AT_ONCE = 16
"""Rows of a block in coordinate descent; between blocks its work is a matrix product."""
SYSTEMS = 2**24
"""Entries of the systems of 'bpp' that are made at once, unless that makes more than BLOCKS."""
BLOCKS = 32
MOST_SYSTEMS = 65_535
"""Systems of a call: cuBLAS has failed with more than 524,280 (PyTorch's issue 97211)."""


def multiply_divide(backend: Backend, x: Any, n: Any, d: Any, penalty: Any) -> Array:
    """``x * (n / (d + l1 + l2 x))``, in the memory of `d`."""
    import torch

    d += penalty.gradient(x)
    torch.div(n, d, out=d)
    updated: Array = d.mul_(x)
    return updated


def descend(backend: Backend, X: Any, model: Any, penalty: Any) -> Array:
    """One pass of coordinate descent over the rows of X (R, d, n), in one copy of it.

    On a CPU in tiles of columns that stay in its cache.
    """
    import torch

    N, G = model.with_penalty(backend, penalty)
    X = X.clone(memory_format=torch.contiguous_format)
    d, n = X.shape[1:]
    width = min(max(1024, 2**18 // d), n) if X.device.type == "cpu" else n
    diagonal = torch.diagonal(G, dim1=1, dim2=2)
    # Of a dead component nothing is left of a step; without asking the device which these are.
    divisors = diagonal.masked_fill(~(diagonal > 0), torch.inf)[..., None].unbind(1)
    for x, rest in zip(X.split(width, dim=2), N.split(width, dim=2), strict=True):
        _descend_tile(x, rest, G, divisors)
    done: Array = X
    return done


def _descend_tile(X: Any, N: Any, G: Any, divisors: Any) -> None:
    """The pass on some columns, in place; `divisors` (R, 1) are those of each row."""
    import torch

    for a in range(0, X.shape[1], ROWS_AT_ONCE):
        x, g = X[:, a : a + ROWS_AT_ONCE], G[:, a : a + ROWS_AT_ONCE]
        rest = torch.baddbmm(N[:, a : a + ROWS_AT_ONCE], g, X, alpha=-1)
        steps = torch.empty_like(rest)
        least = -x
        rows = zip(rest.unbind(1), steps.unbind(1), least.unbind(1), divisors[a:], strict=False)
        for k, (left, step, most_down, divisor) in enumerate(rows):
            if k:
                left = left[:, None].baddbmm_(g[:, k : k + 1, a : a + k], steps[:, :k], alpha=-1)
                left = left[:, 0]
            torch.div(left, divisor, out=step)
            torch.maximum(step, most_down, out=step)
        x += steps


def solve_passive(backend: Backend, G: Any, N: Any, F: Any, going: Any) -> Array:
    """Solve G[f, f] X[f] = N[f] for each column of N (R, d, n), f being where F is true.

    A system that is singular gives what is no number, where `torch.linalg.solve` would raise.
    """
    import torch

    runs, d, n = N.shape
    eye = torch.eye(d, dtype=N.dtype, device=N.device)
    width = min(max(SYSTEMS // (runs * d * d), -(-n // BLOCKS)), n, MOST_SYSTEMS // runs or 1)
    found = []
    for b, f in zip(N.mT.split(width, dim=1), F.mT.split(width, dim=1), strict=True):
        systems = torch.where(f[..., :, None] & f[..., None, :], G[:, None], eye)
        b = b.masked_fill(~f, 0)[..., None]
        found.append(torch.linalg.solve_ex(systems, b).result[..., 0])
    solved: Array = torch.cat(found, dim=1).mT
    return solved


KERNELS: dict[str, Callable[..., Any]] = {
    "multiply_divide": multiply_divide,
    "descend": descend,
    "solve_passive": solve_passive,
}
