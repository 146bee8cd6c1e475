"""Figures of a factorization. Nothing here touches matplotlib's global state."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from .datasets import Dataset, images
from .files import atomic_write
from .losses import symbol_of
from .matrices import is_sparse
from .results import Factorization

Floats = NDArray[np.floating[Any]]

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""

MOST_COMPONENTS = 256
LARGEST_HEATMAP = 800


def save(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure as PNG or SVG, by the ending of `path`, atomically."""
    with atomic_write(path) as file:
        ending = os.fspath(path).rpartition(".")[2]
        figure.savefig(file, format=ending, dpi=dpi, bbox_inches="tight")


def tile(stack: Floats, columns: int | None = None, background: float = 1.0) -> Floats:
    """Images (n, h, w, 3) side by side as one, (H, W, 3), about square, one pixel apart."""
    n, h, w, _ = stack.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    sheet = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1, 3), background)
    for k, image in enumerate(stack):
        top, left = (k // columns) * (h + 1), (k % columns) * (w + 1)
        sheet[top : top + h, left : left + w] = image
    return sheet


def show_pixels(ax: Any, sheet: Floats, title: str = "") -> None:
    """Draw an image with sharp pixels and no axes."""
    # Enlarged first, so that resampling to the page blurs no edge.
    ax.imshow(np.kron(sheet, np.ones((4, 4, 1))), interpolation="nearest")
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()


def by_weight(result: Factorization) -> Floats:
    """The columns of W, those that carry most first, each scaled to its own maximum."""
    W, H = np.asarray(result.W, dtype=float), np.asarray(result.H, dtype=float)
    order = np.argsort(-np.linalg.norm(W, axis=0) * np.linalg.norm(H, axis=1), kind="stable")
    return _to_their_maxima(W[:, order])


def _to_their_maxima(W: Floats) -> Floats:
    """Each column divided by its maximum, unless that is zero."""
    peak = W.max(axis=0)
    scaled: Floats = W / np.where(peak > 0, peak, 1.0)
    return scaled


def components(result: Factorization, data: Dataset) -> Figure:
    """The columns of W, each scaled to its own maximum.

    Images stand by what they carry, most first. The heat map of a plain matrix has the columns
    where W has them, so that its axis gives the number of a column of W and row of H.
    """
    if data.image_shape is None:
        return _component_heatmap(_to_their_maxima(np.asarray(result.W, dtype=float)))
    W = by_weight(result)
    shown = min(result.rank, MOST_COMPONENTS)
    figure = Figure(figsize=(7, 7.4), layout="constrained")
    title = f"Columns of W, {shown} of {result.rank}, each scaled to its maximum"
    stack = images.to_images(W[:, :shown], data.image_shape)
    show_pixels(figure.subplots(), tile(stack), title)
    return figure


def _component_heatmap(W: Floats) -> Figure:
    figure = Figure(figsize=(7, 5), layout="constrained")
    ax = figure.subplots()
    (m, d), (rows, columns) = W.shape, _steps(W)
    extent = (-0.5, d - 0.5, m, 0)  # so that the tick k stands below the middle of column k
    drawn = ax.imshow(W[::rows, ::columns], aspect="auto", cmap="magma", extent=extent)
    every = MaxNLocator(nbins=16, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    ax.xaxis.set_major_locator(every)
    label = "component: column of W, row of H"
    ax.set(title="Columns of W, each scaled to its maximum", xlabel=label, ylabel="row")
    figure.colorbar(drawn, label="share of the maximum")
    return figure


def reconstructions(result: Factorization, data: Dataset, count: int = 64) -> Figure:
    """The first images beside their reconstructions; for a plain matrix A, W H and A − W H."""
    shape = data.image_shape
    if shape is None or data.pixels is None:
        return _matrix_heatmaps(data.A, np.asarray(result.W), np.asarray(result.H))
    count = min(count, data.A.shape[1])
    alpha = images.opacity(data.pixels[:count])
    pairs = (
        ("Original", data.A[:, :count]),
        (f"Rank {result.rank}", np.asarray(result.reconstruct(slice(count)))),
    )
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    for ax, (title, A) in zip(figure.subplots(1, 2), pairs, strict=True):
        stack = images.over(images.to_images(A, shape), alpha)
        show_pixels(ax, tile(stack, background=images.GREY), title)
    return figure


def _matrix_heatmaps(A: Any, W: Floats, H: Floats) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    extent, (rows, columns) = _extent(A), _steps(A)
    A = A.tocsr()[::rows][:, ::columns].toarray() if is_sparse(A) else A[::rows, ::columns]
    A, WH = np.asarray(A, dtype=float), W[::rows] @ H[:, ::columns]
    most, rest = float(A.max()), float(np.abs(A - WH).max()) or 1.0
    panels: tuple[tuple[str, Floats, dict[str, Any]], ...] = (
        ("A", A, {"cmap": "magma", "vmin": 0, "vmax": most}),
        ("W H", WH, {"cmap": "magma", "vmin": 0, "vmax": most}),
        ("A − W H", A - WH, {"cmap": "PuOr", "vmin": -rest, "vmax": rest}),
    )
    for ax, (title, x, style) in zip(figure.subplots(1, 3), panels, strict=True):
        drawn = ax.imshow(x, aspect="auto", extent=extent, **style)
        ax.set(title=title, xlabel="column", ylabel="row")
        figure.colorbar(drawn, ax=ax)
    return figure


def _extent(x: Any) -> tuple[float, float, float, float]:
    return (0, x.shape[1], x.shape[0], 0)


def _steps(x: Any) -> tuple[int, int]:
    """Every how many-th row and column to draw, so that a page can show a heat map."""
    return -(-x.shape[0] // LARGEST_HEATMAP), -(-x.shape[1] // LARGEST_HEATMAP)


def errors(result: Factorization) -> Figure:
    """The error, ‖A − W H‖_F or √(2 D), against the iteration k, both logarithmic."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    ax.loglog(result.iterations, result.errors, color=BLUE, linewidth=2)
    _plain_ticks(ax)
    ax.xaxis.set_major_formatter("{x:g}")
    title = f"Rank {result.rank}: {result.error:.4g} after {result.n_iter} iterations"
    ax.set(title=title, xlabel="iteration k", ylabel=symbol_of(result.settings))
    ax.grid(True, which="both", alpha=0.3)
    return figure


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
    _plain_ticks(ax)
    runs = sum(row["runs"] for row in summary)
    ax.set(xlabel="rank d", ylabel="error", title=f"{runs} runs: median, least and most")
    ax.grid(True, alpha=0.3)
    ax.legend(loc="best")
    return figure


def _plain_ticks(ax: Any) -> None:
    """Label a short logarithmic axis with plain numbers; powers of ten would label nothing."""
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6, 8)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
