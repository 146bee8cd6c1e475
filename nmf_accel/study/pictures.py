"""Figures of a study that are pictures: images, components and reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .. import plots
from ..datasets import images
from ..plots import show_pixels, tile
from .denoising import Denoising
from .image_tasks import Images

Floats = NDArray[np.floating[Any]]

SHOWN = 64
WIDTH = 7.0


def _panels(stacks: dict[str, Floats], height: float, columns: int | None = None) -> Figure:
    """Sheets of images beside each other."""
    figure = Figure(figsize=(WIDTH if len(stacks) > 1 else height, height), layout="constrained")
    row = figure.subplots(1, len(stacks), squeeze=False)[0]
    for axes, (title, stack) in zip(row, stacks.items(), strict=True):
        show_pixels(axes, tile(stack, columns, background=images.GREY), title)
    return figure


def first(study: Images) -> slice:
    """The images that are shown: the first 64."""
    return slice(min(SHOWN, study.data.A.shape[1]))


def grid(study: Images) -> Figure:
    """2a: the first 64 images, 8 × 8, on grey."""
    return _panels({"": study.as_seen(study.data.A, first(study))}, 6.2, columns=8)


def mean_image(study: Images) -> Figure:
    """2b: the mean colours, the mean opacity, and one laid with the other on grey."""
    colours = images.to_images(study.data.A.mean(axis=1, keepdims=True), study.shape)
    opacity = study.alpha.mean(axis=0)
    seen = study.as_seen(study.data.A).mean(axis=0, keepdims=True)
    return _panels(
        {
            "mean colours": colours,
            "mean opacity (white = 1)": np.repeat(opacity[None, :, :, None], 3, axis=3),
            "both, on grey": seen,
        },
        2.6,
    )


def components(study: Images, rank: int) -> Figure:
    """2c: the columns of W."""
    return plots.components(study.fits[rank], study.data)


def reconstructions(study: Images) -> Figure:
    """2d: the first 64 images beside their reconstructions."""
    rank, shown = study.settings.shown_rank, first(study)
    fitted = study.as_seen(study.fits[rank].reconstruct(), shown)
    original = study.as_seen(study.data.A, shown)
    return _panels({"Original": original, f"Rank {rank}": fitted}, 3.8, columns=8)


def best_and_worst(study: Images) -> Figure:
    """2d: the images with the least and the largest relative error, and the difference."""
    deviation, rank = study.numbers["deviation"], study.settings.shown_rank
    WH = study.fits[rank].reconstruct()
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    for axes, which in zip(figure.subplots(2, 1), ("best", "worst"), strict=True):
        chosen = deviation[which]
        original, fitted = study.as_seen(study.data.A, chosen), study.as_seen(WH, chosen)
        stack = np.concatenate([original, fitted, np.abs(original - fitted)])
        errors = [deviation["relative_error_by_image"][k] for k in chosen]
        ends = f"{100 * errors[0]:.3g} % to {100 * errors[-1]:.3g} %"
        title = f"{which.capitalize()} reconstructed: relative errors {ends}"
        show_pixels(axes, tile(stack, len(chosen), background=1.0), title)
    return figure


def noise_levels(study: Denoising) -> Figure:
    """3a: one image without noise and at half, once and twice σ."""
    clean, sigma = study.images, study.numbers["sigma"]
    seed, one = study.numbers["noise_seed"], slice(1)
    levels = {
        f"σ = {s:g}": clean.as_seen(images.add_noise(clean.data.A, s, seed), one)
        for s in (0, sigma / 2, sigma, 2 * sigma)
    }
    return _panels(levels, 2.1)


def noisy_grid(study: Denoising) -> Figure:
    """3a: the first 64 images with and without noise."""
    clean, shown = study.images, first(study.images)
    stacks = {
        "Without noise": clean.as_seen(clean.data.A, shown),
        f"With noise, σ = {study.numbers['sigma']:g}": clean.as_seen(study.noisy, shown),
    }
    return _panels(stacks, 3.8, columns=8)


def noisy_components(study: Denoising) -> Figure:
    """3b: the columns of W of the clean and of the noisy images."""
    clean, rank = study.images, study.images.settings.shown_rank
    stacks = {
        f"{title}, d = {rank}": images.to_images(plots.by_weight(fits[rank]), clean.shape)
        for title, fits in (("From clean images", clean.fits), ("From noisy images", study.fits))
    }
    return _panels(stacks, 3.8)


def noisy_reconstructions(study: Denoising) -> Figure:
    """3b: the first 64 noisy images beside their reconstructions."""
    clean, shown = study.images, first(study.images)
    rank = clean.settings.shown_rank
    fitted = clean.as_seen(study.fits[rank].reconstruct(), shown)
    noisy = clean.as_seen(study.noisy, shown)
    return _panels({"Noisy": noisy, f"Fit to noisy, d = {rank}": fitted}, 3.8, columns=8)


def denoised(study: Denoising) -> Figure:
    """3b: noisy images, and reconstructions from clean and from noisy ones."""
    clean, shown = study.images, slice(min(16, study.images.data.A.shape[1]))
    rank, best = clean.settings.shown_rank, study.numbers["best_rank"]
    stacks = {
        "Clean": clean.data.A,
        "Noisy": study.noisy,
        f"Fit to clean, d = {rank}": clean.fits[rank].reconstruct(),
        f"Fit to noisy, d = {rank}": study.fits[rank].reconstruct(),
    }
    for d in (best, max(study.fits)):
        stacks[f"Fit to noisy, d = {d}"] = study.fits[d].reconstruct()
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    places = figure.subplots(2, 3).ravel()
    for axes, (title, A) in zip(places, stacks.items(), strict=False):
        show_pixels(axes, tile(clean.as_seen(A, shown), 4, background=images.GREY), title)
    for axes in places[len(stacks) :]:
        axes.set_axis_off()
    return figure
