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
from typing import Any, ClassVar

from numpy.typing import NDArray

Array = Any  # an array of whichever library the backend stands for
State = tuple[Array, ...]
Step = Callable[..., tuple[State, Array]]

LONGEST_CHUNK = 256
"""Most iterations that one `Backend.iterate` call runs; fixes the shape of its error buffer."""


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

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product, in the full precision of its operands."""
        return self.xp.matmul(a, b)

    def inner(self, x: Array, y: Array) -> Array:
        """Sum of x * y over the last two axes, in float64."""
        xp = self.xp
        return xp.sum(xp.vecdot(x, y), axis=-1, dtype=xp.float64)

    def multiply_divide(self, x: Array, n: Array, d: Array, delta: float | Array) -> Array:
        """``x * (n / (d + delta))``; may overwrite `d`, and nothing else."""
        return x * (n / (d + delta))

    def iterate(
        self, step: Step, state: State, constants: tuple[Array, ...], count: int
    ) -> tuple[State, Array]:
        """Apply ``state, error = step(state, *constants)`` `count` times, without a host sync.

        `step` is pure and hashable. Returns the last state and the errors, (>= count, runs).
        """
        errors = self.xp.empty((count, state[0].shape[0]), dtype=self.xp.float64)
        for k in range(count):
            state, errors[k, ...] = step(state, *constants)
        return state, errors

    def repeat(self, function: Callable[[State], State], state: State, count: Array) -> State:
        """Apply a pure function `count` times; usable inside a step."""
        for _ in range(count):
            state = function(state)
        return state

    def free_memory(self) -> int:
        """Bytes that the device could still give."""
        import psutil

        return int(psutil.virtual_memory().available)

    def synchronize(self, results: Any = None) -> None:
        """Wait until `results`, arrays in any nesting, are computed."""
        return None
