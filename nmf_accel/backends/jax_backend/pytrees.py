"""What JAX is to know of the kinds of matrix, to pass them into a program."""

from __future__ import annotations

from functools import cache

from ...matrices import Dense, Partly, Seen, Side, Standing, Weighted


@cache
def register() -> None:
    """Let a matrix go into a program as its array, and a side of its frame as its indices."""
    from jax.tree_util import register_dataclass

    register_dataclass(Dense, data_fields=["array"], meta_fields=["library", "grid"])
    weighted = ["array", "weights", "folds"]
    register_dataclass(Weighted, data_fields=weighted, meta_fields=["library", "grid"])
    register_dataclass(Seen, data_fields=["matrix", "left_out", "lines"], meta_fields=[])
    register_dataclass(Partly, data_fields=["matrix", "here", "there"], meta_fields=[])
    register_dataclass(Side, data_fields=["index"], meta_fields=["size"])
    register_dataclass(Standing, data_fields=["index", "kept"], meta_fields=["size", "library"])
