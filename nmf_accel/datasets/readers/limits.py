"""What a file may grow to: a small one that claims to be huge is damaged, or made to do harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LARGE = 2**28
"""Bytes that any file may grow to."""
TIMES = 200
"""How many times its own size a larger one may have; what is packed better is rare."""

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Within it, if `trust`, files may grow to whatever they claim."""
    before = _trusted.set(trust)
    try:
        yield
    finally:
        _trusted.reset(before)


def check_growth(path: Path, nbytes: int, packed: int | None = None, large: int = LARGE) -> None:
    """Raise if a file claims to hold so many bytes that it must be damaged.

    Parameters
    ----------
    path : Path
    nbytes : int
        Bytes that it would take in memory.
    packed : int, optional
        Bytes that they take in the file; by default all of it.
    large : int
        Bytes that any file may grow to.

    Raises
    ------
    ValueError
        Before anything is unpacked.
    """
    packed = path.stat().st_size if packed is None else packed
    if nbytes > max(large, TIMES * packed) and not _trusted.get():
        raise ValueError(
            f"its {packed:,} bytes claim to hold {nbytes:,}, as a damaged file would; if that is "
            "right, --trust (trust=True) reads it"
        )
