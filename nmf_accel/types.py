"""The types that every room speaks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

Sum = TypeVar("Sum")
"""What can be added up: an array, or a tuple of them."""

Found = TypeVar("Found")

Index = NDArray[np.intp]
"""Places along one side of a matrix, on the host."""


def no_kernel(*_: Any) -> None:
    """What is in the place of a kernel that only some backends have, and not for everything."""
    return None


class once(Generic[Found]):
    """A property that is found once and kept, as `functools.cached_property`, without its lock.

    Until Python 3.12 that is one lock for all objects, which threads would wait for, and which a
    process that is forked meanwhile would find locked for ever.
    """

    def __init__(self, find: Callable[[Any], Found]) -> None:
        self.find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Found: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """What was found; the object's own dictionary has it from now on."""
        if instance is None:
            return self
        found = instance.__dict__[self.name] = self.find(instance)
        return found


class Array(Protocol):
    """An array of whichever library a backend stands for: what of it the library uses.

    Everything else goes through the namespace `Library.xp`, since libraries differ in methods.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each axis."""

    @property
    def ndim(self) -> int:
        """The number of axes."""

    @property
    def dtype(self) -> Any:
        """The library's own name of the dtype."""

    @property
    def mT(self) -> Array:
        """The last two axes swapped."""

    def __getitem__(self, key: Any, /) -> Array: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __invert__(self) -> Array: ...
    def __and__(self, other: Any, /) -> Array: ...
    def __or__(self, other: Any, /) -> Array: ...
    def __xor__(self, other: Any, /) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...
    def __bool__(self) -> bool: ...
    def __float__(self) -> float: ...


State = tuple[Array, ...]
"""What changes from step to step: arrays whose first axis is that of the runs."""


Measures = tuple[Array, ...]
"""What is measured of a state: numbers of each run in float64, (R,) each."""


def add(x: Any, y: Any) -> Any:
    """The sums of arrays in tuples, in any nesting."""
    if not isinstance(x, tuple):
        return x + y
    sums = [add(a, b) for a, b in zip(x, y, strict=True)]
    return type(x)(*sums) if hasattr(x, "_fields") else tuple(sums)


class Squares(NamedTuple):
    """Sums of squares over each row of a factor X (R, d, n), in float64: (R, d) each.

    Those of blocks of columns are added up.

    Attributes
    ----------
    violation : array
        Of what is wrong with the gradient g: Σ r (2 g − r) with r = min(g, L x), the room of an
        entry x whose gradient grows by L. That is g² where g is negative or x has room to fall, and
        0 where x is zero: as of the projected gradient (Kim & Park 2008, section 5; Lin 2007, eq.
        12), but without its jump there.
    data : array
        Of the part of the gradient that is subtracted, ``model.minus()``.
    factor : array
        Of X itself.
    """

    violation: Array
    data: Array
    factor: Array

    def of_learned(self, learned: Array | None) -> Squares:
        """Without what the gradient has of the other components, (d,); None for all of them."""
        if learned is None:
            return self
        return Squares(self.violation * learned, self.data * learned, self.factor)


class Library(Protocol):
    """An array library, as far as a matrix, a loss and a rule need it; every `Backend` is one."""

    @property
    def xp(self) -> Any:
        """The library's array-API namespace."""

    def asarray(self, x: Array, dtype: Any) -> Array:
        """`x`, from the host or from this library, on the device; not copied if it is there."""

    def ascontiguous(self, x: Array) -> Array:
        """`x` in the order of rows, where the library lets its arrays have another."""

    def to_numpy(self, x: Array) -> NDArray[Any]:
        """The values of `x` on the host."""

    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product, in the full precision of its operands."""

    def inner(self, x: Array, y: Array) -> Array:
        """Sum of x * y over the last two axes, in float64."""

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        """`x` where a condition holds, and what `otherwise` computes where not."""

    def kernel(self, name: str, default: Kernel) -> Kernel:
        """The library's own form of a function of it and arrays, or the `default`."""

    def fused(self, function: Kernel) -> Kernel:
        """A pure function, compiled as one where the library compiles."""

    def free_memory(self) -> int:
        """Bytes that the device could still give."""

    @property
    def block_entries(self) -> int:
        """How many entries a walk through a matrix takes at a time."""

    def sum_over_blocks(self, function: Callable[[Any], Sum], rows: int, height: int) -> Sum:
        """Sum of a pure function over blocks of `height` rows; the last one may be shorter."""


class Walks(NamedTuple):
    """Names of kernels that apply a rule to plain least squares, where a backend has them.

    Attributes
    ----------
    half : str
        Of the half-step of H and the model of W, in one walk through A: ``(backend, A, Y, G, H,
        penalty, on)`` gives what was `Walked`, or None. Y is Wᵀ, G = Y Yᵀ; H is moved on from what
        `on` has first, by parts (R,) of that step, where it is not None.
    whole : str
        Of many iterations: ``(backend, state, constants, count, record_every)`` gives what
        `Backend.iterate` does, and what the rule tells behind the value; or None.
    """

    half: str = ""
    whole: str = ""


NO_WALKS = Walks()


class Walked(NamedTuple):
    """What a walk makes that moves H (R, d, n).

    Attributes
    ----------
    new, further : arrays
        H as the rule moves it, and moved on from there; the same array if it is not.
    told : (R,) array
        What the rule met on its way, where it tells.
    N, G : arrays
        The quadratic model of W, given what was moved on.
    """

    new: Array
    further: Array
    told: Array
    N: Array
    G: Array


class Step(Protocol):
    """A pure, hashable function that `Backend.iterate` applies."""

    @property
    def measures(self) -> int:
        """How many numbers of each run it measures."""

    @property
    def walks(self) -> Walks:
        """The kernels that do it, or half of it, where a backend has them."""

    def __call__(self, state: State, *constants: Any) -> tuple[State, Measures]:
        """Next state, and its measures."""

    def unmeasured(self, state: State, *constants: Any) -> State:
        """Next state; needed only where not every step is recorded."""
