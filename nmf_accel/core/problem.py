"""A matrix made ready for the loop, and points W, H at which its loss is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends.base import Backend
from ..losses import NONE, Loss, Penalties, residual
from ..matrices import Frame, Matrix, Seen, Side
from ..matrices.frame import put_back
from ..options import Options
from ..starts import INITS, Factors
from ..types import Array, Library, Squares, State, once
from .held import Fixed
from .scale import Scale

APART = 16
"""Binary orders that a component may be larger in W than at its balance with H, or smaller, where
its residual is measured as it is."""


def flops(shape: tuple[int, ...], entries: int, rank: int) -> float:
    """Operations of the six matrix products of one iteration of one run.

    `entries` is how many entries of A (m, n), of that shape, a product goes through.
    """
    m, n = shape
    return 4.0 * entries * rank + 4.0 * (m + n) * rank**2


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """What the loop needs to know of A.

    Attributes
    ----------
    backend : Backend
    A : Matrix
        The data (m', n') as the loop multiplies with it: what `frame` keeps.
    frame : Frame
        Where its rows and columns stand in the data as given, (m, n).
    mean : float
        Mean of all m n entries.
    fixed : Fixed
        The components that are held.
    left_out : (R,) array, optional
        The fold of A that each run leaves out.
    scale : Scale
        What A was divided by. All else that is here is so, too: the mean, what is held, starts.
    """

    backend: Backend
    A: Matrix
    frame: Frame
    mean: float
    fixed: Fixed = field(default_factory=Fixed)
    left_out: Array | None = None
    scale: Scale = field(default_factory=Scale)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), the shape of the data as given."""
        return self.frame.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.A.dtype

    @property
    def norm2(self) -> float:
        """‖A‖_F²."""
        return self.A.norm2

    def flops(self, rank: int) -> float:
        """`flops`, without those that zeros and equal rows or columns of A spare."""
        return flops(self.A.shape, self.A.entries, rank)

    def product(self, rank: int, runs: int = 1) -> float:
        """Operations of one product with A."""
        return 2.0 * self.A.entries * rank * runs

    def products_to_repeat(self, rank: int) -> float:
        """Operations of an iteration's products with A, to those of moving both factors once."""
        return self.product(rank) / (rank**2 * sum(self.A.shape))

    def moved(self, rank: int, runs: int = 1) -> float:
        """Least bytes that an iteration of some runs at once moves.

        A is read in both half-steps, whatever the number of runs; so is each factor, which is
        written in one.
        """
        factors = rank * runs * sum(self.A.shape) * self.dtype.itemsize
        return 2.0 * self.A.read + 3.0 * factors

    def whole(self) -> Any:
        """All of A on the host, its zero rows and columns put back."""
        return self.A.whole(self.frame)

    def draw(self, rank: int, seed: int, init: str) -> Factors:
        """A start, W0 (m, d) and H0 (d, n), on the host.

        Raises
        ------
        ValueError
            If it is made of all entries of an A that no process has all of.
        """
        if INITS[init].sees and self.A.processes > 1:
            raise ValueError(
                f"init is {init!r}, which looks at all of A on one host, but A lies on those of "
                f"{self.A.processes} processes; take init='random', or pass W0 and H0"
            )
        return self.fixed.scaled(*INITS[init].draw(self, rank, seed))

    def on_device(self, W: Array, H: Array) -> tuple[Array, Array]:
        """H (R, d, n) and Wt (R, d, m) on the device, from W (R, m, d) and H on host or device."""
        Wt = self.A.beside(W, rows=-2).mT
        return self.A.beside(H, columns=-1), Wt

    def correlate(self, W: Array) -> Array:
        """WᵀA of each run, W (R, m, d), over all columns: (R, d, n)."""
        backend = self.backend
        Wt = self.frame.rows.keep(backend, self.A.beside(W, rows=-2).mT)
        return self.frame.columns.put_back(backend, self.A.left(Wt))

    def leaving_out(self, seeds: Sequence[int], folds: int | None) -> Problem:
        """The problem of runs with these seeds, that leave out one of so many folds each."""
        if folds is None:
            return self
        left_out = (np.asarray(seeds) % folds).astype(np.uint8)
        return replace(self, left_out=self.backend.xp.asarray(left_out))

    @property
    def seen(self) -> Matrix:
        """A, as the runs see it."""
        return self.A if self.left_out is None else Seen(self.A, self.left_out)

    def loss(self, options: Options) -> Loss:
        """What `options` minimize, on A."""
        return options.objective.on(self.A)

    def facts(self, loss: Loss) -> tuple[float, ...]:
        """The numbers of A that a loss needs."""
        return loss.facts(self.A, self.mean)

    def start(self, loss: Loss, W0: Array, H0: Array) -> State:
        """The loop's first state from starts W0 (R, m, d) and H0 (R, d, n), on host or device."""
        backend, frame = self.backend, self.frame
        W0, H0 = self.A.beside(W0, rows=-2), self.A.beside(H0, columns=-1)
        fused = backend.fused(first_state)
        return fused(loss, self.seen, self.facts(loss), frame.rows, frame.columns, W0, H0)

    def factors(self, state: State) -> tuple[Array, Array]:
        """W (R, m, d) and H (R, d, n) of a state, on the device."""
        backend, frame, (H, Wt, *_) = self.backend, self.frame, state
        fused = backend.fused(whole_factors)
        W, H = fused(backend, frame.rows.source, frame.columns.source, H, Wt)
        return self.fixed.into(self.A, W, H)  # also where nothing is known of A

    def factors_of(self, state: State, slot: int) -> tuple[Array, Array]:
        """W (m, d) and H (d, n) of the run in a slot of a state, on the device, copied."""
        backend, frame, (H, Wt, *_) = self.backend, self.frame, state
        fused, slots = backend.fused(factors_of), np.asarray([slot])
        W, H = fused(backend, frame.rows.source, frame.columns.source, H, Wt, slots)
        if not self.fixed:
            return self.A.beside(W, rows=0), self.A.beside(H, columns=1)
        W, H = self.fixed.into(self.A, W[None, ...], H[None, ...])
        return W[0, ...], H[0, ...]

    def __repr__(self) -> str:
        m, n = self.shape
        return f"<Problem {m} × {n}, {self.dtype.name} on {self.backend.name}>"


