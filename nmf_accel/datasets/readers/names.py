"""Names of rows and columns that files give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..dataset import Names
from .held import Held, in_short
from .limits import check_growth

BESIDE = ("features", "genes"), ("samples", "cells")
"""What arrays of names are called that lie beside a matrix, of its rows and its columns."""
TEXT = "USOT"
"""Kinds of dtypes that text has; HDF5 and zarr have it as objects too."""
CHARACTER = np.dtype("U1").itemsize


def as_names(path: Path, names: Iterable[str], packed: int | None = None) -> Names:
    """An array of names, unless one is so long that all together would fill the memory.

    Raises
    ------
    ValueError
        If they would.
    """
    names = list(names)
    check_growth(path, CHARACTER * max(map(len, names), default=0) * len(names), packed)
    return np.array(names, dtype=str)


def names_beside(
    matrix: str, held: Mapping[str, Held]
) -> tuple[tuple[str | None, str | None], tuple[str, ...]]:
    """Which arrays of a file are names of the rows and columns of one of them.

    Returns
    -------
    (str or None, str or None)
        The arrays of names: of the rows, of the columns.
    said : tuple of str
        That they were taken, or are of another length.
    """
    group = matrix.rpartition("/")[0]
    found: list[str | None] = [None, None]
    others = []
    for side, called in enumerate(BESIDE):
        paths = (f"{group}/{name}".lstrip("/") for name in called)
        there = [x for x in paths if x in held and held[x].dtype.kind in TEXT]
        fitting = [x for x in there if held[x].shape == (held[matrix].shape[side],)]
        found[side] = fitting[0] if fitting else None
        others += [x for x in there if x not in fitting]
    taken = [x for x in found if x]
    said = [f"names by {', '.join(taken)}"] if taken else []
    if others:
        said.append(f"not taken for names, by their length: {', '.join(others)}")
    return (found[0], found[1]), tuple(said)


def doubled(what: str, names: Names | None) -> tuple[str, ...]:
    """What is to be said of names that occur more than once; `what` they are names of."""
    counts = Counter([] if names is None else names.tolist())
    several = sum(count > 1 for count in counts.values())
    if not several:
        return ()
    words = "name of {} occurs" if several == 1 else "names of {} occur"
    return (f"{several:,} {words.format(what)} more than once",)


def gene_names(symbols: Sequence[str], ids: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Symbols, with an id in the place of each that is empty or occurs more than once.

    Returns
    -------
    names : list of str
    said : tuple of str
        For how many that is.
    """
    counts = Counter(symbols)
    told = [symbol != "" and counts[symbol] == 1 for symbol in symbols]
    names = [s if own else i for s, i, own in zip(symbols, ids, told, strict=True)]
    count = told.count(False)
    said = f"{count:,} features by their ids, for their symbols occur more than once or are empty"
    return names, (said,) if count else ()


def feature_types(types: Iterable[str]) -> tuple[str, ...]:
    """What is to be said of features of several types."""
    counts = Counter(types)
    said = in_short(f"{count:,} {kind}" for kind, count in counts.items())
    return (f"types of features: {said}",) if len(counts) > 1 else ()
