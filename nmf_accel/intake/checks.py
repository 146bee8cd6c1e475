"""Whether a matrix can be factorized: its dtype, and its entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..labels import NAMELESS, Labels
from ..losses import Loss
from ..matrices import Raw, RawDense, RawSparse
from ..types import Array, Library


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


def is_number(x: Any) -> bool:
    """Whether a float can be made of a number; of an integer beyond 1.8e308 none can."""
    if not isinstance(x, (int, float, np.number)) or np.iscomplexobj(x):
        return False
    try:
        float(x)
    except OverflowError:
        return False
    return True


CURES = {("A", "NaN"): "missing=np.nan (--missing nan) leaves them out"}
"""What to do about entries of a dense matrix, by its name and what is wrong with them."""


def check_entries(A: Raw, name: str = "A", zero: str = "", labels: Labels = NAMELESS) -> None:
    """Raise unless all entries are finite and >= 0 and some are > 0.

    A matrix that is zero everywhere passes if `zero` is empty; else that says why it may not. The
    first entry that is wrong is called by its place and the `labels` there.
    """
    library, entries = A.library, A.stored
    if entries.shape[0] == 0:
        low = high = 0.0  # a sparse matrix of zeros
    else:
        low, high = map(float, library.kernel("extremes", extremes)(library, entries))
    if low == high == 0 and zero:
        raise ValueError(f"{name} is zero everywhere, {zero}")
    if not (low >= 0 and high < np.inf):
        _name_the_first(A, name, labels)


def extremes(library: Library, entries: Array) -> tuple[Array, Array]:
    """The least entry and the largest; NaN if there is one."""
    return library.xp.min(entries), library.xp.max(entries)


def _name_the_first(A: Raw, name: str, labels: Labels) -> None:
    """Raise for the first entry that is wrong, if there is one."""
    xp, entries = A.library.xp, A.stored
    for kind, wrong in (("NaN", xp.isnan), ("infinite", xp.isinf), ("negative", lambda x: x < 0)):
        found = wrong(entries)
        if count := counted(A.library, found):
            index = first_true(A.library, found)
            place = labels.place(*A.place(index))
            cure = CURES.get((name, kind)) if isinstance(A, RawDense) else None
            raise ValueError(
                f"{name} has {count} {kind} {entries_are(count)}, first at {place}: "
                f"{float(entries[index])}; "
                f"NMF needs finite {name} >= 0" + (f"; {cure}" if cure else "")
            )


def entries_are(count: int) -> str:
    """The word, of so many."""
    return "entry" if count == 1 else "entries"


def counted(library: Library, found: Array) -> int:
    """How many of a boolean array are true."""
    xp = library.xp
    return int(xp.sum(xp.astype(found, xp.uint8), dtype=xp.int64))


def first_true(library: Library, found: Array) -> tuple[int, ...]:
    """The first place where a boolean array is true, which it is somewhere.

    Found where the array is: all of it would not go to the host where several machines share it.
    """
    xp, index = library.xp, []
    while found.ndim > 1:
        lines = xp.any(xp.reshape(found, (found.shape[0], -1)), axis=1)
        index.append(int(xp.argmax(xp.astype(lines, xp.int8))))
        found = found[index[-1], ...]
    return (*index, int(xp.argmax(xp.astype(found, xp.int8))))


def check_for(
    objective: Loss, A: Raw, name: str, weights: Any = None, labels: Labels = NAMELESS
) -> None:
    """Raise unless a loss is finite for the entries of a matrix, and takes its kind.

    Raises
    ------
    ValueError, TypeError
        Naming the first entry that is wrong, and what to do.
    """
    if isinstance(A, RawSparse) and weights is None and not objective.takes_sparse:
        raise TypeError(
            f"{name} is sparse, which {objective} does not take; pass {name}.toarray(), or take "
            "loss='frobenius'"
        )
    if not objective.positive or (weights is None and float(A.library.xp.min(A.stored)) > 0):
        return
    zero = ~(A.stored > 0)
    zero = zero if weights is None else zero & (weights > 0)
    if count := counted(A.library, zero):
        index = first_true(A.library, zero)
        raise ValueError(
            f"{name} has {count} zero {entries_are(count)}, first at "
            f"{labels.place(*A.place(index))}, where {objective} is infinite; add something small "
            f"to all of it, e.g. {name} + 1e-3 * {name}.mean(), or take loss='kullback-leibler'"
        )
