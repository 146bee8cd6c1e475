"""A matrix made ready for the loop: checked, on its backend, without its zero rows and columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends import get, owner, resolve
from .backends.base import Array, Backend, State
from .starts import random_start, svd_start

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Problem:
    """What the loop needs to know of A.

    A zero row of A makes the same row of W zero in the first iteration and for ever after, and
    a zero column the same column of H; they act on nothing but the Gram matrix of the start. So
    the loop runs on the other rows and columns alone, and `factors` puts the zeros back.

    Attributes
    ----------
    backend : Backend
    A : (m', n') array of the backend
        The data without its zero rows and columns.
    shape : (int, int)
        (m, n), the shape of the data as given.
    rows, columns : index array or None
        The m' rows and n' columns that are kept; None for all.
    mean : float
        Mean of all m n entries.
    norm2 : float
        ‖A‖_F², summed in float64.
    """

    backend: Backend
    A: Array
    shape: tuple[int, int]
    rows: Index | None
    columns: Index | None
    mean: float
    norm2: float

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return np.dtype(str(self.A.dtype).rpartition(".")[2])

    def draw(self, rank: int, seed: int, init: str) -> tuple[Array, Array]:
        """A start, W0 (m, d) and H0 (d, n), in float64 on the host."""
        if init == "random":
            return random_start(self.shape, rank, seed, self.mean)
        A = _put_back(self.backend, self.A, self.columns, self.shape[1])
        A = _put_back(self.backend, A.mT, self.rows, self.shape[0]).mT
        return svd_start(self.backend.to_numpy(A), rank, seed, init)

    def start(self, W0: Array, H0: Array) -> State:
        """The loop's first state from starts W0 (R, m, d) and H0 (R, d, n), on host or device."""
        backend = self.backend
        W = backend.asarray(W0, self.A.dtype)
        H = backend.asarray(H0, self.A.dtype)
        Wt = W.mT
        WtW = backend.matmul(Wt, W)
        return _keep(backend, H, self.columns, -1), _keep(backend, Wt, self.rows, -1), WtW

    def start_error(self, W0: Array, H0: Array) -> NDArray[np.float64]:
        """‖A − W0 H0‖_F of each run, over the zero rows and columns too: (R,)."""
        backend, (H, Wt, WtW) = self.backend, self.start(W0, H0)
        H0 = backend.asarray(H0, self.A.dtype)
        everywhere = backend.inner(WtW, backend.matmul(H0, H0.mT))
        kept = backend.inner(backend.matmul(Wt, Wt.mT), backend.matmul(H, H.mT))
        error2 = residual2(backend, self.A, Wt, H) + (everywhere - kept)
        return np.sqrt(np.asarray(backend.to_numpy(error2), dtype=np.float64))

    def violation(self, W: Array, H: Array) -> NDArray[np.float64]:
        """KKT residual at W (R, m, d), H (R, d, n), over the zero rows and columns too: (R,)."""
        backend, (kept_H, kept_Wt, WtW) = self.backend, self.start(W, H)
        Wt, H = (backend.asarray(x, self.A.dtype) for x in (W.mT, H))
        M = _put_back(backend, backend.matmul(kept_Wt, self.A), self.columns, self.shape[1])
        N = _put_back(backend, backend.matmul(kept_H, self.A.mT), self.rows, self.shape[0])
        kkt2 = violation2(backend, H, M, WtW)
        kkt2 = kkt2 + violation2(backend, Wt, N, backend.matmul(H, H.mT))
        return np.sqrt(np.asarray(backend.to_numpy(kkt2), dtype=np.float64))

    def factors(self, state: State) -> tuple[Array, Array]:
        """W (R, m, d) and H (R, d, n) of a state, on the device."""
        H, Wt, _ = state
        H = _put_back(self.backend, H, self.columns, self.shape[1])
        Wt = _put_back(self.backend, Wt, self.rows, self.shape[0])
        return Wt.mT, H


def prepare(A: Any, dtype: Any = None, backend: str | None = None) -> Problem:
    """Check `A`, choose its backend and dtype, move it there.

    Raises
    ------
    ValueError, TypeError
        If A is not a real, finite, non-negative matrix with a non-zero entry.
    """
    A = as_matrix(A)
    chosen = resolve(backend, A)
    dtype = working_dtype(A.dtype, dtype)
    here = chosen if chosen.owns(A) else resolve("numpy")
    with chosen.scope(A):
        # Checked where the data lies, so that only what the loop needs is moved.
        A = here.asarray(A, dtype)
        check_entries(here, A)
        shape = A.shape
        rows, columns = (_nonzero(here, here.xp.max(A, axis=axis)) for axis in (1, 0))
        mean = float(here.xp.sum(A, dtype=here.xp.float64)) / (shape[0] * shape[1])
        A = chosen.asarray(_keep(here, _keep(here, A, rows, 0), columns, 1), dtype)
        norm2 = float(chosen.inner(A, A))
    if not np.isfinite(norm2):
        raise ValueError(
            f"the squares of A's entries overflow {dtype.name}; divide A by its maximum"
        )
    return Problem(chosen, A, shape, rows, columns, mean, norm2)


