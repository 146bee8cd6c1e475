"""The figure of a choice of rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from .drawing import BLUE, GREEN, ORANGE, PINK, plain_ticks

WIDE = 40
"""A rank above which the axis is logarithmic."""


def rank_choice(table: Sequence[dict[str, Any]], rank: int, lowest: int, symbol: str) -> Figure:
    """Held-out and in-sample error against rank, with standard errors; how components repeat below.

    Parameters
    ----------
    table : sequence of dict
        That of a `RankChoice`.
    rank, lowest : int
        The rank that was chosen, and that with the lowest held-out error.
    symbol : str
        What errors they are.
    """
    repeats = [row for row in table if row["silhouette"] is not None]
    figure = Figure(figsize=(7, 6 if repeats else 4.4), layout="constrained")
    heights = [2, 1] if repeats else [1]
    axes = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _errors(axes[0], table, rank, lowest, symbol)
    for ax in axes[1:]:
        _repetition(ax, repeats)
    for ax in axes:
        ax.axvline(rank, color="0.4", linewidth=1, linestyle=":", zorder=0)
        ax.grid(True, alpha=0.3)
    _along_ranks(axes[-1], table)
    return figure


def repetition(table: Sequence[dict[str, Any]]) -> Figure:
    """How components repeat over runs, against rank: that of `repetition_by_rank`."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    ax = figure.subplots()
    _repetition(ax, table)
    ax.grid(True, alpha=0.3)
    _along_ranks(ax, table)
    return figure


def _along_ranks(ax: Any, table: Sequence[dict[str, Any]]) -> None:
    """The axis of ranks, and of those that share it."""
    ranks = [row["rank"] for row in table]
    if ranks[-1] > WIDE:
        ax.set_xscale("log", base=2)
    ax.set_xticks(ranks if len(ranks) <= 20 else ranks[:: -(-len(ranks) // 20)])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("rank d")


def _errors(ax: Any, table: Sequence[dict[str, Any]], rank: int, lowest: int, symbol: str) -> None:
    """Errors of what was left out, and of what was seen."""
    series = [
        ("held_out", "held out", BLUE, "o", "-"),
        ("in_sample", "in sample", ORANGE, "s", "--"),
    ]
    for name, label, colour, marker, line in series:
        there = [row for row in table if row[name] is not None]
        ranks, values, bars = ([row[key] for row in there] for key in ("rank", name, f"{name}_se"))
        look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4}
        ax.errorbar(ranks, values, bars, capsize=3, label=label, **look)
    best, chosen = (next(row for row in table if row["rank"] == x) for x in (lowest, rank))
    above = best["held_out"] + best["held_out_se"]
    ax.axhline(above, color=BLUE, linewidth=1, linestyle=":", label="lowest + one standard error")
    star = {"color": BLUE, "markersize": 15, "linestyle": "none"}
    ax.plot(rank, chosen["held_out"], "*", label=f"rank {rank}", **star)
    ax.set_yscale("log")
    plain_ticks(ax)
    ax.set(ylabel=symbol, title="error of entries left out, and of those seen")
    ax.legend(loc="best")


def _repetition(ax: Any, table: Sequence[dict[str, Any]]) -> None:
    """How far the component repeats that does so least."""
    ranks = [row["rank"] for row in table]
    for name, colour, marker in (("silhouette", GREEN, "o"), ("cosine", PINK, "^")):
        values = [row[name] for row in table]
        ax.plot(ranks, values, color=colour, marker=marker, markersize=4, label=f"least {name}")
    ax.axhline(0, color="0.6", linewidth=0.8)
    least = min(0, *(row["silhouette"] for row in table))
    ax.set(ylabel="repetition over runs", ylim=(least - 0.05, 1.05))
    ax.legend(loc="best")
