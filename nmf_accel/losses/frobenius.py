"""The Frobenius norm of A − W H, and where its free formula may be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import Frame, Matrix
from ..types import Array, Library, Squares, no_kernel
from .base import Loss
from .kkt import both_squares
from .models import Quadratic
from .penalties import Penalties
from .weighted import WEIGHTED_SQUARES

ROUNDING = 2.4
"""Rounding error of the free formula, at most so many eps ‖A‖² (CryptoPunks, ranks 16 to 256)."""

TRUSTED_DOWN_TO = {"float64": 1e-5, "float32": 1.5e-2}
"""Squared relative error below which the free formula for it has cancelled too much.

Above these bounds its `ROUNDING` is less than 1e-10 (float64) and 1e-5 (float32) of the error
reported.
"""


@dataclass(frozen=True, repr=False)
class Frobenius(Loss):
    """½‖A − W H‖_F²; what is recorded is ‖A − W H‖².

    Attributes
    ----------
    residual : {'free', 'direct'}
        'free': from the products that the iteration needs anyway. 'direct': by the residual
        instead, iteration by iteration and run by run, where that formula is inaccurate.
    """

    residual: str = "free"

    symbol = "‖A − WH‖"
    mean_symbol = "√ mean (A − WH)²"
    model_type = Quadratic
    degree = 2.0
    exact = True
    repeatable = True
    walks = True
    by_columns = True
    arranges = True

    def on(self, A: Matrix) -> Loss:
        """It, or `WeightedSquares`."""
        return self if A.weights is None else WEIGHTED_SQUARES

    def model(
        self,
        A: Matrix,
        facts: tuple[Any, ...],
        Y: Array,
        X: Array,
        carried: tuple[Array, ...] = (),
    ) -> Quadratic:
        """``Quadratic(Y A, Y Yᵀ)``."""
        (G,) = carried or (A.library.matmul(Y, Y.mT),)
        return Quadratic(A.left(Y), G)

    def value(self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array) -> Array:
        """‖A − W H‖², the residual."""
        return residual2(A, Wt, H)

    def settle(
        self, A: Matrix, facts: tuple[Any, ...], H: Array, Wt: Array, of_W: Any, record: bool
    ) -> tuple[tuple[Array, ...], Array | None]:
        """WᵀW, and ‖A − W H‖² from it and the products of the W half-step, if there was one."""
        library, WtW = A.library, A.library.matmul(Wt, Wt.mT)
        if not record:
            return (WtW,), None
        if of_W is None:
            return (WtW,), residual2(A, Wt, H)
        (norm2, trusted), (N, HHt) = facts, of_W
        error2 = library.kernel("free2", free2)(library, norm2, N, Wt, WtW, HHt)
        if (aside := A.aside(H)) is not None:
            error2 = error2 - 2 * aside
        if self.residual == "direct":
            error2 = library.where(error2 >= trusted, error2, partial(residual2, A, Wt, H))
        return (WtW,), error2

    def facts(self, A: Matrix, mean: float) -> tuple[float, ...]:
        """‖A‖², and the least value that the free formula gives accurately."""
        return A.norm2, TRUSTED_DOWN_TO[A.dtype.name] * A.norm2

    def scratch(self, runs: int, d: int, m: int, n: int) -> int:
        """Gram matrices."""
        return 3 * runs * d**2

    def norm(self, A: Matrix, mean: float) -> float:
        """‖A‖."""
        return float(np.sqrt(A.norm2))

    def errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """‖A − W H‖."""
        return np.asarray(np.sqrt(values))

    def trusts(self, values: NDArray[np.float64], facts: tuple[float, ...]) -> bool:
        """Whether no value is below what the formula in use gives accurately."""
        return self.residual == "direct" or not bool((values < facts[1]).any())

    def rounding(self, A: Matrix, facts: tuple[Any, ...], values: Array) -> Array:
        """2.4 eps ‖A‖² from the free formula, 2.4 eps ‖A‖ ‖A − W H‖ from the residual."""
        xp, (norm2, trusted) = A.library.xp, facts
        # Each entry of a residual is off by some eps of what A has there.
        root = xp.sqrt(xp.where(values > 0, values, xp.zeros_like(values)))
        smaller = root * norm2**0.5  # the product of both squares may overflow
        scale = xp.where(values >= trusted, norm2 * xp.ones_like(values), smaller)
        most: Array = ROUNDING * float(np.finfo(A.dtype).eps) * scale
        return most

    def direct(self) -> Frobenius:
        """With the residual where it is needed."""
        return replace(self, residual="direct")

    def whole_value(
        self, A: Matrix, facts: tuple[float, ...], frame: Frame, H: Array, Wt: Array
    ) -> NDArray[np.float64]:
        """‖A − W H‖² of each run, over all rows and columns: (R,)."""
        library, (norm2, trusted) = A.library, facts
        matmul, inner = library.matmul, library.inner
        everywhere = matmul(Wt, Wt.mT), matmul(H, H.mT)
        H, Wt = frame.columns.keep(library, H), frame.rows.keep(library, Wt)
        error2 = library.to_numpy(free2(library, norm2, A.T.left(H), Wt, *everywhere))
        if (error2 < trusted).any():
            kept = inner(matmul(Wt, Wt.mT), matmul(H, H.mT))
            error2 = library.to_numpy(residual2(A, Wt, H) + (inner(*everywhere) - kept))
        return np.maximum(np.asarray(error2, dtype=np.float64), 0)

    def whole_models(
        self, A: Matrix, facts: tuple[float, ...], frame: Frame, H: Array, Wt: Array
    ) -> tuple[Quadratic, Quadratic]:
        """The models for H and Wt; in N, rows and columns that were left out are zeros."""
        library, rows, columns = A.library, frame.rows, frame.columns
        M = columns.put_back(library, A.left(rows.keep(library, Wt)))
        N = rows.put_back(library, A.T.left(columns.keep(library, H)))
        matmul = library.matmul
        return Quadratic(M, matmul(Wt, Wt.mT)), Quadratic(N, matmul(H, H.mT))

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
        """What the KKT residual is made of, by the backend's own walk if it has one."""
        kernel = A.library.kernel("least_squares_certificate", least_squares_certificate)
        return kernel(A.library, A, frame, H, Wt, penalties)


