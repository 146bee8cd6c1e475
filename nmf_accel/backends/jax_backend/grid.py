"""How a matrix lies over several devices: cut into a grid of equal blocks, one a device.

Whatever the caller's mesh and the names of its axes, the loop computes on a mesh of its own, over
the same devices, so that it knows which axis of it the rows of A are cut along, and which one the
columns. Nothing is moved for that: arrays are put together anew of the blocks that they have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...matrices import Frame, Side, Standing
from ...types import Array, Library

ROWS, COLUMNS, COPIES = (f"nmf_accel {axis}" for axis in ("rows", "columns", "copies"))
"""The axes of the mesh, of names that no user has; along the last one is the same block again."""


@dataclass(frozen=True)
class Grid:
    """The devices of a matrix (m, n), and which of its axes is cut along which of theirs.

    Attributes
    ----------
    mesh : jax.sharding.Mesh
        With the axes ROWS, COLUMNS and COPIES, which XLA takes care of (``AxisType.Auto``).
    rows, columns : str
        The axis of the mesh along which the rows of the matrix are cut, and its columns.
    """

    mesh: Any
    rows: str = ROWS
    columns: str = COLUMNS

    @classmethod
    def of(cls, x: Any) -> Grid | None:
        """That of a matrix of JAX; None if it lies on one device, or is only being traced."""
        import jax
        from jax.sharding import AxisType, Mesh

        if not isinstance(x, jax.Array) or isinstance(x, jax.core.Tracer) or x.ndim != 2:
            return None
        sharding = x.sharding
        if len(sharding.device_set) == 1:
            return None
        if isinstance(getattr(sharding, "mesh", None), Mesh) and is_ours(sharding.mesh):
            return cls(sharding.mesh)
        blocks: dict[tuple[int, ...], list[Any]] = {}
        for device, index in sharding.devices_indices_map(x.shape).items():
            blocks.setdefault(tuple(part.start or 0 for part in index), []).append(device)
        at_row, at_column = (len({place[axis] for place in blocks}) for axis in (0, 1))
        devices = np.array([blocks[place] for place in sorted(blocks)])
        shaped = devices.reshape(at_row, at_column, -1)
        return cls(Mesh(shaped, (ROWS, COLUMNS, COPIES), axis_types=(AxisType.Auto,) * 3))

    @property
    def T(self) -> Grid:
        """That of the transpose."""
        return Grid(self.mesh, self.columns, self.rows)

    @property
    def devices(self) -> int:
        """How many devices have blocks."""
        return int(self.mesh.size)

    @property
    def processes(self) -> int:
        """How many processes have blocks."""
        return len({device.process_index for device in self.mesh.devices.flat})

    def share(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The shape of the block that each device has of a matrix."""
        m, n = shape
        return m // self.mesh.shape[self.rows], n // self.mesh.shape[self.columns]

    def sharding(self, ndim: int, rows: int | None = None, columns: int | None = None) -> Any:
        """Of an array with an axis that is cut as the rows are, or as the columns; see `lay`."""
        from jax.sharding import NamedSharding, PartitionSpec

        axes: list[str | None] = [None] * ndim
        for axis, along in ((rows, self.rows), (columns, self.columns)):
            if axis is not None:
                axes[axis] = along
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    def lay(
        self, x: Array, dtype: Any, rows: int | None = None, columns: int | None = None
    ) -> Array:
        """`x` over the devices: its axis `rows` cut as the rows of the matrix are, and so on.

        What is on the host, or on a device of this process alone, must be there on each process
        alike, which takes its own part of it.
        """
        import jax

        sharding = self.sharding(x.ndim, rows, columns)
        if isinstance(x, jax.Array) and len(x.sharding.device_set) > 1:
            laid: Array = jax.device_put(x, sharding).astype(dtype)
            return laid
        host = np.asarray(x, dtype=dtype)
        made: Array = jax.make_array_from_callback(host.shape, sharding, host.__getitem__)
        return made

    def lacks(self, x: Any) -> bool:
        """Whether an array of JAX is not on all of the devices, where no operation takes it."""
        import jax

        if not isinstance(x, jax.Array) or isinstance(x, jax.core.Tracer):
            return False
        return bool(x.sharding.device_set != set(self.mesh.devices.flat))

    def __repr__(self) -> str:
        sizes = (self.mesh.shape[axis] for axis in (self.rows, self.columns, COPIES))
        return "<Grid of {} × {} blocks, {} of each>".format(*sizes)