def first_state(
    loss: Loss, A: Matrix, facts: tuple[Any, ...], rows: Side, columns: Side, W0: Array, H0: Array
) -> State:
    """The loop's first state from W0 (R, m, d) and H0 (R, d, n) over all rows and columns."""
    H, Wt = Frame(rows, columns).keep(A.library, H0, W0.mT)
    # Zero rows and columns that are left out still act at the start, see `Frame`; those of which
    # nothing is known do not.
    start = (H0, W0.mT) if loss.arranges else (H, Wt)
    carried, _ = loss.settle(A, facts, *start, None, record=False)
    return H, Wt, *carried


def whole_factors(
    library: Library, rows: Any, columns: Any, H: Array, Wt: Array
) -> tuple[Array, Array]:
    """W (R, m, d) and H (R, d, n) with the rows and columns put back that the loop leaves out.

    `rows` and `columns` are each the `source` of a `Side`.
    """
    return put_back(library, Wt, rows).mT, put_back(library, H, columns)


def factors_of(
    library: Library, rows: Any, columns: Any, H: Array, Wt: Array, slots: Any
) -> tuple[Array, Array]:
    """The same of one run, W (m, d) and H (d, n), `slots` being an array of its slot."""
    xp = library.xp
    H, Wt = (xp.take(x, xp.asarray(slots), axis=0) for x in (H, Wt))
    W, H = whole_factors(library, rows, columns, H, Wt)
    return W[0, ...], H[0, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Point:
    """W (R, m, d) and H (R, d, n) of some runs, over all rows and columns of the data.

    On host or device, as the loop has them, see `Scale`; what is measured of them is measured once.
    What the loss carries there is `carried`, if it is at hand.
    """

    problem: Problem
    W: Array
    H: Array
    loss: Loss
    penalties: Penalties = (NONE, NONE)
    carried: tuple[Array, ...] = ()

    @property
    def runs(self) -> int:
        """R."""
        return self.W.shape[0]

    @once
    def error(self) -> NDArray[np.float64]:
        """The error of each run, ‖A − W H‖_F for the Frobenius loss, of the A given: (R,)."""
        errors = self.loss.errors(self.loss.whole_value(*self.here))
        return np.asarray(self.problem.scale.errors_outside(errors))

    @once
    def kkt(self) -> NDArray[np.float64]:
        """Their KKT residuals, see `losses.residual`, of what is learned: (R,)."""
        return self._kkt if self.penalties != (NONE, NONE) else self._shared()._kkt

    @property
    def _kkt(self) -> NDArray[np.float64]:
        """The same, computed where W and H stand."""
        A, facts, frame, H, Wt = self.here
        backend, fixed = self.problem.backend, self.problem.fixed
        both = self.loss.whole_squares(A, facts, frame, H, Wt, self.penalties, self.carried)
        if fixed:
            masks = (backend.xp.asarray(~held * 1.0) for held in fixed.masks(H.shape[1]))
            of_H, of_W = map(Squares.of_learned, both, masks)
            both = of_H, of_W
        return np.asarray(backend.to_numpy(residual(backend, *both)), dtype=np.float64)

    def _shared(self) -> Point:
        """The same W H, of components whose size is not far apart in W and H.

        Of others squares may be no numbers of the dtype. It is itself if there are none.
        """
        backend, xp, (_, _, _, H, Wt) = self.problem.backend, self.problem.backend.xp, self.here
        double = np.dtype("float64")
        h, w = (backend.to_numpy(xp.max(x, axis=-1)).astype(double) for x in (H, Wt))
        alive = (h > 0) & (w > 0)
        apart = (np.log2(np.where(alive, h, 1)) - np.log2(np.where(alive, w, 1))) / 2
        if not (np.abs(apart) > APART).any():
            return self
        by = np.ldexp(1.0, np.rint(apart).astype(int))  # which changes no digit
        more, less = (backend.asarray(x[..., None], self.problem.dtype) for x in (by, 1 / by))
        return replace(self, W=(Wt * more).mT, H=H * less, carried=())

    @once
    def here(self) -> tuple[Matrix, tuple[float, ...], Frame, Array, Array]:
        """A, the facts, the frame, and H and Wt on the device."""
        problem = self.problem
        where = problem.on_device(self.W, self.H)
        return problem.seen, problem.facts(self.loss), problem.frame, *where

    def __repr__(self) -> str:
        return f"<Point of {self.W.shape[0]} runs of {self.problem!r}>"
