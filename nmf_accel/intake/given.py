"""What the caller passed: asked once what it is, so that results go back alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, get, owner
from ..backends.exchange import back, is_foreign
from ..labels import Labelled, Labels, Party, component_names, labelled, order_like
from ..matrices import Frame, Raw, RawDense, RawSparse, Side
from ..options import choice
from ..results import Factorization
from ..types import Array, Index, once
from .checks import first_true, is_number
from .raws import as_raw

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
    beside : Given, optional
        The matrix that it goes with, in whose order its rows and columns are taken, by their names.
    shares : tuple of int
        Along which axes that is: W has the rows of A (0), H its columns (1).
    """

    passed: Any
    name: str = "A"
    missing: float | None = None
    weights: Any = None
    zeros: str = "zero"
    unknown: str = "refuse"
    beside: Given | None = None
    shares: tuple[int, ...] = (0, 1)

    @once
    def labelled(self) -> Labelled:
        """What it is in its library, and its names."""
        return labelled(self.passed, self.shares)

    @property
    def labels(self) -> Labels:
        """The names of its rows and columns, in the orders in which they are taken."""
        sides = zip(self.labelled.labels, self.orders, strict=True)
        return Labels(*(x if x is None or order is None else x[order] for x, order in sides))

    @property
    def like(self) -> Any:
        """The array itself, where it is one: what is given back is like that."""
        return self.labelled.like

    @once
    def library(self) -> str | None:
        """The backend that stands for its library, if there is one."""
        return owner(self.like)

    @once
    def foreign(self) -> bool:
        """Whether it is an array of another library that speaks DLPack."""
        return self.library is None and is_foreign(self.like)

    @once
    def kind(self) -> type[RawDense] | type[RawSparse]:
        """Its kind as a matrix."""
        return RawSparse if self.labelled.sparse else RawDense

    @once
    def weighing(self) -> Given:
        """Its weights, in its order."""
        return Given(self.weights, "weights", beside=self)

    @once
    def orders(self) -> tuple[Index | None, Index | None]:
        """In which orders its rows and columns are taken; None as they are.

        Raises
        ------
        ValueError
            If they have other names than those of the matrix that it goes with.

        Warns
        -----
        UserWarning
            If they are put into another order.
        """
        if self.beside is None:
            return None, None
        like, own = (Party(x.name, x.labelled) for x in (self.beside, self))
        rows, columns = (
            order_like(like, own, axis) if axis in self.shares else None for axis in (0, 1)
        )
        return rows, columns

    @property
    def moved(self) -> bool:
        """Whether its rows or columns are taken in another order."""
        return any(order is not None for order in self.orders)

    def raw(self) -> Raw:
        """It as a matrix of a library that a backend stands for, sharing memory where it can.

        Lists and what else `numpy.asarray` takes become NumPy arrays; labelled matrices become
        what they hold, transposed where their samples are rows. Arrays of other libraries are
        shared through DLPack, with NumPy or, on a GPU, another library. Made anew at each call,
        since it may be a copy that nobody needs for long.

        Raises
        ------
        TypeError, ValueError
            If it is no matrix, or is empty.
        """
        matrix, keep_zeros = self.labelled.matrix(self.name), self.zeros == "missing"
        raw = as_raw(self.name, matrix, self.shares, keep_zeros=keep_zeros)
        if not self.moved:
            return raw
        return raw.cut(Frame(*map(Side, raw.shape, self.orders)))

    @property
    def in_order(self) -> Any:
        """It as it was passed; where it is in another order, or a part of it, an array."""
        taken = self.moved or self.labelled.passed is not self.passed
        return self.raw().stored if taken else self.passed

    @once
    def fingerprint(self) -> str:
        """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
        raw, weights = weighed(self)
        arrays = [raw.library.to_numpy(x) for x in raw.parts()]
        arrays += [] if weights is None else [np.asarray(raw.library.to_numpy(weights))]
        digest = hashlib.sha256(f"{raw.shape} {arrays[0].dtype.str}".encode())
        for x in arrays:
            digest.update(np.ascontiguousarray(x).data)
        return digest.hexdigest()

    def completed(self, product: NDArray[Any]) -> Any:
        """It, with the entries of a product where it is not known; of its kind."""
        kind = self.labelled
        return kind.build(self._completed(product), kind.rows, kind.columns)

    def _completed(self, product: NDArray[Any]) -> NDArray[Any]:
        """The same as an array."""
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
        if backend.owns(self.like):
            return backend.give_back(x, self.like)
        return back(x, self.like, backend) if self.foreign else backend.to_numpy(x)

    def as_H(self, H: Array, backend: Backend, known: Any = None) -> Any:
        """H (d, n), an array of `backend`, as a matrix of its kind; see `dress`."""
        names = component_names(H.shape[0], known).tolist()
        above, _ = self.labelled.components(names)
        return self.labelled.build(self.give_back(H, backend), above, self.labelled.columns)

    def dress(self, result: Factorization, backend: Backend, known: Any = None) -> Factorization:
        """A factorization of it, of arrays of `backend`, with factors of its kind and its names.

        `known` are the names of the first components, if they have any.
        """
        names, kind = component_names(result.rank, known), self.labelled
        above, beside = kind.components(names.tolist())
        W = kind.build(self.give_back(result.W, backend), kind.rows, beside)
        H = kind.build(self.give_back(result.H, backend), above, kind.columns)
        taken = {"taken": kind.taken} if kind.taken else {}
        return replace(
            result,
            W=W,
            H=H,
            features=self.labels.features,
            samples=self.labels.samples,
            components=None if known is None else names,
            settings={**result.settings, **taken},
        )

    def __repr__(self) -> str:
        return f"<{self.name}: {self.kind.kind}, of {self.library or type(self.passed).__name__}>"


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
    raw, name, passed = given.raw(), given.name, given.like
    UNKNOWN.checked("unknown", given.unknown)
    if ZEROS.checked("zeros", given.zeros) == "missing":
        return _observed(given, raw), 1.0
    masked = np.ma.getmask(passed) if isinstance(passed, np.ma.MaskedArray) else np.ma.nomask
    missing = given.missing
    if missing is not None and not is_number(missing):
        raise TypeError(f"missing is {missing!r}; it must be a number, such as NaN")
    if missing is None and given.weights is None and masked is np.ma.nomask:
        return raw, None
    if isinstance(raw, RawSparse):
        raise TypeError(
            f"{name} is sparse, and takes no weights; with zeros='missing' only what it stores is "
            "known"
        )
    A: Any = raw.stored
    home = get(owner(A) or "numpy")
    xp = home.xp
    with home.scope(A):
        M: Any = xp.ones_like(A, dtype=xp.float64)
        if given.weights is not None:
            M = _checked_weights(given, A.shape, home)
        if masked is not np.ma.nomask:
            M = M * ~np.asarray(masked)
        if missing is not None:
            unknown = xp.isnan(A) if np.isnan(float(missing)) else missing == A
            M = xp.where(unknown, xp.zeros_like(M), M)
        if given.weights is None and bool(xp.all(M > 0)):
            return raw, None
        A = xp.where(M > 0, A, xp.zeros_like(A))
    return RawDense(A, home), M


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


def _checked_weights(given: Given, shape: tuple[int, ...], home: Backend) -> Any:
    """The weights in float64 where the matrix is, or what is wrong with them."""
    raw = given.weighing.raw()
    if isinstance(raw, RawSparse):
        raise TypeError("weights are sparse; pass weights.toarray()")
    if raw.shape != tuple(shape):
        raise ValueError(
            f"weights have shape {raw.shape}; they must have {given.name}'s, {tuple(shape)}"
        )
    library, xp = raw.library, raw.library.xp
    with get(owner(raw.stored) or "numpy").scope(raw.stored):
        M: Any = raw.astype(np.dtype("float64")).stored
        wrong = ~((M >= 0) & xp.isfinite(M))
        if bool(xp.any(wrong)):
            row, column = first_true(library, wrong)
            place = given.labels.place(row, column)
            raise ValueError(
                f"weights are {float(M[row, column])} at {place}; they must be finite and >= 0"
            )
    own = raw if library is home else RawDense(library.to_numpy(M), get("numpy"))
    there: Any = home.matrix(own.astype(np.dtype("float64")))
    return there.array
