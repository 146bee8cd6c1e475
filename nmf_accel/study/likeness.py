"""How alike two stacks of images are to the eye."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

WINDOW = 7
"""Side of scikit-image's default window, in pixels."""

INSTALL = "pip install 'nmf-accel[study]'"


class MissingExtra(RuntimeError):
    """A package that the study needs is not installed; the message says how to install it."""


def require_extra() -> None:
    """Raise unless what the study needs beyond the core is installed.

    Raises
    ------
    MissingExtra
        Naming the package, and the command that installs it.
    """
    try:
        import jinja2
        import skimage.metrics
    except ImportError as error:
        raise MissingExtra(f"the study needs {error.name}; install it: {INSTALL}") from error
    del jinja2, skimage


def psnr(truth: Floats, images: Floats) -> float | None:
    """Peak signal-to-noise ratio of images in [0, 1], in decibels; None if they are equal."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(truth, images):
        return None
    return float(peak_signal_noise_ratio(truth, images, data_range=1.0))


def ssim(truth: Floats, images: Floats) -> float | None:
    """Mean structural similarity of images (n, h, w, 3) in [0, 1]; 1 if they are equal.

    None for images that are smaller than the 7 × 7 window.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
    error visibility to structural similarity", IEEE Trans. Image Process. 13 (2004).
    """
    from skimage.metrics import structural_similarity

    n, h, w, channels = truth.shape
    if min(h, w) < WINDOW:
        return None
    # All images in one strip: one call instead of n. Only windows inside one image count.
    strip = (n * h, w, channels)
    _, similarity = structural_similarity(
        truth.reshape(strip), images.reshape(strip), data_range=1.0, channel_axis=-1, full=True
    )
    edge = WINDOW // 2
    inside = similarity.reshape(truth.shape)[:, edge : h - edge, edge : w - edge]
    return float(inside.mean())