def is_ours(mesh: Any) -> bool:
    """Whether a mesh is one of a `Grid`."""
    return bool(tuple(mesh.axis_names) == (ROWS, COLUMNS, COPIES))


_CURRENT: ContextVar[Grid | None] = ContextVar("grid", default=None)


def current() -> Grid | None:
    """The grid of the matrix in whose scope we are, see `Backend.scope`."""
    return _CURRENT.get()


@contextmanager
def on_devices_of(grid: Grid) -> Iterator[None]:
    """The context in which new arrays are made on all devices of a grid, on each the same."""
    import jax

    before = _CURRENT.set(grid)
    try:
        with jax.set_mesh(grid.mesh):
            yield
    finally:
        _CURRENT.reset(before)


def adopted(x: Any) -> Any:
    """A matrix of JAX on the mesh of its `Grid`: the same blocks in the same places."""
    grid = Grid.of(x)
    return x if grid is None else _put_together(x, grid.sharding(2, 0, 1))


def given_back(x: Any, like: Any) -> Any:
    """A factor on the mesh of the matrix that the caller passed: the same blocks there."""
    from jax.sharding import NamedSharding, PartitionSpec

    if not isinstance(like.sharding, NamedSharding) or Grid.of(x) is None:
        return x
    spec = tuple(like.sharding.spec)
    rows, columns = spec + (None,) * (2 - len(spec))
    names = {ROWS: rows, COLUMNS: columns}
    there = PartitionSpec(*(names.get(axis) for axis in x.sharding.spec))
    return _put_together(x, NamedSharding(like.sharding.mesh, there))


def _put_together(x: Any, sharding: Any) -> Any:
    """The array of the same blocks on the same devices, with another name for how they lie."""
    import jax

    if x.sharding == sharding:
        return x
    blocks = [shard.data for shard in x.addressable_shards]
    return jax.make_array_from_single_device_arrays(x.shape, sharding, blocks)


def lying(state: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """How the arrays of a state lie on the devices of the grid in whose scope we are, if any."""
    return None if current() is None else tuple(x.sharding for x in state)


def standing(library: Library, A: Any) -> Frame:
    """The frame of a matrix that several devices share: all of it, zeros being held where they are.

    Where nothing is zero throughout, nothing need be held.
    """
    largest = (library.xp.max(A, axis=axis) for axis in (1, 0))
    sides = zip(A.shape, (x > 0 for x in largest), strict=True)
    return Frame(
        *(
            Side(n) if bool(library.xp.all(kept)) else Standing(n, kept=kept, library=library)
            for n, kept in sides
        )
    )


def on_host(x: Any) -> NDArray[Any]:
    """The values of an array, of whichever processes its parts are.

    Where those are several, each must ask for it, and the parts are sent around.
    """
    if getattr(x, "is_fully_addressable", True) or x.is_fully_replicated:
        return np.array(x)  # a copy: a view of an immutable array is read-only
    from jax.experimental.multihost_utils import process_allgather

    return np.array(process_allgather(x, tiled=True))


def agreed(number: float) -> float:
    """The least of the numbers of the processes in whose scope we are; see `Backend.agreed`."""
    import jax

    grid = current()
    if grid is None or grid.processes == 1:
        return number
    from jax.sharding import NamedSharding, PartitionSpec

    each = NamedSharding(grid.mesh, PartitionSpec(grid.mesh.axis_names))
    own = np.asarray([number])
    numbers = jax.make_array_from_callback((grid.mesh.size,), each, lambda _: own)
    return float(jax.numpy.min(numbers))


def parts_of(size: int) -> int:
    """Into how many equal parts an axis of that size may be cut so that none lies across a border.

    In a traced function, of an axis that lies along the rows of A, or its columns, or neither.
    """
    import jax

    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or not is_ours(mesh):
        return 1
    rows, columns = mesh.shape[ROWS], mesh.shape[COLUMNS]
    # Of an axis that both divide, parts of both kinds are whole; else it lies along one of them.
    return next(x for x in (math.lcm(rows, columns), columns, rows, 1) if size % x == 0)
