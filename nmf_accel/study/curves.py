"""Figures of a study that are plots; each draws numbers of ``study.json``."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from ..plots import BLUE, GREEN, ORANGE, PINK
from .words import indexed

Numbers = dict[str, Any]

BLACK = "#333333"
STYLES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": ORANGE, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PINK, "linestyle": ":", "marker": "D"},
)
"""Told apart by dashes and markers too, so that they survive a black and white printer."""

DASHED: dict[str, Any] = {"color": BLACK, "linestyle": (0, (6, 4)), "linewidth": 0.9}

WIDTH = 7.0
RANK = "rank d (number of components)"
ERROR = "Frobenius norm (units of colour value, 0 to 1)"


def _legend_below(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """A legend under the figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def _grid(axes: Axes) -> None:
    axes.grid(True, which="both", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _rank_axis(axes: Axes, ranks: list[int]) -> None:
    """Ticks at the ranks that were run, those that have room for a label."""
    axes.set_xlabel(RANK)
    span, ticks = max(ranks) - min(ranks), ranks[:1]
    for rank in ranks[1:]:
        if rank - ticks[-1] >= 0.06 * span:
            ticks.append(rank)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())


def _by_rank(axes: Axes, values: Numbers, label: str, style: int, **more: Any) -> None:
    """A curve over the ranks; where there is no value there is no point."""
    known = {d: value for d, value in values.items() if value is not None}
    drawn = {**STYLES[style], "linewidth": 1.8, "markersize": 5, **more}
    axes.plot(list(known), list(known.values()), label=label, **drawn)


def small_convergence(found: Numbers) -> Figure:
    """1g: ‖A − W_k H_k‖ against k on A3 and A4, with the truncated-SVD bounds."""
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, one) in zip(panels, found["convergence"].items(), strict=True):
        for style, (d, errors) in zip(STYLES, one["errors"].items(), strict=False):
            k = np.arange(1, len(errors) + 1)
            line = {"color": style["color"], "linestyle": style["linestyle"]}
            axes.loglog(k, errors, linewidth=2, label=f"NMF, d = {d}", **line)
            if one["svd_errors"][d] > 0:
                axes.axhline(one["svd_errors"][d], **DASHED)
        axes.set_title(f"{indexed(name)}, rank {one['rank']}", fontsize=10)
        axes.set_xlabel("iteration k")
        _grid(axes)
    panels[0].plot([], [], label="truncated SVD", **DASHED)
    panels[0].set_ylabel(r"$\|A - W_k H_k\|_F$ (units of A)")
    _legend_below(figure, panels[0], 4)
    return figure


def singular_values(found: Numbers) -> Figure:
    """2b: the singular values, and where the rank ends."""
    values, rank = np.array(found["singular_values"]), found["matrix_rank"]
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    index = np.arange(1, len(values) + 1)
    # Rounding may leave an exact zero, which has no place on a logarithmic axis.
    axes.semilogy(index, np.where(values > 0, values, np.nan), ".", color=BLUE, markersize=3)
    axes.axvline(rank + 0.5, color=ORANGE, linewidth=1.5)
    side = {"ha": "right", "x": rank - 0.012 * len(values)}
    if rank < 0.4 * len(values):
        side = {"ha": "left", "x": rank + 0.02 * len(values)}
    axes.text(y=0.08, s=f"rank {rank}", color=BLACK, transform=axes.get_xaxis_transform(), **side)
    axes.set(xlabel="index i", ylabel=r"singular value $\sigma_i$ (units of colour value)")
    _grid(axes)
    return figure


def error_by_iteration(found: Numbers) -> Figure:
    """2e: ‖A − W_k H_k‖ against k at up to three ranks."""
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    for style, (d, errors) in zip(STYLES, found["errors_by_iteration"].items(), strict=False):
        line = {"color": style["color"], "linestyle": style["linestyle"]}
        axes.loglog(np.arange(1, len(errors) + 1), errors, linewidth=2, label=f"d = {d}", **line)
    axes.set(xlabel="iteration k", ylabel=r"$\|A - W_k H_k\|_F$ (units of colour value)")
    _few_decades(axes)
    _grid(axes)
    _legend_below(figure, axes, 3)
    return figure


def _few_decades(axes: Axes) -> None:
    """Labels written out, at more than powers of ten where the axis is short."""
    low, high = axes.get_ylim()
    for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 5)):
        ticks = [s * 10.0**e for e in range(-12, 13) for s in steps if low <= s * 10.0**e <= high]
        if 2 <= len(ticks) <= 9:
            axes.yaxis.set_major_locator(FixedLocator(ticks))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
            break
    axes.xaxis.set_major_formatter("{x:g}")