def fingerprint(x: Array) -> str:
    """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
    library = owner(x)
    host = np.asarray(x) if library is None else get(library).to_numpy(x)
    digest = hashlib.sha256(f"{host.shape} {host.dtype.str}".encode())
    digest.update(np.ascontiguousarray(host).data)
    return digest.hexdigest()


def as_matrix(A: Any, name: str = "A") -> Array:
    """`A` as a 2-D array of a library that some backend holds; lists and frames become NumPy's."""
    from array_api_compat import is_array_api_obj  # late: importing nmf_accel loads NumPy alone

    if hasattr(A, "tocsr") or type(A).__module__.split(".")[0] == "sparse":
        raise TypeError(
            f"{name} is sparse ({type(A).__name__}), which is not supported; "
            f"pass {name}.toarray() if it fits in memory"
        )
    if isinstance(A, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first, e.g. {name}.filled(0)")
    if not is_array_api_obj(A):
        A = np.asarray(A)
    elif owner(A) is None:
        raise TypeError(
            f"{name} is a {type(A).__module__}.{type(A).__name__}, which no backend holds; "
            f"pass a NumPy, CuPy or JAX array, e.g. numpy.asarray({name})"
        )
    if A.ndim != 2:
        raise ValueError(f"{name} must be a matrix (2-D), but its shape is {A.shape}")
    if 0 in A.shape:
        raise ValueError(f"{name} is empty: its shape is {A.shape}")
    return A


def working_dtype(given: Any, asked: Any, of: str = "A") -> np.dtype[Any]:
    """The dtype to compute in: as asked, else float32 for float16 and float32, else float64."""
    name = str(getattr(given, "name", given)).rpartition(".")[2]
    if name.startswith("complex"):
        raise TypeError(f"{of} is {name}; NMF needs real numbers, so pass abs({of}) or {of}.real")
    if not name.startswith(("float", "int", "uint", "bool", "bfloat")):
        raise TypeError(f"{of} has dtype {given}; NMF needs real numbers, e.g. {of}.astype(float)")
    if asked is None:
        return np.dtype("float32" if name in ("float16", "bfloat16", "float32") else "float64")
    try:
        dtype: np.dtype[Any] | None = np.dtype(asked)
    except TypeError:
        dtype = None
    if dtype is None or dtype.name not in ("float32", "float64"):
        raise ValueError(f"dtype is {asked!r}; it must be 'float32' or 'float64'")
    return dtype


def check_entries(backend: Backend, A: Array, name: str = "A") -> None:
    """Raise unless all entries are finite and >= 0 and some are > 0."""
    xp = backend.xp
    low, high = float(xp.min(A)), float(xp.max(A))  # NaN goes through both
    if low >= 0 and 0 < high < np.inf:
        return
    if low == high == 0:
        why = (
            "so there is nothing to factorize"
            if name == "A"
            else "and the updates never leave zero; start from positive entries"
        )
        raise ValueError(f"{name} is zero everywhere, {why}")
    for kind, wrong in (("NaN", xp.isnan), ("infinite", xp.isinf), ("negative", lambda x: x < 0)):
        where = np.argwhere(backend.to_numpy(wrong(A)))
        if len(where):
            first = tuple(int(k) for k in where[0])
            count = f"{len(where)} {kind} entr{'y' if len(where) == 1 else 'ies'}"
            raise ValueError(
                f"{name} has {count}, first at {first}: {float(A[first])}; "
                f"NMF needs finite {name} >= 0"
            )


def residual2(backend: Backend, A: Array, Wt: Array, H: Array) -> Array:
    """‖A − W H‖² of each run, computed directly, in blocks of rows to spare memory."""
    runs = Wt.shape[0]
    m, n = A.shape
    # 2**18 entries at a time stay in cache; at most 32 blocks keep a compiled loop short.
    height = max(2**18 // (runs * n), -(-m // 32), 1)
    W = Wt.mT
    total = 0.0
    for k in range(0, m, height):
        block = slice(k, min(k + height, m))
        rest = backend.matmul(W[:, block, :], H)
        rest -= A[block, :]
        total = total + backend.inner(rest, rest)
    return total


def violation2(backend: Backend, X: Array, N: Array, G: Array) -> Array:
    """Squared norm of the projected gradient with respect to X, of each run.

    The entries of G X − N that the KKT conditions want to be zero: all but those that are
    positive where X is zero (Kim & Park 2008, section 5; Lin 2007, eq. 12).
    """
    gradient = backend.matmul(G, X) - N
    # Compilers flush what is smaller than a normal number to zero; libraries do not.
    smallest = float(backend.xp.finfo(X.dtype).smallest_normal)
    wrong = (smallest <= X) | (gradient < 0)
    gradient = backend.xp.where(wrong, gradient, backend.xp.zeros_like(gradient))
    return backend.inner(gradient, gradient)


def _nonzero(backend: Backend, largest: Array) -> Index | None:
    """Indices of the non-zero entries of a vector; None if that is all of them."""
    index = np.flatnonzero(backend.to_numpy(largest))
    return None if index.size == largest.shape[0] else index


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
