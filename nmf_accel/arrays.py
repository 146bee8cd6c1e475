"""Arrays of the caller: checked on the way in, of the caller's library on the way out."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import numpy as np

from .backends import get, owner, probe
from .backends.base import Array, Backend
from .sparse import Sparse

HOST, CUDA = (1, 3), (2,)
"""Kinds of device in DLPack: memory that the CPU reads (plain, pinned), and that of NVIDIA GPUs."""


def is_sparse(A: Any) -> bool:
    """Whether `A` is a sparse matrix or array, of scipy, cupyx or pydata."""
    return hasattr(A, "tocsr")


def as_matrix(A: Any, name: str = "A") -> Array:
    """`A` as a 2-D array that some backend holds, or as a CSR matrix if it is sparse.

    Lists, frames and what else `numpy.asarray` takes become NumPy arrays. Arrays of other
    libraries are shared through DLPack, with NumPy or, on a GPU, with CuPy or JAX.
    """
    if is_sparse(A):
        A = _canonical(A)
    elif isinstance(A, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first, e.g. {name}.filled(0)")
    elif owner(A) is None:
        A = _shared(A, name) if hasattr(A, "__dlpack__") else np.asarray(A)
    if A.ndim != 2:
        raise ValueError(f"{name} must be a matrix (2-D), but its shape is {A.shape}")
    if 0 in A.shape:
        raise ValueError(f"{name} is empty: its shape is {A.shape}")
    return A


def _canonical(A: Any) -> Any:
    """`A` by rows, without duplicate entries or explicit zeros; `A` itself is left alone."""
    library = get(owner(A) or "numpy")
    with library.scope(A):
        return _without_zeros(A.tocsr())


def _without_zeros(csr: Any) -> Any:
    if csr.dtype.kind == "b":
        csr = csr.astype("float32")  # cupyx cannot eliminate zeros from booleans
    if not csr.has_canonical_format or (csr.data == 0).any():
        csr = csr.copy()
        csr.sum_duplicates()
        csr.eliminate_zeros()
    return csr


def _shared(A: Any, name: str) -> Array:
    """An array of a library that no backend stands for, seen from one that a backend does."""
    of = f"{name} is a {type(A).__module__}.{type(A).__name__}"
    try:
        kind = int(A.__dlpack_device__()[0])
        if kind in HOST:
            return np.from_dlpack(A)
        if kind in CUDA:
            for library in ("cupy", "jax"):
                if (found := probe(library)).usable and found.accelerated:
                    with get(library).scope():
                        return get(library).xp.from_dlpack(A)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{of} that cannot be shared through DLPack: {error}") from error
    raise TypeError(f"{of} on a device that no usable backend reaches; copy it to the CPU")


def give_back(x: Array, A: Any, backend: Backend) -> Array:
    """`x`, an array of `backend`, as one of the library of the caller's `A`, on its device."""
    if backend.owns(A) or isinstance(A, Sparse):
        return x
    if owner(A) is None and hasattr(A, "__dlpack__"):
        from array_api_compat import to_device  # late: importing nmf_accel loads NumPy alone

        library = sys.modules[type(A).__module__.partition(".")[0]]
        on_host = int(A.__dlpack_device__()[0]) in HOST
        if hasattr(library, "from_dlpack"):
            x = library.from_dlpack(backend.to_numpy(x) if on_host else x)
            return x if x.device == A.device else to_device(x, A.device)
    return backend.to_numpy(x)


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


def check_entries(backend: Backend, A: Array, name: str = "A", zero: bool = False) -> None:
    """Raise unless all entries are finite and >= 0 and, without `zero`, some are > 0.

    A sparse `A` is on the host or, like a dense one, on the device of the backend.
    """
    xp, entries = backend.xp, A.data if is_sparse(A) else A
    if entries.shape[0] == 0:
        low = high = 0.0  # a sparse matrix of zeros
    else:
        low, high = float(xp.min(entries)), float(xp.max(entries))  # NaN goes through both
    if low >= 0 and high < np.inf and (high > 0 or zero):
        return
    if low == high == 0:
        why = (
            "so there is nothing to factorize"
            if name == "A"
            else "and the updates never leave zero; start from positive entries"
        )
        raise ValueError(f"{name} is zero everywhere, {why}")
    for kind, wrong in (("NaN", xp.isnan), ("infinite", xp.isinf), ("negative", lambda x: x < 0)):
        where = np.argwhere(backend.to_numpy(wrong(entries)))
        if len(where):
            place = tuple(int(k) for k in where[0])
            first = _place(A, place[0]) if is_sparse(A) else place
            count = f"{len(where)} {kind} entr{'y' if len(where) == 1 else 'ies'}"
            raise ValueError(
                f"{name} has {count}, first at {first}: {float(entries[place])}; "
                f"NMF needs finite {name} >= 0"
            )


def _place(A: Any, k: int) -> tuple[int, int]:
    """Row and column of the k-th stored entry of a CSR matrix."""
    row = int((A.indptr <= k).sum()) - 1
    return row, int(A.indices[k])


def fingerprint(A: Any) -> str:
    """SHA-256 of shape, dtype and entries, to tell one matrix from another."""
    A = as_matrix(A)
    library = get(owner(A) or "numpy")
    arrays = [library.to_numpy(A.data if is_sparse(A) else A)]
    if is_sparse(A):
        arrays += [library.to_numpy(x).astype(np.int64) for x in (A.indices, A.indptr)]
    digest = hashlib.sha256(f"{A.shape} {arrays[0].dtype.str}".encode())
    for x in arrays:
        digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()
