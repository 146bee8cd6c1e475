"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 3


def first_of(names: Sequence[str], form: str = "{!r}") -> str:
    """The first few of some names, and how many more there are."""
    words = ", ".join(form.format(name) for name in names[:SHOWN])
    more = len(names) - SHOWN
    return f"{words} and {more} more" if more > 0 else words
