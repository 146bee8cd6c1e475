"""A matrix made ready for the loop: checked, on its backend, without its zero rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import as_matrix, check_entries, is_sparse, working_dtype
from .backends import resolve
from .backends.base import Array, Backend, State
from .folded import Folded, Index, layers
from .measures import TRUSTED_DOWN_TO, Penalties, product, residual2, violation2
from .sparse import Sparse
from .starts import random_start, svd_start


@dataclass(frozen=True)
class Problem:
    """What the loop needs to know of A.

    A zero row of A makes the same row of W zero in the first iteration and for ever after, and
    a zero column the same column of H; they act on nothing but the Gram matrix of the start. So
    the loop runs on the other rows and columns alone, and `factors` puts the zeros back. (Where
    a component dies in the very first half-step of 'hals', they would act until it revives.)

    Attributes
    ----------
    backend : Backend
    A : (m', n') array of the backend, Folded or Sparse
        The data without its zero rows and columns; Folded has the others in an order of its own.
    shape : (int, int)
        (m, n), the shape of the data as given.
    rows, columns : index array or None
        The m' rows and n' columns that are kept, in A's order; None for all as they are.
    mean : float
        Mean of all m n entries.
    norm2 : float
        ‖A‖_F², summed in float64.
    """

    backend: Backend
    A: Array | Folded | Sparse
    shape: tuple[int, int]
    rows: Index | None
    columns: Index | None
    mean: float
    norm2: float

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return np.dtype(str(self.A.dtype).rpartition(".")[2])

    @property
    def entries(self) -> int:
        """How many entries of A a product goes through."""
        if isinstance(self.A, Sparse):
            return self.A.stored
        return self.A.distinct if isinstance(self.A, Folded) else math.prod(self.A.shape)

    @property
    def nbytes(self) -> int:
        """Memory that A takes."""
        # Sparse, at most twice, with an index of 4 bytes beside every entry.
        if isinstance(self.A, Sparse):
            return 2 * (self.dtype.itemsize + 4) * self.A.stored
        return self.dtype.itemsize * math.prod(self.A.shape)

    def draw(self, rank: int, seed: int, init: str) -> tuple[Array, Array]:
        """A start, W0 (m, d) and H0 (d, n), in float64 on the host."""
        if init == "random":
            return random_start(self.shape, rank, seed, self.mean)
        return svd_start(self._whole(), rank, seed, init)

    def _whole(self) -> Any:
        """All of A on the host, its zero rows and columns put back."""
        if isinstance(self.A, Sparse):
            return self.A.whole(self.rows, self.columns, self.shape)
        A = self.A.matrix if isinstance(self.A, Folded) else self.A
        A = _put_back(self.backend, A, self.columns, self.shape[1])
        return self.backend.to_numpy(_put_back(self.backend, A.T, self.rows, self.shape[0]).T)

    def start(self, W0: Array, H0: Array) -> State:
        """The loop's first state from starts W0 (R, m, d) and H0 (R, d, n), on host or device."""
        backend = self.backend
        W = backend.asarray(W0, self.A.dtype)
        H = backend.asarray(H0, self.A.dtype)
        Wt = W.mT
        WtW = backend.matmul(Wt, W)
        return _keep(backend, H, self.columns, -1), _keep(backend, Wt, self.rows, -1), WtW

    def error(self, W: Array, H: Array) -> NDArray[np.float64]:
        """‖A − W H‖_F of each run, W (R, m, d), H (R, d, n), over all rows and columns: (R,)."""
        backend, (kept_H, Wt, WtW) = self.backend, self.start(W, H)
        H = backend.asarray(H, self.A.dtype)
        everywhere = backend.inner(WtW, backend.matmul(H, H.mT))
        N = product(backend, kept_H, self.A.T)
        error2 = backend.to_numpy(self.norm2 - 2 * backend.inner(N, Wt) + everywhere)
        if (error2 < TRUSTED_DOWN_TO[self.dtype.name] * self.norm2).any():
            kept = backend.inner(backend.matmul(Wt, Wt.mT), backend.matmul(kept_H, kept_H.mT))
            rest = residual2(backend, self.A, Wt, kept_H) + (everywhere - kept)
            error2 = backend.to_numpy(rest)
        return np.sqrt(np.maximum(np.asarray(error2, dtype=np.float64), 0))

    def correlate(self, W: Array) -> Array:
        """WᵀA of each run, W (R, m, d), over all columns: (R, d, n)."""
        backend = self.backend
        Wt = _keep(backend, backend.asarray(W, self.A.dtype).mT, self.rows, -1)
        return _put_back(backend, product(backend, Wt, self.A), self.columns, self.shape[1])

    def violation(self, W: Array, H: Array, penalties: Penalties) -> NDArray[np.float64]:
        """KKT residual at W (R, m, d), H (R, d, n), over the zero rows and columns too: (R,)."""
        backend, (kept_H, _, WtW) = self.backend, self.start(W, H)
        Wt, H = (backend.asarray(x, self.A.dtype) for x in (W.mT, H))
        M = self.correlate(W)
        N = _put_back(backend, product(backend, kept_H, self.A.T), self.rows, self.shape[0])
        of_H, of_W = penalties or (None, None)
        kkt2 = violation2(backend, H, M, WtW, of_H)
        kkt2 = kkt2 + violation2(backend, Wt, N, backend.matmul(H, H.mT), of_W)
        return np.sqrt(np.asarray(backend.to_numpy(kkt2), dtype=np.float64))

    def factors(self, state: State) -> tuple[Array, Array]:
        """W (R, m, d) and H (R, d, n) of a state, on the device."""
        H, Wt, _ = state
        H = _put_back(self.backend, H, self.columns, self.shape[1])
        Wt = _put_back(self.backend, Wt, self.rows, self.shape[0])
        return Wt.mT, H


