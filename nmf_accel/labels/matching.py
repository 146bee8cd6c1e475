"""Lines of two matrices, matched by their names."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from ..callers import warn_caller
from ..types import Index
from .base import Labelled
from .names import LINES, Names, make_unique
from .words import first_of


class Party(NamedTuple):
    """A matrix, and what it is called in messages."""

    name: str
    labelled: Labelled


def order_like(like: Party, own: Party, axis: int) -> Index | None:
    """In which order the rows (axis 0), or columns, of `own` stand as those of `like` do.

    Returns
    -------
    index array, optional
        None where they stand so, or where one of the two has no names: then places count.

    Raises
    ------
    ValueError
        If the names are not the same, or one occurs twice in another order; if other things run
        along the axis.

    Warns
    -----
    UserWarning
        If they are in another order; if places count although rows of a frame have numbers.
    """
    _must_run_along(like, own, axis)
    wanted, names = _names(like, own, axis), _names(own, like, axis)
    if wanted is None or names is None or _same(wanted, names):
        return None
    _must_match(like, own, axis, wanted, names)
    places = {name: k for k, name in enumerate(names.tolist())}
    lines = f"{LINES[axis]}s"
    warn_caller(f"the {lines} of {own.name} were put into the order of {like.name}, by their names")
    return np.array([places[name] for name in wanted.tolist()])


def _must_run_along(like: Party, own: Party, axis: int) -> None:
    """Raise if one library calls what runs along the axis by two words."""
    wanted, found = like.labelled.dimension(axis), own.labelled.dimension(axis)
    if None not in (wanted, found) and wanted != found:
        lines = f"{LINES[axis]}s"
        raise ValueError(
            f"the {lines} of {own.name} are {found!r}, but those of {like.name} are {wanted!r}; "
            f"transpose {own.name}, or pass {own.name}.rename({{{found!r}: {wanted!r}}})"
        )


def _names(party: Party, other: Party, axis: int) -> Names | None:
    """The names along an axis; those of a frame that merely counts, where the other's are numbers.

    Rows that were taken from such a frame, or sorted, keep their numbers: these are the names that
    it would have had. Numbers that are not the same cannot be, so there places count.
    """
    names, counted = party.labelled.labels[axis], party.labelled.counted(axis)
    theirs = other.labelled.labels[axis]
    if names is not None or counted is None or theirs is None or len(theirs) != len(counted):
        return names
    if set(theirs.tolist()) == set(counted.tolist()):
        return counted
    if all(name.isdecimal() for name in theirs.tolist()):
        lines = f"{LINES[axis]}s"
        warn_caller(
            f"the {lines} of {party.name} have no names, and those of {other.name} other numbers "
            f"than 0 to {len(counted) - 1} ({first_of(theirs.tolist())}): they were taken as they "
            "stand"
        )
    return None


def _same(wanted: Names, names: Names) -> bool:
    """Whether names are the same in the same order, also those that tables are written with."""
    if len(wanted) != len(names):
        return False
    pairs = ((wanted, names), (make_unique(wanted), names), (wanted, make_unique(names)))
    return any(np.array_equal(one, other) for one, other in pairs)


def _must_match(like: Party, own: Party, axis: int, wanted: Names, names: Names) -> None:
    """Raise unless both have the same names, each once."""
    found = {like.name: Counter(wanted.tolist()), own.name: Counter(names.tolist())}
    (there, here), said = found.values(), []
    lacks_own = [name for name in there if name not in here]
    lacks_like = [name for name in here if name not in there]
    said += [f"missing in {own.name}: {first_of(lacks_own)}"] if lacks_own else []
    said += [f"missing in {like.name}: {first_of(lacks_like)}"] if lacks_like else []
    doubled = False
    for name, counts in found.items():
        twice = [x for x, count in counts.items() if count > 1]
        said += [f"more than once in {name}: {first_of(twice)}"] if twice else []
        doubled |= bool(twice)
    if said:
        lines = f"{LINES[axis]}s"
        cure = (
            "give each its own name" if doubled else _cure(like, own, axis, lacks_own, lacks_like)
        )
        raise ValueError(
            f"the {lines} of {own.name} and of {like.name} differ in their names "
            f"({'; '.join(said)}); {cure}"
        )


def _cure(like: Party, own: Party, axis: int, lacks_own: list[str], lacks_like: list[str]) -> str:
    """What to type where one of the two has lines that the other one has not."""
    lines = f"{LINES[axis]}s"
    if lacks_own and lacks_like:
        return f"take the {lines} that both have, in each"
    more, less = (like, own) if lacks_own else (own, like)
    names = less.labelled.code(less.name, axis)
    code = more.labelled.picked(more.name, axis, names) if names else ""
    return f"pass {code}" if code else f"take the {lines} of {more.name} that {less.name} has"
