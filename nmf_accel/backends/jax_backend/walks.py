"""Walks through a matrix that several devices share: each goes through its own block, at once.

In blocks of rows of the whole matrix, devices would have to send each other what they are about to
read. What they find is added up in the end, by one all-reduce.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ...matrices import Matrix, Partly, Seen, Weighted
from ..base import Backend
from .grid import Grid, parts_of

WALKS: dict[str, tuple[str | None, ...]] = {
    "divergence_parts": ("rows", "columns", None),
    "weighted_divergence_parts": ("rows", "columns", None),
    "rest_parts": ("rows", "columns"),
    "residual2": ("rows", "columns"),
    "total_weight": (),
}
"""Kernels that walk through a matrix, and what the arrays that they are given behind it go with:
the last axis of a factor with its rows or its columns, a number with neither. Others are static."""


@lru_cache
def walk(name: str, default: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel of `WALKS` for any matrix of JAX, of its form for one that lies on one device."""

    def kernel(library: Backend, A: Matrix, *given: Any) -> Any:
        grid: Grid | None = getattr(own(A), "grid", None)
        if grid is None:
            return default(library, A, *given)
        count = len(WALKS[name])
        walking = library.fused(_on_each(name, default, grid, given[count:]))
        return walking(library, A, *given[:count])

    return kernel


@lru_cache
def _on_each(
    name: str, default: Callable[..., Any], grid: Grid, static: tuple[Any, ...]
) -> Callable[..., Any]:
    """The kernel on all devices of a grid, as a function of a matrix and arrays alone."""
    import jax
    from jax.sharding import PartitionSpec

    def along(axis: str | None) -> Any:
        return PartitionSpec() if axis is None else PartitionSpec(None, None, getattr(grid, axis))

    def walking(library: Backend, A: Matrix, *arrays: Any) -> Any:
        def on_one(A: Matrix, *arrays: Any) -> Any:
            found = default(library, A, *arrays, *static)
            # What has no columns is a sum over all that there is.
            return jax.tree.map(
                lambda x: _summed(x, grid, "rows", *["columns"] * (x.ndim == 1)), found
            )

        def lies(x: Any) -> Any:
            return along("columns" if x.ndim == 3 and x.shape[-1] == A.shape[1] else None)

        of_one, spec = block_of(A, grid)
        whole = jax.eval_shape(lambda *x: default(library, *x, *static), of_one, *arrays)
        specs = (spec, *map(along, WALKS[name]))
        shared = jax.shard_map(
            on_one,
            mesh=grid.mesh,
            in_specs=specs,
            out_specs=jax.tree.map(lies, whole),
            check_vma=False,
        )
        return shared(of_one, *arrays)

    return walking


def _summed(x: Any, grid: Grid, *axes: str) -> Any:
    """The sum over the devices along those axes, where there are several."""
    import jax

    names = (getattr(grid, axis) for axis in axes)
    several = tuple(name for name in names if grid.mesh.shape[name] > 1)
    return jax.lax.psum(x, several) if several else x


def own(A: Matrix) -> Any:
    """The matrix that has the entries."""
    while isinstance(A, Partly | Seen):
        A = A.matrix
    return A


def block_of(A: Any, grid: Grid) -> tuple[Any, Any]:
    """A matrix as one device has it, which knows of no others, and how its arrays lie."""
    from jax.sharding import PartitionSpec as Spec

    if isinstance(A, Partly):  # what is known of products is no part of a walk
        return block_of(A.matrix, grid)
    if isinstance(A, Seen):
        inner, spec = block_of(A.matrix, grid)
        lines = A.lines and (Spec(None, grid.rows), Spec(None, grid.columns))
        return replace(A, matrix=inner), replace(A, matrix=spec, left_out=Spec(), lines=lines)
    alone, both = replace(A, grid=None), Spec(grid.rows, grid.columns)
    lies: dict[str, Any] = {"array": both}
    if isinstance(A, Weighted):
        lies |= {"weights": both, "folds": None if A.folds is None else both}
    return alone, replace(alone, **lies)


@lru_cache
def by_parts(default: Callable[..., Any]) -> Callable[..., Any]:
    """`solve_passive`, so that each device solves for its own columns, in blocks of these."""
    import jax

    def kernel(library: Backend, G: Any, N: Any, F: Any, going: Any) -> Any:
        parts = parts_of(N.shape[-1])
        if parts == 1:
            return default(library, G, N, F, going)
        N, F, going = (library.xp.reshape(x, (*x.shape[:-1], parts, -1)) for x in (N, F, going))
        solve = jax.vmap(lambda *x: default(library, G, *x), in_axes=(2, 2, 1), out_axes=2)
        solved = solve(N, F, going)
        return library.xp.reshape(solved, (*solved.shape[:2], -1))

    return kernel
