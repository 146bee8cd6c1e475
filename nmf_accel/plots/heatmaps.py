"""Heat maps: the factors of a plain matrix with their names, A beside W H, a consensus matrix."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from ..results import Factorization
from .blocks import averages, compare, largest, steps
from .drawing import Floats

NAMED = 60
"""Rows that a page has room to name."""
TICKS, ROOMY = 16, 40
"""Columns that have room for their names, in a heat map and in a wide one."""
SHORT, LONGEST = 4, 24
"""Letters of a name that fits between two ticks, and of any beside a heat map."""


def factors(result: Factorization) -> Figure:
    """W and H, with the names of features and samples; components in their true order.

    Each component is scaled to its own maximum. Of features that are named and too many for a
    page, those are drawn that are largest in a component, component by component.
    """
    W, H = result.to_arrays()
    W, H = to_their_maxima(W.astype(float)), to_their_maxima(H.T.astype(float))
    components = _names(np.array(result.component_names), result.rank)
    rows = _rows_to_draw(result, W)
    features = _names(result.features, len(W))[rows]
    samples = _names(result.samples, len(H))
    height = max(5.0, 1.5 + 0.15 * min(len(rows), NAMED))
    figure = Figure(figsize=(12, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    _draw(left, W[rows], features, components, TICKS)
    few = f": the {len(rows)} largest of {len(W):,} features" if len(rows) < len(W) else ""
    left.set(title=f"W{few}", xlabel="component: column of W, row of H", ylabel="feature")
    drawn = _draw(right, H.T, components, samples, ROOMY)
    right.set(title="H", xlabel="sample", ylabel="component")
    figure.colorbar(drawn, ax=right, label="share of the component's maximum")
    return figure


def to_their_maxima(W: Floats) -> Floats:
    """Each column divided by its maximum, unless that is zero."""
    peak = W.max(axis=0)
    scaled: Floats = W / np.where(peak > 0, peak, 1.0)
    return scaled


def _names(names: NDArray[np.str_] | None, count: int) -> NDArray[np.str_]:
    """Names as a page has room for; the numbers from 0 where there are none."""
    if names is None:
        return np.arange(count).astype(str)
    return np.array([_short(" ".join(name.split())) for name in names], dtype=str)


def _short(name: str) -> str:
    """A name, cut in the middle if it is long: the ends are where long ones differ."""
    if len(name) <= LONGEST:
        return name
    ahead = LONGEST // 2 - 1
    return f"{name[:ahead]}…{name[ahead + 1 - LONGEST :]}"


def _rows_to_draw(result: Factorization, W: Floats) -> NDArray[np.intp]:
    """Which features are drawn, in which order."""
    m, d = W.shape
    if m <= NAMED or result.features is None or _is_scale(result.features):
        return np.arange(m)
    each = max(1, NAMED // d)
    order = np.argsort(-W, axis=0, kind="stable")[:each]
    first = [k for column, x in zip(order.T, W.T, strict=True) for k in column if x[k] > 0]
    # Of a W that is zero everywhere nothing is largest, but a page needs rows.
    return np.array(list(dict.fromkeys(first)) or range(each), dtype=np.intp)


def _is_scale(names: NDArray[np.str_]) -> bool:
    """Whether names are numbers that grow, as frequencies and years do, whose order says much."""
    try:
        places = [float(name.partition(" ")[0]) for name in names]
    except ValueError:
        return False
    return bool((np.diff(places) > 0).all())


def _draw(ax: Any, x: Floats, rows: NDArray[np.str_], columns: NDArray[np.str_], room: int) -> Any:
    """A heat map whose ticks are the names of its rows and columns, of all if there is room."""
    drawn = _show(ax, largest(x), x.shape, steps(x.shape), cmap="magma", vmin=0, vmax=1)
    _name_ticks(ax.yaxis, rows, NAMED)
    _name_ticks(ax.xaxis, columns, room)
    return drawn


def _name_ticks(axis: Any, names: NDArray[np.str_], most: int) -> None:
    """Give an axis names for numbers: all of them if they are at most so many."""
    few = len(names) <= most
    every = MaxNLocator(nbins=TICKS, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    axis.set_major_locator(FixedLocator(range(len(names))) if few else every)
    axis.set_major_formatter(partial(_name_at, names))
    axis.set_tick_params(labelsize=7 if len(names) > TICKS else 9)
    if axis.axis_name == "x" and max(map(len, names)) > SHORT:
        axis.set_tick_params(rotation=90)


def _show(
    ax: Any,
    blocks: Floats,
    shape: tuple[int, int],
    size: tuple[int, int],
    **style: Any,
) -> Any:
    """A heat map of a matrix in blocks of a `size`; line k lies about k."""
    at = -0.5
    bottom, right = (count * lines for count, lines in zip(blocks.shape, size, strict=True))
    extent = (at, right + at, bottom + at, at)
    # Components that lie side by side are not alike: nothing may be blended.
    drawn = ax.imshow(blocks, aspect="auto", interpolation="nearest", extent=extent, **style)
    ax.set(xlim=(at, shape[1] + at), ylim=(shape[0] + at, at))  # the last block may be smaller
    return drawn


def _name_at(names: NDArray[np.str_], place: float, tick: int | None = None) -> str:
    """What a tick says; a dollar is one, and begins no formula."""
    k = round(place)
    return str(names[k]).replace("$", r"\$") if 0 <= k < len(names) else ""


def matrices(A: Any, result: Factorization) -> Figure:
    """A, W H and A − W H, with the names of features and samples; blank where A is not known.

    Of what shares a pixel the largest is drawn; of A − W H that of largest magnitude.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    blocks, compared = largest(A), compare(A, *result.to_arrays())
    features, samples = _names(result.features, A.shape[0]), _names(result.samples, A.shape[1])
    most, farthest = float(np.nanmax(blocks)), float(np.nanmax(np.abs(compared.rest))) or 1.0
    thin = compared.thinned
    said = f", one row and column of {thin}" * (thin > 1)
    of_A: dict[str, Any] = {"cmap": "magma", "vmin": 0, "vmax": most}
    of_rest: dict[str, Any] = {"cmap": "PuOr", "vmin": -farthest, "vmax": farthest}
    panels: tuple[tuple[str, Floats, tuple[int, int], dict[str, Any]], ...] = (
        ("A", blocks, steps(A.shape), of_A),
        (f"W H{said}", compared.product, compared.size, of_A),
        (f"A − W H{said}", compared.rest, compared.size, of_rest),
    )
    for ax, (title, x, size, style) in zip(figure.subplots(1, 3), panels, strict=True):
        drawn = _show(ax, x, A.shape, size, **style)
        _name_ticks(ax.yaxis, features, TICKS)
        _name_ticks(ax.xaxis, samples, TICKS)
        ax.set(title=title, xlabel="sample", ylabel="feature")
        figure.colorbar(drawn, ax=ax)
    return figure


def consensus_map(
    consensus: Floats, order: NDArray[np.intp], names: NDArray[np.str_] | None, title: str
) -> Figure:
    """A consensus matrix (n, n) of samples with its rows and columns in an `order`.

    Of what shares a pixel the mean is drawn. Where there is room for the names of all samples, or
    for their numbers if they have none, ticks say these; else they count places in that order.
    """
    n = len(order)
    named = n <= NAMED
    places = _names(names, n)[order] if named else np.arange(n).astype(str)
    figure = Figure(figsize=(7.5, 6.4), layout="constrained")
    ax = figure.subplots()
    ordered, size = averages(consensus[np.ix_(order, order)]), steps(consensus.shape)
    # From white to black, so that print shows what a screen does.
    drawn = _show(ax, ordered, (n, n), size, cmap="Greys", vmin=0, vmax=1)
    _name_ticks(ax.yaxis, places, NAMED)
    _name_ticks(ax.xaxis, places, 0)
    label = "sample, in the order of the tree"
    ax.set(title=title, xlabel=label, ylabel=label, aspect="equal")
    if named:  # on one side: both have the same names
        ax.set(xticks=[], xlabel="the same samples")
    figure.colorbar(drawn, ax=ax, label="share of runs with both in one component")
    return figure
