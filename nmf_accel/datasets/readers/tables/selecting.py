"""Which columns of a table a user means: names, and ranges of names, by commas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def selected(columns: str | Sequence[str], names: Sequence[str]) -> list[int]:
    """Where the columns that are asked for stand, in the order of the question.

    Parameters
    ----------
    columns : str or sequence of str
        ``"s1,s3:s5"``, or names. A range has both its ends; an open end is that of the table.
    names : sequence of str
        What the columns are called; they may have commas and colons themselves.

    Raises
    ------
    ValueError
        If there is no such column, more than one, or one is asked for twice.
    """
    places: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        places.setdefault(name, []).append(j)
    asked = _parts(columns, places) if isinstance(columns, str) else columns
    found: dict[int, None] = {}
    for part in asked:
        for j in _meant(part, places, names):
            if j in found:
                raise ValueError(f'column "{names[j]}" is asked for twice')
            found[j] = None
    if not found:
        raise ValueError("columns names none")
    return list(found)


def ranges(names: Sequence[str], places: Sequence[int]) -> str:
    """The question that gives the columns at these places, which grow."""
    parts: list[list[int]] = []
    for j in places:
        if parts and parts[-1][-1] == j - 1:
            parts[-1][1:] = [j]
        else:
            parts.append([j])
    return ",".join(":".join(names[j] for j in part) for part in parts)


def _parts(columns: str, places: Mapping[str, list[int]]) -> Iterator[str]:
    """Names and ranges between commas, each as long as it can be."""
    pieces = columns.split(",")
    while pieces:
        lengths = range(len(pieces), 1, -1)
        joined = ((k, ",".join(pieces[:k])) for k in lengths)
        k, part = next((x for x in joined if _ends(x[1], places)), (1, pieces[0].strip()))
        yield part
        pieces = pieces[k:]


def _ends(part: str, places: Mapping[str, list[int]]) -> tuple[str, str] | None:
    """The ends of a range, or a name twice; None if it is neither."""
    if part in places:
        return part, part
    for k, letter in enumerate(part):
        first, last = part[:k], part[k + 1 :]
        if letter == ":" and all(end == "" or end in places for end in (first, last)):
            return first, last
    return None


def _meant(part: str, places: Mapping[str, list[int]], names: Sequence[str]) -> range:
    """The columns of a name or a range."""
    first, last = _ends(part, places) or (part, part)
    start = _place(first, places) if first else 0
    stop = _place(last, places) if last else len(names) - 1
    if stop < start:
        raise ValueError(f'column "{last}" stands before "{first}"; turn {part} round')
    return range(start, stop + 1)


def _place(name: str, places: Mapping[str, list[int]]) -> int:
    """Where the one column of a name stands."""
    where = places.get(name, [])
    if len(where) == 1:
        return where[0]
    if where:
        raise ValueError(f'{len(where)} columns are called "{name}"')
    some = ", ".join(list(places)[:5]) + ", …" * (len(places) > 5)
    raise ValueError(f'there is no column "{name}"; there are {len(places)}: {some}')