FROBENIUS = Frobenius()


def least_squares_certificate(
    library: Library, A: Matrix, frame: Frame, H: Array, Wt: Array, penalties: Penalties
) -> tuple[Squares, Squares]:
    """`squares` of H and of W, over all rows and columns.

    A is what the frame keeps of the matrix that was given.
    """
    models = FROBENIUS.whole_models(A, (), frame, H, Wt)
    return both_squares(library, H, Wt, models, penalties)


def free2(library: Library, norm2: Any, N: Array, Wt: Array, WtW: Array, HHt: Array) -> Array:
    """‖A − W H‖² = ‖A‖² − 2⟨N, Wᵀ⟩ + ⟨WᵀW, H Hᵀ⟩, N = H Aᵀ, from products that are there anyway."""
    value: Array = norm2 - 2 * library.inner(N, Wt) + library.inner(WtW, HHt)
    return value


def residual2(A: Matrix, Wt: Array, H: Array) -> Array:
    """‖A − W H‖² of each run, computed directly, in blocks of rows to spare memory."""
    thin = A.library.kernel("walked_residual2", no_kernel)(A.library, A, Wt, H)
    if thin is not None:
        return thin
    if A.lies_by_columns:  # ‖A − W H‖ = ‖Aᵀ − Hᵀ Wᵀ‖
        A, Wt, H = A.T, H, Wt
    walk = A.library.fused(A.library.kernel("residual2", residual2_in_blocks))
    found: Array = walk(A.library, A, Wt, H)
    return found


def residual2_in_blocks(library: Library, A: Matrix, Wt: Array, H: Array) -> Array:
    """The same, of a matrix that lies by rows."""
    runs = Wt.shape[0]
    m, n = A.shape
    height = max(library.block_entries // (runs * n), A.least_block(m))
    W = Wt.mT

    def of_rows(block: Any) -> Array:
        rest = library.matmul(W[:, block, :], H)
        rest -= A.rows(block)
        return library.inner(rest, rest)

    return library.sum_over_blocks(of_rows, m, height)