def error_by_rank(found: Numbers) -> Figure:
    """2f: error against d with its lower bound, and what W and H take to store."""
    errors, ratios = found["error_by_rank"], found["storage_ratio_by_rank"]
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _by_rank(top, errors, "NMF", 0)
    _by_rank(top, found["svd_error_by_rank"], "truncated SVD, the lower bound (9)", 1)
    top.set(ylabel=r"$\|A - WH\|_F$ (units of colour value)", ylim=(0, None))
    _by_rank(low, ratios, "storage", 2)
    low.axhline(1, **DASHED)
    low.set(ylabel="storage, d(m + n) / (mn)", ylim=(0, max(1.1, 1.05 * max(ratios.values()))))
    _rank_axis(low, list(errors))
    for axes in (top, low):
        _grid(axes)
    _legend_below(figure, top)
    return figure


def denoising(found: Numbers) -> Figure:
    """3c: fit to the noisy images, distance to the clean ones, and the fit without noise."""
    clean, best = found["clean_error_by_rank"], found["best_rank"]
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    axes = figure.subplots()
    _by_rank(axes, found["fit_error_by_rank"], r"fit to noisy, $\|A_{noisy} - WH\|$", 1)
    _by_rank(axes, clean, r"against clean, $\|A - WH\|$", 0)
    _by_rank(axes, found["noiseless_error_by_rank"], "fit to clean, without noise (2f)", 2)
    axes.axhline(found["noise_norm"], label="the noise itself", **DASHED)
    axes.plot(
        best, clean[best], "o", mfc="none", mec=BLACK, markersize=13, mew=1.8,
        label=f"best rank, d = {best}", linestyle="none",
    )  # fmt: skip
    axes.set(ylabel=ERROR, ylim=(0, None))
    _rank_axis(axes, list(clean))
    _grid(axes)
    _legend_below(figure, axes, 2)
    return figure


def held_out(found: Numbers) -> Figure:
    """3c: error at entries that were held out, and distance to the clean images, an entry."""
    folds, clean = found["cross_validation"], found["clean_error_per_entry_by_rank"]
    errors, se = folds["held_out_by_rank"], folds["held_out_se_by_rank"]
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = figure.subplots()
    for values, label, style, best in (
        (errors, "held out, ± standard error", 3, folds["rank"]),
        (clean, "against clean", 0, found["best_rank"]),
    ):
        _by_rank(axes, values, f"{label}; chosen d = {best}", style, markersize=4)
        axes.plot(best, values[best], "o", mfc="none", mec=BLACK, markersize=14, mew=1.8)
    axes.errorbar(list(errors), list(errors.values()), list(se.values()),
                  fmt="none", ecolor=STYLES[3]["color"], capsize=4)  # fmt: skip
    axes.axhline(found["noise_per_entry"], label="the noise itself", **DASHED)
    axes.set(ylabel="root mean square (units of colour value)", ylim=(0, None))
    _rank_axis(axes, list(errors))
    _grid(axes)
    _legend_below(figure, axes, 3)
    return figure


def beside_svd(found: Numbers) -> Figure:
    """3c: distance to the clean images of NMF and of truncated SVD."""
    ours, svd = found["clean_error_by_rank"], found["svd"]["clean_error_by_rank"]
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.subplots()
    for values, label, style, best in (
        (ours, "NMF", 0, found["best_rank"]),
        (svd, "truncated SVD", 1, found["svd_best_rank"]),
    ):
        _by_rank(axes, values, f"{label}, best at d = {best}", style)
        axes.plot(best, values[best], "o", mfc="none", mec=BLACK, markersize=13, mew=1.8)
    axes.axhline(found["noise_norm"], label="the noise itself", **DASHED)
    axes.set(ylabel=ERROR)
    _rank_axis(axes, list(ours))
    _grid(axes)
    _legend_below(figure, axes, 3)
    return figure


def likeness(found: Numbers) -> Figure:
    """3c: PSNR and SSIM of the reconstructions, beside the noisy images."""
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, measure, label in zip(
        panels, ("psnr", "ssim"), ("PSNR (dB)", "SSIM (1 = equal)"), strict=True
    ):
        _by_rank(axes, found[f"{measure}_by_rank"], "NMF", 0)
        _by_rank(axes, found["svd"][f"{measure}_by_rank"], "truncated SVD", 1)
        if (noisy := found["noisy_likeness"][measure]) is not None:
            axes.axhline(noisy, label="noisy images", **DASHED)
        axes.set(ylabel=label)
        _rank_axis(axes, list(found["clean_error_by_rank"]))
        axes.tick_params(axis="x", labelsize=8)
        _grid(axes)
    _legend_below(figure, panels[0], 3)
    return figure
