"""What a loss must say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..matrices import Frame, Matrix
from ..types import Array, Squares
from .kkt import both_squares
from .models import Model
from .penalties import Penalties

DELTA = 1e-9
"""δ where none is given, relative to the size of the denominators."""


class Loss(ABC):
    """What is minimized over W and H; Wt (R, d, m) is Wᵀ of R runs, H is (R, d, n).

    Hashable: a compiled loop is kept for each loss. In the loop a loss meets arrays of the
    library of `A` alone, maybe traced ones.
    """

    model_type: ClassVar[type[Any]]
    """The type of its models; what a solver takes is held against it."""
    exact: ClassVar[bool] = False
    """Whether its models are the loss itself at every X, and not only where they were made."""
    repeatable: ClassVar[bool] = False
    """Whether a rule may be repeated with one model: it bounds the loss at every X."""
    walks: ClassVar[bool] = False
    """Whether it is plain least squares, of which a backend may make both models of an iteration in
    one walk through A."""
    by_columns: ClassVar[bool] = False
    """Whether what it carries is the same for all columns of H, so that these go in blocks."""
    arranges: ClassVar[bool] = False
    """Whether zero rows and columns of A may be left out of the loop, and moved, see `Frame`.

    If so, `whole_value` and `whole_squares` have to account for them.
    """

    degree: float | None = None
    """The loss of t A and t W H is t^degree times that of A and W H; None if that is not so."""

    symbol: ClassVar[str] = "the loss"
    """What `errors` are, in a table or at an axis."""
    mean_symbol: ClassVar[str] = "the loss of an entry"
    """What `held_out` and `in_sample` are."""
    blocks_at_once: ClassVar[int] = 2
    """How many arrays of the size of a block of A, of each run, a walk through A takes at most."""

    def on(self, A: Matrix) -> Loss:
        """The loss for this matrix, whose entries may have weights.

        Raises
        ------
        ValueError
            If it does not know of weights.
        """
        if A.weights is not None:
            raise ValueError(f"{self} takes no weights, and no missing entries")
        return self

    @abstractmethod
    def model(
        self,
        A: Matrix,
        facts: tuple[Any, ...],
        Y: Array,
        X: Array,
        carried: tuple[Array, ...] = (),
    ) -> Model:
        """The model for X, made at X, given Y (R, d, m) and A (m, n).

        The H half-step passes A, the W half-step its transpose. `carried` is what the iteration
        before left for the H half-step; without it everything is computed here.
        """

    @abstractmethod
    def value(self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array) -> Array:
        """What is recorded at H and Wt, computed directly, in float64: (R,)."""

    def settle(
        self,
        A: Matrix,
        facts: tuple[Any, ...],
        H: Array,
        Wt: Array,
        of_W: Model | None,
        record: bool,
    ) -> tuple[tuple[Array, ...], Array | None]:
        """What an iteration that ends at H and Wt leaves for the next, and its value to `record`.

        The former are arrays whose first axis is that of the runs. `of_W` is the model of the W
        half-step, from which a value may follow for free; None before the first iteration.
        """
        return (), self.value(A, facts, H, Wt) if record else None

    def reach(self, dtype: np.dtype[Any]) -> float:
        """The least entry of W H of which it has powers in that dtype; 0 where any will do."""
        return 0.0

    @property
    def takes_sparse(self) -> bool:
        """Whether it takes sparse matrices as they are."""
        return True

    @property
    def positive(self) -> bool:
        """Whether every entry of A must be > 0, since it is infinite where one is zero."""
        return False

    def facts(self, A: Matrix, mean: float) -> tuple[float, ...]:
        """Numbers of A that `model` and `value` need, `mean` being that of its entries."""
        return ()

    def norm(self, A: Matrix, mean: float) -> float:
        """What errors are relative to: by default, the error where W H is the mean of A."""
        xp, (m, n), dtype = A.library.xp, A.shape, str(A.dtype)
        H, Wt = (xp.full((1, 1, size), mean**0.5, dtype=getattr(xp, dtype)) for size in (n, m))
        value = A.library.to_numpy(self.value(A, self.facts(A, mean), H, Wt))
        return float(self.errors(np.asarray(value, dtype=np.float64))[0])

    def scratch(self, runs: int, d: int, m: int, n: int) -> int:
        """How many numbers it keeps in memory at its peak, beside factors and blocks of A."""
        return 6 * runs * d * max(m, n)

    def delta(self, A: Matrix, mean: float) -> float:
        """δ of 'mu' where none is given, for a matrix with that mean."""
        # Denominators are of the size of mean(A)^1.5, times the weights of entries if there are
        # any: c A and weights c M give the same fit.
        return float(DELTA * mean**1.5 * A.largest_weight)

    def errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error that is reported for each value that was recorded."""
        return values

    def trusts(self, values: NDArray[np.float64], facts: tuple[float, ...]) -> bool:
        """Whether the recorded values are accurate; if not, `direct` records them anew."""
        return True

    def rounding(self, A: Matrix, facts: tuple[Any, ...], values: Array) -> Array:
        """By how much rounding may move the values (R,) of a run; by default, by a few eps."""
        few: Array = 4 * float(np.finfo(A.dtype).eps) * values
        return few

    def direct(self) -> Loss:
        """The same loss, its value computed directly where the free formula is inaccurate."""
        return self

    def whole_value(
        self, A: Matrix, facts: tuple[float, ...], frame: Frame, H: Array, Wt: Array
    ) -> NDArray[np.float64]:
        """The value at any H (R, d, n) and Wt (R, d, m) of the matrix as it was given: (R,)."""
        H, Wt = frame.keep(A.library, H, Wt)  # of the others nothing is known
        return np.asarray(A.library.to_numpy(self.value(A, facts, H, Wt)), dtype=np.float64)

    def whole_squares(
        self,
        A: Matrix,
        facts: tuple[float, ...],
        frame: Frame,
        H: Array,
        Wt: Array,
        penalties: Penalties,
        carried: tuple[Array, ...] = (),
    ) -> tuple[Squares, Squares]:
        """What the KKT residual is made of there, of H and of W; see `squares`.

        `carried` is what it carries there, if that is at hand.
        """
        H, Wt = frame.keep(A.library, H, Wt)
        models = self.model(A, facts, Wt, H, carried), self.model(A.T, facts, H, Wt)
        return both_squares(A.library, H, Wt, models, penalties)

    def __repr__(self) -> str:
        return f"<loss {type(self).__name__}>"
