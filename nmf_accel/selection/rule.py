"""The rule of one standard error: of ranks that predict equally well, the smallest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..sweeps import Row


class OneStandardError:
    """Which rank a table chooses, by its errors of what was left out and their standard errors.

    L. Breiman, J. H. Friedman, R. A. Olshen and C. J. Stone, "Classification and regression trees",
    1984, section 3.4.3.

    Attributes
    ----------
    table : list of dict
        One row a rank, in their order: rank, held_out, held_out_se and more.
    """

    table: list[Row]

    @property
    def ranks(self) -> list[int]:
        """Those that were tried, and are finished."""
        return [row["rank"] for row in self.table]

    @property
    def lowest(self) -> int:
        """The rank with the lowest error of what was left out."""
        return int(self._lowest["rank"])

    @property
    def within(self) -> list[int]:
        """The ranks whose error is within one standard error of the lowest, that one among them."""
        most = self._lowest["held_out"] + self._lowest["held_out_se"]
        return [row["rank"] for row in self.table if row["held_out"] <= most]

    @property
    def rank(self) -> int:
        """The smallest of the ranks that are `within` one standard error of the lowest."""
        return self.within[0]

    @property
    def _lowest(self) -> Row:
        return min(self.table, key=lambda row: row["held_out"])


def mean_of(name: str, errors: np.ndarray[Any, np.dtype[np.float64]]) -> Row:
    """Their mean, and its standard error; None where one of them is no number."""
    if not np.isfinite(errors).all():
        return {name: None, f"{name}_se": None}
    size = float(errors.max()) or 1.0  # squares of very large ones would be no numbers
    deviation = (errors / size).std(ddof=1) / math.sqrt(len(errors)) * size
    return {name: float(errors.mean()), f"{name}_se": float(deviation)}


def with_error(row: Row) -> str:
    """An error with its standard error, in so many digits as that allows: 0.957 ± 0.012."""
    error, deviation = row["held_out"], row["held_out_se"]
    if not deviation:
        return f"{error:.4g} ± 0"
    # Two digits of the standard error, which five folds hardly give; rounded, 0.0099999 is 0.010.
    digits = 1 - int(f"{deviation:.1e}".partition("e")[2])
    if not 0 <= digits <= 6:
        return f"{error:.4g} ± {deviation:.2g}"
    return f"{error:.{digits}f} ± {deviation:.{digits}f}"
