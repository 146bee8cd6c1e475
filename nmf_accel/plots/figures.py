"""Figures of a factorization."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ..datasets import Dataset, images
from ..losses import symbol_of
from ..results import Factorization
from .drawing import BLUE, DRAWN, Floats, plain_ticks, show_pixels, tile
from .heatmaps import factors, matrices, to_their_maxima

MOST_COMPONENTS = 256


def by_weight(result: Factorization) -> Floats:
    """The columns of W, those that carry most first, each scaled to its own maximum."""
    W, H = (x.astype(float) for x in result.to_arrays())
    order = np.argsort(-np.linalg.norm(W, axis=0) * np.linalg.norm(H, axis=1), kind="stable")
    return to_their_maxima(W[:, order])


def components(result: Factorization, data: Dataset) -> Figure:
    """The columns of W, each scaled to its own maximum.

    Images stand by what they carry, most first. Of a plain matrix H is drawn as well, and the
    components stand where W and H have them.
    """
    if data.image_shape is None:
        return factors(result)
    W = by_weight(result)
    shown = min(result.rank, MOST_COMPONENTS)
    figure = Figure(figsize=(7, 7.4), layout="constrained")
    title = f"Columns of W, {shown} of {result.rank}, each scaled to its maximum"
    title += _mean_of(data.image_shape)
    stack = images.to_images(W[:, :shown], data.image_shape)
    show_pixels(figure.subplots(), tile(stack), title)
    return figure


def _mean_of(shape: tuple[int, int, int]) -> str:
    """What a title says of channels that cannot be drawn."""
    return "" if shape[2] in DRAWN else f", mean of {shape[2]} channels"


def reconstructions(result: Factorization, data: Dataset, count: int = 64) -> Figure:
    """The first images beside their reconstructions; for a plain matrix A, W H and A − W H.

    Of images that are no bytes, or dark, the largest entry of A is white, which the titles say.
    """
    shape, alpha = data.image_shape, data.opacity
    if shape is None or alpha is None or data.pixels is None:
        return matrices(data.A, result)
    count = min(count, data.A.shape[1])
    white = images.peak(data.A, data.pixels)
    said = _mean_of(shape) + (f", white = {white:.3g}" if white != 1 else "")
    W, H = result.to_arrays()
    pairs = (
        ("Original", data.A[:, :count]),
        (f"Rank {result.rank}", W @ H[:, :count]),
    )
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    for ax, (title, A) in zip(figure.subplots(1, 2), pairs, strict=True):
        stack = images.over(images.to_images(A, shape, white), alpha[:count])
        show_pixels(ax, tile(stack, background=images.GREY), title + said)
    return figure


def errors(result: Factorization) -> Figure:
    """The error, ‖A − W H‖_F or √(2 D), against the iteration k, both logarithmic."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    ax.loglog(result.iterations, result.errors, color=BLUE, linewidth=2)
    plain_ticks(ax)
    ax.xaxis.set_major_formatter("{x:g}")
    title = f"Rank {result.rank}: {result.error:.4g} after {result.n_iter} iterations"
    ax.set(title=title, xlabel="iteration k", ylabel=symbol_of(result.settings))
    ax.grid(True, which="both", alpha=0.3)
    return figure
