"""What the caller passed: asked once what it is, so that results go back alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, get, owner
from ..backends.exchange import back, is_foreign, shared
from ..matrices import Raw, RawDense, RawSparse, is_sparse
from ..options import choice
from ..types import Array

ZEROS = choice("zero", "What a sparse matrix does not store.", ("zero", "missing"))
UNKNOWN = choice(
    "refuse",
    "A row or column of which nothing is known: refuse, or hold at zero.",
    ("refuse", "zero"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Given:
    """A matrix as the caller passed it.

    Attributes
    ----------
    passed : object
        Itself.
    name : str
        What it is called in messages.
    missing : float, optional
        The entry, NaN or a number, that stands for one that is not known.
    weights : (m, n) array, optional
        Of its entries: numbers, or whether an entry is known.
    zeros : {'zero', 'missing'}
        What the entries are that a sparse matrix does not store.
    unknown : {'refuse', 'zero'}
        What becomes of a row or a column of which nothing is known.
    """

    passed: Any
    name: str = "A"
    missing: float | None = None
    weights: Any = None
    zeros: str = "zero"
    unknown: str = "refuse"

    @cached_property
    def library(self) -> str | None:
        """The backend that stands for its library, if there is one."""
        return owner(self.passed)

    @cached_property
    def foreign(self) -> bool:
        """Whether it is an array of another library that speaks DLPack."""
        return self.library is None and is_foreign(self.passed)

    @cached_property
    def kind(self) -> type[RawDense] | type[RawSparse]:
        """Its kind as a matrix."""
        return RawSparse if is_sparse(self.passed) else RawDense

    def raw(self) -> Raw:
        """It as a matrix of a library that a backend stands for, sharing memory where it can.

        Lists, frames and what else `numpy.asarray` takes become NumPy arrays. Arrays of other
        libraries are shared through DLPack, with NumPy or, on a GPU, with CuPy or JAX. Made anew
        at each call, since it may be a copy that nobody needs for long.

        Raises
        ------
        TypeError, ValueError
            If it is no matrix, or is empty.
        """
        name, passed = self.name, self.passed
        home = get(self.library or "numpy")
        if self.kind is RawSparse:
            array: Any = _canonical(passed, home, keep_zeros=self.zeros == "missing")
        elif isinstance(passed, np.ma.MaskedArray):
            array = passed.filled(0)
        elif self.foreign:
            array = shared(passed, name)
            home = get(owner(array) or "numpy")
        else:
            array = np.asarray(passed) if self.library is None else passed
        if array.ndim != 2:
            raise ValueError(f"{name} must be a matrix (2-D), but its shape is {array.shape}")
        if 0 in array.shape:
            raise ValueError(f"{name} is empty: its shape is {array.shape}")
        if self.kind is RawSparse:
            # Where nothing was taken out, it is also what some products will go through.
            same = (array.nnz, array.dtype) == (passed.nnz, passed.dtype)
            whole = same and getattr(passed, "format", "") == "csc"
            return RawSparse(array, home, passed if whole else None)
        return RawDense(array, home)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
        raw, weights = weighed(self)
        arrays = [raw.library.to_numpy(x) for x in raw.parts()]
        arrays += [] if weights is None else [np.asarray(raw.library.to_numpy(weights))]
        digest = hashlib.sha256(f"{raw.shape} {arrays[0].dtype.str}".encode())
        for x in arrays:
            digest.update(np.ascontiguousarray(x).data)
        return digest.hexdigest()

    def completed(self, product: NDArray[Any]) -> NDArray[Any]:
        """It, with the entries of a product where it is not known."""
        raw, weights = weighed(self)
        library = raw.library
        if isinstance(raw, RawSparse) and weights is not None:
            known = (raw.csr.get() if hasattr(raw.csr, "get") else raw.csr).tocoo()
            completed = product.copy()
            completed[known.row, known.col] = known.data
            return completed
        A = raw.csr.toarray() if isinstance(raw, RawSparse) else raw.stored
        A = library.to_numpy(A)
        return A if weights is None else np.where(library.to_numpy(weights) > 0, A, product)

    def give_back(self, x: Array, backend: Backend) -> Any:
        """`x`, an array of `backend`, as one of the library of what was passed, on its device."""
        if backend.owns(self.passed):
            return x
        return back(x, self.passed, backend) if self.foreign else backend.to_numpy(x)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.kind.kind}, of {self.library or type(self.passed).__name__}>"


def _canonical(A: Any, home: Backend, *, keep_zeros: bool = False) -> Any:
    """`A` by rows, without duplicate entries or explicit zeros; `A` itself is left alone."""
    with home.scope(A):
        csr = A.tocsr()
        if csr.dtype.kind == "b":
            csr = csr.astype("float32")  # cupyx cannot eliminate zeros from booleans
        zeros = not keep_zeros and bool((csr.data == 0).any())
        if not csr.has_canonical_format or zeros:
            csr = csr.copy()
            csr.sum_duplicates()
            if zeros:
                csr.eliminate_zeros()
        return csr


def fingerprint(A: Any) -> str:
    """SHA-256 of shape, dtype and entries of a matrix, to tell one from another."""
    return Given(A).fingerprint


def weighed(given: Given) -> tuple[Raw, Any]:
    """A matrix, with zeros where it is not known, and the weights of its entries, if they differ.

    One number is the weight of all entries that are stored.

    Raises
    ------
    TypeError, ValueError
        If the weights are not finite and non-negative, or have another shape; if it is sparse.
    """
    raw, name, passed = given.raw(), given.name, given.passed
    if ZEROS.checked("zeros", given.zeros) == "missing":
        return _observed(given, raw), 1.0
    masked = np.ma.getmask(passed) if isinstance(passed, np.ma.MaskedArray) else np.ma.nomask
    missing = given.missing
    if not isinstance(missing, (int, float, np.number, type(None))):
        raise TypeError(f"missing is {missing!r}; it must be a number, such as NaN")
    if missing is None and given.weights is None and masked is np.ma.nomask:
        return raw, None
    if isinstance(raw, RawSparse):
        raise TypeError(
            f"{name} is sparse, and takes no weights; with zeros='missing' only what it stores is "
            "known"
        )
    library, xp = raw.library, raw.library.xp
    A: Any = raw.stored
    with get(owner(A) or "numpy").scope(A):
        M: Any = xp.ones(A.shape, dtype=xp.float64)
        if given.weights is not None:
            M = library.asarray(_checked_weights(given.weights, A.shape, name), "float64")
        if masked is not np.ma.nomask:
            M = M * ~np.asarray(masked)
        if missing is not None:
            unknown = xp.isnan(A) if np.isnan(missing) else missing == A
            M = xp.where(unknown, xp.zeros_like(M), M)
        if given.weights is None and bool(xp.all(M > 0)):
            return raw, None
        A = xp.where(M > 0, A, xp.zeros_like(A))
    return RawDense(A, library), M


def _observed(given: Given, raw: Raw) -> Raw:
    """A sparse matrix of which only the entries that it stores are known."""
    name = given.name
    if not isinstance(raw, RawSparse):
        raise TypeError(
            f"zeros is 'missing', but {name} is dense; say what is missing by missing= or weights="
        )
    if given.missing is not None or given.weights is not None:
        raise TypeError("zeros is 'missing', which goes with neither missing= nor weights=")
    return raw


def _checked_weights(weights: Any, shape: tuple[int, ...], name: str) -> Any:
    """The weights on the host or where they are, or what is wrong with them."""
    raw = Given(weights, "weights").raw()
    if isinstance(raw, RawSparse):
        raise TypeError("weights are sparse; pass weights.toarray()")
    if raw.shape != tuple(shape):
        raise ValueError(f"weights have shape {raw.shape}; they must have {name}'s, {tuple(shape)}")
    M = raw.library.to_numpy(raw.stored).astype(float)
    wrong = np.argwhere(~((M >= 0) & np.isfinite(M)))
    if len(wrong):
        where = tuple(int(k) for k in wrong[0])
        raise ValueError(f"weights are {M[where]} at {where}; they must be finite and >= 0")
    return M
