"""What a backend must say about an array library, and what it need not.

The loop is written against this class. A new backend subclasses it, fills in the abstract
members, and overrides a method below only where its library has a better way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

Array = Any  # an array of whichever library the backend stands for
State = tuple[Array, ...]


class Step(Protocol):
    """A pure, hashable function that `Backend.iterate` applies."""

    @property
    def measures(self) -> int:
        """How many numbers of each run it returns."""

    def __call__(self, state: State, *constants: Array) -> tuple[State, Array]:
        """Next state, and its measures: (measures, runs)."""

    def unmeasured(self, state: State, *constants: Array) -> State:
        """Next state; needed only for strides."""


LONGEST_CHUNK = 256
"""Most measured steps of one `Backend.iterate` call; fixes the shape of its error buffer."""

ROWS_AT_ONCE = 16
"""Rows of a block in coordinate descent; between blocks its work is a matrix product."""


@dataclass(frozen=True)
class Probe:
    """What is known of a backend on this machine.

    Attributes
    ----------
    usable : bool
        Whether a factorization can run on it here and now.
    reason : str
        Why not, and what to do about it; empty when usable.
    device : str
        What it would run on.
    version : str
        Version of the array library; empty when it is not installed.
    accelerated : bool
        Whether the device is a GPU or another accelerator.
    """

    usable: bool
    reason: str = ""
    device: str = ""
    version: str = ""
    accelerated: bool = False


class Backend(ABC):
    """An array library, seen from the loop."""

    name: ClassVar[str]
    install: ClassVar[str]
    """The command that makes the backend usable."""
    compiles: ClassVar[bool] = False
    """Whether another number of runs costs a compilation."""
    lazy: ClassVar[bool] = False
    """Whether `where` computes only what is needed, at no cost where nothing is."""
    takes_sparse: ClassVar[bool] = False
    """Whether it has sparse matrices, and a method `sparse`."""
    folds: ClassVar[bool] = False
    """Whether equal rows and columns of A are multiplied once: `Folded`, which is NumPy's."""

    @abstractmethod
    def _probe(self) -> Probe:
        """Look at the library and its device; may raise anything."""

    @property
    @abstractmethod
    def xp(self) -> Any:
        """The library's array-API namespace."""

    @abstractmethod
    def owns(self, x: object) -> bool:
        """Whether `x` is an array of this library; must not import the library."""

    @abstractmethod
    def to_numpy(self, x: Array) -> NDArray[Any]:
        """The values of `x` on the host."""

    @cached_property
    def _probed(self) -> Probe:
        try:
            return self._probe()
        except ModuleNotFoundError as error:
            return Probe(False, f"{error.name} is not installed; {self.install}")
        except Exception as error:  # noqa: BLE001  drivers fail in ways of their own
            first_line = (str(error) or type(error).__name__).splitlines()[0]
            return Probe(False, f"installed, but unusable: {first_line}; {self.install}")

    def probe(self) -> Probe:
        """Whether the backend is usable here, and why not. Never raises; looks once."""
        return self._probed

    def can_accelerate(self) -> bool:
        """Whether it is worth probing for a GPU: a cheap look that imports nothing."""
        return True

    def versions(self) -> dict[str, str]:
        """Versions to record with a result."""
        return {self.name: self.probe().version}

    def scope(self, x: Array | None = None) -> AbstractContextManager[Any]:
        """The context in which every call below is made, for data that lives with `x`."""
        return nullcontext()

    def asarray(self, x: Array, dtype: Any) -> Array:
        """`x`, from the host or from this library, on the device; not copied if it is there."""
        return self.xp.asarray(x, dtype=dtype)

    def ascontiguous(self, x: Array) -> Array:
        """`x` in the order of rows, where the library lets its arrays have another."""
        return x

    def sparse(self, A: Any) -> tuple[Any, Any]:
        """A CSR matrix and its transpose, on the device, as `sparse.Sparse` holds them."""
        raise NotImplementedError

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product, in the full precision of its operands."""
        return self.xp.matmul(a, b)

    def inner(self, x: Array, y: Array) -> Array:
        """Sum of x * y over the last two axes, in float64."""
        xp = self.xp
        return xp.sum(xp.vecdot(x, y), axis=-1, dtype=xp.float64)

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        """`x` where a condition holds, and what `otherwise` computes where not."""
        return self.xp.where(condition, x, otherwise())

    def multiply_divide(self, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
        """``x * (n / (d + delta))``; may overwrite `d`, and nothing else."""
        return x * (n / (d + delta))

    def descend(self, X: Array, N: Array, G: Array) -> Array:
        """One pass of coordinate descent: for each k, X_k ← max(0, X_k + (N_k − G_k X) / G_kk).

        Blocks of rows, so that most of the work is in matrix products, on tiles of columns
        that stay in cache; the columns are independent of each other.
        """
        xp = self.xp
        X = xp.asarray(X, copy=True)
        d, n = X.shape[-2:]
        width = max(1024, 2**18 // d)
        zero = xp.zeros((), dtype=X.dtype)
        for c in range(0, n, width):
            columns = slice(c, min(c + width, n))
            for a in range(0, d, ROWS_AT_ONCE):
                rows = slice(a, min(a + ROWS_AT_ONCE, d))
                block = X[:, rows, columns]
                rest = N[:, rows, columns] - self.matmul(G[:, rows, :], X[:, :, columns])
                g = G[:, rows, rows]
                steps = xp.zeros_like(rest)
                for k in range(rest.shape[-2]):
                    step = (
                        rest[:, k, :] - self.matmul(g[:, k : k + 1, :k], steps[:, :k, :])[:, 0, :]
                    )
                    gkk = g[:, k, k][:, None]
                    step = xp.where(gkk > 0, step / xp.where(gkk > 0, gkk, zero + 1), zero)
                    steps[:, k, :] = xp.maximum(step, -block[:, k, :])
                X[:, rows, columns] = block + steps
        return X

    def solve_passive(self, G: Array, N: Array, F: Array, going: Array) -> Array:
        """Solve G[f, f] X[f] = N[f] for each column of N (R, d, n), f being where F is true.

        The other entries of X are zero; columns where `going` (R, n) is false may be anything.
        This makes one d × d system of a column, in which the equations of the rest say 0 = 0, in
        blocks of columns to spare memory.
        """
        xp = self.xp
        runs, d, n = N.shape
        eye = xp.eye(d, dtype=N.dtype)
        width = max(2**24 // (runs * d * d), -(-n // 32), 1)
        found = []
        for c in range(0, n, width):
            columns = slice(c, min(c + width, n))
            f = xp.matrix_transpose(F[:, :, columns])
            b = xp.matrix_transpose(N[:, :, columns])
            both = f[:, :, :, None] & f[:, :, None, :]
            systems = xp.where(both, G[:, None, :, :], eye)
            b = xp.where(f, b, xp.zeros_like(b))
            found.append(xp.linalg.solve(systems, b[..., None])[..., 0])
        return xp.matrix_transpose(xp.concat(found, axis=1))

    def repeat_while(self, function: Callable[[State], State], state: State, limit: int) -> State:
        """Apply a pure function while any of ``state[1]`` is true, at most `limit` times."""
        for _ in range(limit):
            if not bool(self.xp.any(state[1])):  # waits for the device
                break
            state = function(state)
        return state

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Array, ...],
        count: int,
        stride: int | None = None,
    ) -> tuple[State, Array]:
        """Apply ``state, measures = step(state, *constants)`` `count` times, without a host sync.

        With a stride, `stride` − 1 unmeasured steps go before each. The step is pure and
        hashable, and measures `step.measures` numbers of each run. The constants, of which the
        first is a matrix, belong to all the runs. Returns the last state and what was measured,
        (>= count, measures, runs).
        """
        shape = (count, step.measures, state[0].shape[0])
        measured = self.xp.empty(shape, dtype=self.xp.float64)
        for k in range(count):
            for _ in range(1, stride or 1):
                state = step.unmeasured(state, *constants)
            state, measured[k, ...] = step(state, *constants)
        return state, measured

    def free_memory(self) -> int:
        """Bytes that the device could still give."""
        import psutil

        return int(psutil.virtual_memory().available)

    def synchronize(self, results: Any = None) -> None:
        """Wait until `results`, arrays in any nesting, are computed."""
        return None
