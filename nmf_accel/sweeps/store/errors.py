"""What a store says of itself when it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable


class StoreError(RuntimeError):
    """A folder that cannot take or give a sweep; the message says why."""


MOST = 3
"""Things named in one sentence."""


def listed(sentences: Iterable[str]) -> str:
    """The first of some sentences as one, and how many more there are."""
    found = list(sentences)
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + more
