"""The folder of a sweep, which checks itself and has one writer."""

from .errors import StoreError, listed
from .head import NAMES
from .kept import readable
from .merging import merge
from .rows import KEEP, Key, Row, best_of, key_of
from .store import AGAIN, Store

__all__ = [
    "AGAIN",
    "KEEP",
    "NAMES",
    "Key",
    "Row",
    "Store",
    "StoreError",
    "best_of",
    "key_of",
    "listed",
    "merge",
    "readable",
]