def prepare(
    A: Any,
    dtype: Any = None,
    backend: str | None = None,
    *,
    zero: bool = False,
    drop: bool = True,
    fold: bool = True,
    name: str = "A",
) -> Problem:
    """Check `A`, choose its backend and dtype, and move it there.

    `zero` allows it to be zero everywhere. `drop` leaves out its zero rows and columns, and `fold`
    multiplies equal ones once where the backend wants that.

    Raises
    ------
    ValueError, TypeError
        If A is not a real, finite, non-negative matrix with, unless `zero`, a non-zero entry.
    nmf_accel.BackendError
        If the backend cannot run here, or A is sparse and it takes no sparse matrices.
    """
    A = as_matrix(A, name)
    sparse = is_sparse(A)
    chosen = resolve(backend, A, sparse)
    dtype = working_dtype(A.dtype, dtype, name)
    here = chosen if chosen.owns(A) else resolve("numpy")
    with chosen.scope(A):
        # Checked where the data lies, so that only what the loop needs is moved.
        A = A.astype(dtype) if sparse else here.asarray(A, dtype)
        check_entries(here, A, name, zero)
        entries = A.data if sparse else A
        mean = float(here.xp.sum(entries, dtype=here.xp.float64)) / (A.shape[0] * A.shape[1])
        shape, (rows, columns) = A.shape, _nonzero(here, A) if drop else (None, None)
        if sparse:
            A = A if rows is None else A[here.xp.asarray(rows)]
            A = A if columns is None else A[:, here.xp.asarray(columns)]
            A = Sparse(*chosen.sparse(A))
            norm2 = float(here.xp.sum(here.xp.square(entries), dtype=here.xp.float64))
        else:
            folds = fold and chosen.folds
            rows, down = layers(A, rows) if folds else (rows, ())
            columns, across = layers(A.T, columns) if folds else (columns, ())
            A = chosen.asarray(_keep(here, _keep(here, A, rows, 0), columns, 1), dtype)
            norm2 = float(chosen.inner(A, A))
            A = Folded(A, down, across) if len(down) + len(across) > 2 else A
    if not np.isfinite(norm2) or (mean > 0 and norm2 == 0):
        what = "underflow" if norm2 == 0 else "overflow"
        raise ValueError(
            f"the squares of {name}'s entries {what} {dtype.name}; divide {name} by its maximum"
        )
    return Problem(chosen, A, shape, rows, columns, mean, norm2)


def _nonzero(backend: Backend, A: Array) -> tuple[Index | None, Index | None]:
    """Indices of the rows and columns that are not zero everywhere; None for all of them."""
    found: list[Index | None] = []
    for axis, size in enumerate(A.shape):
        if is_sparse(A):
            places = backend.to_numpy(A.indices if axis else A.indptr)
            stored = np.bincount(places, minlength=size) if axis else np.diff(places)
            index = np.flatnonzero(stored)
        else:
            index = np.flatnonzero(backend.to_numpy(backend.xp.max(A, axis=1 - axis)))
        found.append(None if index.size == size else index)
    return found[0], found[1]


def _keep(backend: Backend, x: Array, index: Index | None, axis: int) -> Array:
    """The slices of `x` at `index` along `axis`."""
    if index is None:
        return x
    return backend.xp.take(x, backend.xp.asarray(index), axis=axis)


def _put_back(backend: Backend, x: Array, index: Index | None, size: int) -> Array:
    """Undo `_keep` along the last axis, with zeros in between."""
    if index is None:
        return x
    xp = backend.xp
    source = np.full(size, index.size)
    source[index] = np.arange(index.size)
    zero = xp.zeros((*x.shape[:-1], 1), dtype=x.dtype)
    return xp.take(xp.concat([x, zero], axis=-1), xp.asarray(source), axis=-1)
