"""Task 2: images and their factorization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Dataset, images
from ..results import Factorization
from .comparing import svd_error
from .properties import largest_increase
from .runs import Runs
from .settings import StudySettings

Floats = NDArray[np.floating[Any]]
Numbers = dict[str, Any]
Fits = Mapping[int, Factorization]

RARE = 0.05
"""A pixel is rare if less than this share of the images have its colour at its place."""
USED = 0.1
"""A component uses a pixel where it reaches this share of its maximum."""
FEWEST_WITH_TRAIT = 3


@dataclass(frozen=True, repr=False)
class Images:
    """What Task 2 found.

    Attributes
    ----------
    settings : StudySettings
    data : Dataset
    fits : dict of Factorization
        By rank.
    numbers : dict
        As in ``study.json`` under ``task2``.
    """

    settings: StudySettings
    data: Dataset
    fits: Fits
    numbers: Numbers

    def __repr__(self) -> str:
        return f"<Task 2 of a study of {self.settings.dataset}, ranks {list(self.fits)}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, colours)."""
        assert self.data.image_shape is not None  # StudySettings.load saw to it
        return self.data.image_shape

    @cached_property
    def alpha(self) -> Floats:
        """Opacity of the images, (n, h, w)."""
        assert self.data.opacity is not None
        return self.data.opacity

    def as_seen(self, A: Floats, columns: Any = slice(None)) -> Floats:
        """Columns of a matrix as pictures: clipped, with the images' opacity, on grey."""
        return images.over(images.to_images(A[:, columns], self.shape), self.alpha[columns])


def study_images(runs: Runs, data: Dataset) -> Images:
    """Task 2: the images, their rank, the components, the errors by iteration and by rank."""
    settings = runs.settings
    fits = runs.factorize_ranks(data.A, settings.ranks, "2-images")
    values = np.linalg.svd(data.A, compute_uv=False)
    shown = settings.shown_rank
    numbers = {
        **matrix_numbers(data),
        "singular_values": values.tolist(),
        "matrix_rank": int(np.linalg.matrix_rank(data.A)),
        "error_by_rank": {d: fit.error for d, fit in fits.items()},
        "relative_error_by_rank": {d: fit.relative_error for d, fit in fits.items()},
        "svd_error_by_rank": {d: svd_error(values, d) for d in fits},
        "storage_ratio_by_rank": {d: storage_ratio(data.A.shape, d) for d in fits},
        "seconds_by_rank": {d: fit.seconds for d, fit in fits.items()},
        "errors_by_iteration": {d: fits[d].errors.tolist() for d in settings.curve_ranks},
        "largest_increase": max(largest_increase(fit.errors) for fit in fits.values()),
        "smallest_entry": min(float(min(fit.W.min(), fit.H.min())) for fit in fits.values()),
        "used_share_by_rank": {d: used_share(fit.W) for d, fit in fits.items()},
        "shown_rank": shown,
        "deviation": deviation(data, fits[shown]),
    }
    return Images(settings, data, fits, numbers)


def matrix_numbers(data: Dataset) -> Numbers:
    """2b: sizes, transparency, and the bound on the rank that follows from it."""
    shape, alpha, (m, n) = data.image_shape, data.opacity, data.A.shape
    assert shape is not None
    assert data.pixels is not None
    assert alpha is not None
    transparent = int((alpha.max(axis=0) == 0).sum())
    norm, mean = float(np.linalg.norm(data.A)), data.A.mean(axis=1, keepdims=True)
    return {
        "data": data.name,
        "n_images": n,
        "shape": [m, n],
        "image_shape": list(shape[:2]),
        "channels": data.pixels.shape[3],
        "said": list(data.said),
        "norm": norm,
        "mean_value": float(data.A.mean()),
        "mean_image_error": float(np.linalg.norm(data.A - mean)),
        "mean_opacity": float(alpha.mean()),
        "always_opaque_pixels": int((alpha.min(axis=0) == 1).sum()),
        "always_transparent_pixels": transparent,
        "zero_rows": int((data.A.max(axis=1) == 0).sum()),
        "rank_bound": min(m - shape[2] * transparent, n),
    }


def storage_ratio(shape: tuple[int, ...], rank: int) -> float:
    """d(m + n) / (mn): the entries of W and H over those of A."""
    m, n = shape
    return rank * (m + n) / (m * n)


def used_share(W: Floats) -> float:
    """Mean share of the rows, of those that are not zero, that a column of W uses."""
    peak = W.max(axis=0)
    alive = W[:, peak > 0] / peak[peak > 0]
    used = (alive >= USED).sum(axis=0)
    return float(used.mean() / (W.max(axis=1) > 0).sum())


def deviation(data: Dataset, fit: Factorization) -> Numbers:
    """2d: the error of each image, and what it has to do with rare features."""
    assert data.pixels is not None
    rest = data.A - np.asarray(fit.reconstruct(), dtype=np.float64)
    error = np.linalg.norm(rest, axis=0)
    norm = np.linalg.norm(data.A, axis=0)
    relative = error / np.where(norm > 0, norm, 1.0)
    order = np.argsort(relative, kind="stable")
    rare = rare_pixels(data.pixels)
    squares = (rest**2).reshape(*data.pixels.shape[1:3], -1, rest.shape[1]).sum(axis=2)
    squares = np.moveaxis(squares, -1, 0)
    return {
        "error_by_image": error.tolist(),
        "relative_error_by_image": relative.tolist(),
        "best": order[:8].tolist(),
        "worst": order[::-1][:8].tolist(),
        "rare_pixel_share": float(rare.mean()),
        "rare_squared_error_share": float((squares * rare).sum() / max(squares.sum(), 1e-300)),
        "rarity_by_image": rare.mean(axis=(1, 2)).tolist(),
        "rarity_error_correlation": correlation(rare.mean(axis=(1, 2)), relative),
        "traits": trait_errors(data, relative),
    }


def rare_pixels(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Where an image has a colour that few others have at that place, (n, h, w)."""
    n, h, w, channels = pixels.shape
    size = channels * pixels.dtype.itemsize
    # Colours are compared as a whole: as one number, or as bytes where none is as long.
    whole = np.dtype(f"u{size}" if size in (1, 2, 4, 8) else f"V{size}")
    colours = np.ascontiguousarray(pixels).view(whole).reshape(n, h * w)
    rare = np.empty((n, h * w), dtype=bool)
    for place in range(h * w):
        _, which, counts = np.unique(colours[:, place], return_inverse=True, return_counts=True)
        rare[:, place] = counts[which] < RARE * n
    return rare.reshape(n, h, w)


def correlation(x: Floats, y: Floats) -> float | None:
    """Pearson's r; None where one of them does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def trait_errors(data: Dataset, relative: Floats) -> list[Numbers]:
    """Mean error of the images that share a trait, the worst first; empty without labels."""
    rows = [
        {
            "category": category,
            "trait": str(trait),
            "images": int((labels == trait).sum()),
            "mean_relative_error": float(relative[labels == trait].mean()),
        }
        for category, labels in data.labels.items()
        for trait in np.unique(labels)
        if (labels == trait).sum() >= FEWEST_WITH_TRAIT
    ]
    return sorted(rows, key=lambda row: -row["mean_relative_error"])
