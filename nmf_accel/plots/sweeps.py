"""The figure of a sweep."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from .drawing import BLUE, ORANGE, plain_ticks


def sweep(summary: list[dict[str, Any]], symbol: str = "‖A − WH‖") -> Figure:
    """Errors against rank: medians over seeds as lines, from the least to the most as bands.

    `symbol` says what errors they are.
    """
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    ax = figure.subplots()
    series = [
        ("error", symbol, BLUE, "o"),
        ("reference_error", "‖clean − WH‖", ORANGE, "s"),
    ]
    for name, label, colour, marker in series:
        rows = [row for row in summary if row[f"{name}_median"] is not None]
        ranks = [row["rank"] for row in rows]
        median, least, most = (
            [row[f"{name}_{statistic}"] for row in rows] for statistic in ("median", "min", "max")
        )
        if not rows:
            continue
        ax.fill_between(ranks, least, most, color=colour, alpha=0.25, linewidth=0)
        ax.plot(ranks, median, color=colour, marker=marker, markersize=5, label=label)
        if name == "reference_error":
            k = int(np.argmin(median))
            text = f"best rank: {ranks[k]}"
            ax.plot(ranks[k], median[k], "*", color=colour, markersize=15, label=text)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ranks = [row["rank"] for row in summary]
    ax.set_xticks(ranks if len(ranks) <= 12 else ranks[:: -(-len(ranks) // 12)])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    plain_ticks(ax)
    runs = sum(row["runs"] for row in summary)
    ax.set(xlabel="rank d", ylabel="error", title=f"{runs} runs: median, least and most")
    ax.grid(True, alpha=0.3)
    ax.legend(loc="best")
    return figure
