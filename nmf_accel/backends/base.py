"""What a backend must say about an array library, and what it need not.

The loop is written against this class. A new backend subclasses it, fills in the abstract
members, and overrides a method below only where its library has a better way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from ..matrices import Dense, Frame, Matrix, Raw, RawDense
from ..types import Array, Kernel, State, Step, Sum, add
from .probes import Installed

LONGEST_CHUNK = 256
"""Most records of one `Backend.iterate` call; fixes the shape of its buffer."""
UNROLLED = 16
"""Iterations that a backend may prepare as one piece: chunks are multiples of it where they can."""

Moving = Callable[[Array, Any], tuple[Array, Any]]
"""``(X, along) -> new X, what is added up``: a half-step on X (R, d, n), or on some columns of it.

`along` is cut as X is, by ``along.columns(block)``: a `Matrix`, or a model of a loss.
"""

Program = Callable[[State, int, int | None], tuple[State, Array]]
"""`Backend.iterate` of a state, a count and `record_every`; all else is settled."""


class Backend(Installed):
    """An array library, seen from the loop."""

    recompiles_for_shapes: ClassVar[bool] = False
    """Whether another number of runs costs a compilation."""
    idle_part: ClassVar[float] = 0.5
    """Which part of the runs of a loop may be done before it goes on without them."""
    skips_unneeded: ClassVar[bool] = False
    """Whether `where` computes only what is needed, at no cost where nothing is."""
    kinds: ClassVar[tuple[type[Raw], ...]] = (RawDense,)
    """The kinds of matrix that `matrix` takes."""
    kernels: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """Its own forms of the solvers' kernels, by name; see `kernel`."""
    states_at_once: ClassVar[int] = 6
    """How many states, and products of their size, `iterate` keeps in memory at its peak."""

    @property
    def least_space(self) -> int:
        """Bytes that a walk through W H takes, however small W H is."""
        return 0

    @property
    def block_entries(self) -> int:
        """How many entries a walk through a matrix takes at a time: so many stay in cache."""
        return 2**18

    @property
    @abstractmethod
    def xp(self) -> Any:
        """The library's array-API namespace."""

    @abstractmethod
    def owns(self, x: object) -> bool:
        """Whether `x` is an array of this library; must not import the library."""

    def is_traced(self, x: object) -> bool:
        """Whether `x` is only what a compiler goes through a function with, and has no values."""
        return False

    @property
    def widest(self) -> np.dtype[Any]:
        """The widest dtype in which the device computes.

        Where that is float32, `xp.float64` is that too, and so what is summed in float64 elsewhere.
        """
        return np.dtype("float64")

    @abstractmethod
    def to_numpy(self, x: Array) -> NDArray[Any]:
        """The values of `x` on the host."""

    def scope(self, x: Any = None) -> AbstractContextManager[Any]:
        """The context in which every call below is made, for data that lives with `x`.

        `x` is an array or a sparse matrix of this library, a `Matrix`, or of the host. What is
        of the host goes to `device`, if one was asked for.
        """
        return nullcontext()

    def sized_for(self, flops: float) -> AbstractContextManager[Any]:
        """The context of work on the host whose products take about so many operations each."""
        return nullcontext()

    def at_most(self, several: int) -> AbstractContextManager[Any]:
        """The context of work that takes at most so many threads of the host, where it can be told.

        Threads of one process may be in it side by side.
        """
        return nullcontext()

    def asarray(self, x: Array, dtype: Any) -> Array:
        """`x`, from the host or from this library, on the device; not copied if it is there."""
        found: Array = self.xp.asarray(x, dtype=dtype)
        return found

    def ascontiguous(self, x: Array) -> Array:
        """`x` in the order of rows, where the library lets its arrays have another."""
        return x

    def matrix(self, A: Raw) -> Matrix:
        """`A`, of one of `kinds`, from the host or this library, as this backend multiplies it."""
        return Dense(self.asarray(A.stored, A.dtype), self)

    def adopt(self, x: Any, name: str) -> Any:
        """`x`, an array of this library as a caller passed it, as one to compute with.

        It is not copied but where the library must; `name` is for messages.

        Raises
        ------
        TypeError
            If the library has none for it.
        """
        return x

    def give_back(self, x: Array, like: Array) -> Array:
        """A factor, as the caller has `like`, which is the matrix that was passed."""
        return x

    def spread(self, A: Array, devices: int | None = None) -> Array:
        """A matrix of the host over so many devices of this process, by columns.

        Raises
        ------
        ValueError
            If a factorization on this backend is one device's.
        """
        raise ValueError(
            f"devices is {devices}, but a factorization on {self.name} is one device's; take "
            "backend='jax', or leave devices out"
        )

    def frame(self, A: Raw) -> Frame:
        """Which rows and columns of a matrix its loop goes through: those that are not zero."""
        return A.frame()

    def agreed(self, number: float) -> float:
        """A number that every process would find for itself: the least of theirs.

        Where several compute one factorization together, each must do the same, though its clock
        and its memory may say something else.
        """
        return number

    def arrange(self, A: Raw, frame: Frame) -> tuple[Matrix, Frame]:
        """What a frame keeps of `A`, made ready for many products: `matrix`, and where it stands.

        A backend may give its rows and columns another order, which the new frame tells.
        """
        return self.matrix(A.cut(frame)), frame

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product, in the full precision of its operands."""
        product: Array = self.xp.matmul(a, b)
        return product

    def inner(self, x: Array, y: Array) -> Array:
        """Sum of x * y over the last two axes, in float64."""
        xp = self.xp
        total: Array = xp.sum(xp.vecdot(x, y), axis=-1, dtype=xp.float64)
        return total

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        """`x` where a condition holds, and what `otherwise` computes where not."""
        chosen: Array = self.xp.where(condition, x, otherwise())
        return chosen

    def sum_over_blocks(self, function: Callable[[Any], Sum], rows: int, height: int) -> Sum:
        """Sum of a pure function over blocks of `height` rows; the last one may be shorter.

        It is given what picks its rows from an array, ``x[block]``: a slice or an array of indices.
        It gives an array, or a tuple of them.
        """
        blocks = (slice(k, min(k + height, rows)) for k in range(0, rows, height))
        return reduce(add, map(function, blocks))

    def over_columns(self, function: Moving, X: Array, along: Any) -> tuple[Array, Any]:
        """Apply a pure function to the columns of X, all at once or in blocks.

        What it gives beside the new X, tuples of arrays in any nesting, is added up over blocks.
        """
        return function(X, along)

    def kernel(self, name: str, default: Kernel) -> Kernel:
        """Look up the backend's own form of a solver's kernel, or the `default`, which is generic.

        Both are functions of the backend and the same arguments.
        """
        return cast(Kernel, self.kernels.get(name, default))

    def fused(self, function: Kernel) -> Kernel:
        """A pure function, compiled as one where the library compiles; else the function itself.

        Its first argument is hashable, and it is compiled anew for another one. The others are
        arrays, numbers, matrices and sides of a `Frame`, in any nesting.
        """
        return function

    def repeat_while(
        self,
        function: Callable[[State], State],
        state: State,
        limit: int,
        *,
        cheap: bool = False,
    ) -> State:
        """Apply a pure function while any of ``state[1]`` is true, at most `limit` times.

        A run whose ``state[1]`` is false must come out of the function as it went in. So a
        function that is `cheap` may be applied in vain, rather than to wait for the device.
        """
        for _ in range(limit):
            if not bool(self.xp.any(state[1])):  # waits for the device
                break
            state = function(state)
        return state

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Any, ...],
        count: int,
        record_every: int | None = None,
    ) -> tuple[State, Array]:
        """Apply ``state, measures = step(state, *constants)`` `count` times, without a host sync.

        With `record_every`, as many − 1 unmeasured steps go before each. The step is pure and
        hashable, and measures `step.measures` numbers of each run. The constants, of which the
        first may be a `Matrix`, belong to all the runs. Returns the last state and what was
        measured, (>= count, measures, runs).
        """
        measured: list[Array] = []
        for _ in range(count):
            for _ in range(1, record_every or 1):
                state = step.unmeasured(state, *constants)
            state, found = step(state, *constants)
            measured += found
        shape = (count, step.measures, state[0].shape[0])
        return state, self.xp.reshape(self.xp.stack(measured), shape)

    def program(self, step: Step, constants: tuple[Any, ...]) -> Program:
        """`iterate` for a step and constants with which it will be called again and again."""

        def run(state: State, count: int, record_every: int | None) -> tuple[State, Array]:
            return self.iterate(step, state, constants, count, record_every)

        return run

    def free_memory(self) -> int:
        """Bytes that the device could still give."""
        import psutil

        return int(psutil.virtual_memory().available)

    def out_of_memory(self, error: BaseException) -> bool:
        """Whether an error says that the device has no more memory to give."""
        return isinstance(error, MemoryError)

    def release_memory(self) -> None:
        """Give back what is kept for the next arrays."""
        return None

    def synchronize(self, results: Any = None) -> None:
        """Wait until `results`, arrays in any nesting, are computed."""
        return None

    def __repr__(self) -> str:
        return f"<backend {self.name}>"
