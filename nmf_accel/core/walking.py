"""The half-step of H and the model of W in one walk through A, by a backend that has that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..backends.base import Backend
from ..losses import Penalty, Quadratic
from ..matrices import Matrix
from ..types import Array, Walks, no_kernel


class Walked(NamedTuple):
    """What such a walk makes.

    Attributes
    ----------
    new : (R, d, n) array
        H as the rule moves it.
    further : (R, d, n) array
        H moved on from there; the same array if it is not.
    told : (R,) array
        What the rule met, where it tells.
    model : Quadratic
        That of W, given what was moved on.
    """

    new: Array
    further: Array
    told: Array
    model: Quadratic


class Walking(Protocol):
    """A step that may have half of it done so."""

    @property
    def backend(self) -> Backend:
        """Whose kernel it is."""

    @property
    def walks(self) -> Walks:
        """What it is called."""


def in_one_walk(
    step: Walking,
    A: Matrix,
    Y: Array,
    X: Array,
    carried: Sequence[Array],
    penalty: Penalty,
    on: tuple[Array, Array] | None = None,
) -> Walked | None:
    """Move X = H, given Y = Wᵀ and, in `carried`, Y Yᵀ; None where there is no walk that does it.

    X is moved on from what `on` has first, by parts (R,) of that step.
    """
    kernel = step.backend.kernel(step.walks.half, no_kernel)
    found = kernel(step.backend, A, Y, *carried, X, penalty, on)
    return found and Walked(*found[:3], Quadratic(*found[3:]))
