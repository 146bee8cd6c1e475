"""The features that make up each component."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..labels import Names

WIDTH = 100
"""Characters of a line."""


class TopFeature(NamedTuple):
    """A feature of a component.

    Attributes
    ----------
    component : str
    place : int
        1 for the feature with the largest entry of that column of W.
    feature : str or int
        Its name; the number of its row where it has none.
    weight : float
        That entry.
    share : float
        The same relative to the largest.
    """

    component: str
    place: int
    feature: str | int
    weight: float
    share: float


@dataclass(frozen=True, repr=False)
class Top:
    """The features with the largest entries of W, of each component; it prints as a table.

    Attributes
    ----------
    components : tuple of str
        All of them, in their order; of one that is zero there are no features.
    rows : tuple of TopFeature
        Those of the first component, the largest first, then those of the next one, ….
    """

    components: tuple[str, ...]
    rows: tuple[TopFeature, ...]

    def __iter__(self) -> Iterator[TopFeature]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Top {len(self.rows)} features of {len(self.components)} components>"

    def __str__(self) -> str:
        """The components side by side, each with its features and their shares."""
        lines: list[str] = []
        beside: list[list[str]] = []
        for block in map(self._block, self.components):
            if beside and sum(2 + len(x[0]) for x in beside) + len(block[0]) > WIDTH:
                lines += [*_side_by_side(beside), ""]
                beside = []
            beside.append(block)
        return "\n".join([*lines, *_side_by_side(beside)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows at the end of a cell."""
        printer.text(str(self))

    def _block(self, component: str) -> list[str]:
        """The lines of a component, of one width."""
        found = [(str(x.feature), f"{x.share:.2f}") for x in self.rows if x.component == component]
        found = [(" ".join(feature.split()), share) for feature, share in found]
        width = max((len(feature) for feature, _ in found), default=0)
        lines = [f"{feature.ljust(width)} {share}" for feature, share in found] or ["(zero)"]
        longest = max(map(len, [component, *lines]))
        return [line.ljust(longest) for line in (component, *lines)]

    def to_frame(self) -> Any:
        """It as a frame of pandas: component, place, feature, weight, share.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "to_frame() takes pandas: pip install 'nmf-accel[files]'", name=error.name
            ) from error
        return pandas.DataFrame(list(self.rows), columns=list(TopFeature._fields))


def _side_by_side(blocks: list[list[str]]) -> list[str]:
    """The lines of some blocks beside each other."""
    height = max(map(len, blocks), default=0)
    padded = [[*block, *[" " * len(block[0])] * (height - len(block))] for block in blocks]
    return ["  ".join(parts).rstrip() for parts in zip(*padded, strict=True)]


def top_of(W: NDArray[Any], components: list[str], features: Names | None, count: int) -> Top:
    """The `count` features with the largest entries of each column of W (m, d).

    Of equal ones those that come first in W.

    Raises
    ------
    ValueError
        If `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}; it must be at least 1")
    rows = []
    for component, column in zip(components, W.T, strict=True):
        largest = np.argsort(-column, kind="stable")[:count]
        for place, k in enumerate(largest[column[largest] > 0].tolist(), 1):
            feature = k if features is None else str(features[k])
            weight, share = float(column[k]), float(column[k] / column.max())
            rows.append(TopFeature(component, place, feature, weight, share))
    return Top(tuple(components), tuple(rows))
