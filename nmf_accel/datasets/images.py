"""Image stacks and matrices: reshaping, opacity, noise.

An image stack is (n, h, w, channels); a matrix has one image a column, its rows running over
(h, w, channels) in C order, with values byte / 255 in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import is_sparse

Floats = NDArray[np.floating[Any]]

GREY = 0.6
"""Default background behind transparent pixels."""


def to_matrix(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The colours of RGB or RGBA images as a matrix; opacity is left out.

    Parameters
    ----------
    pixels : (n, h, w, 3 or 4) uint8 array

    Returns
    -------
    (h * w * 3, n) float64 array
        Values in [0, 1].
    """
    colours = pixels[..., :3]
    return np.ascontiguousarray(colours.reshape(len(pixels), -1).T) / 255.0


def opacity(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Opacity of RGBA images, (n, h, w), from 0 (transparent) to 1; all 1 for RGB images."""
    if pixels.shape[-1] == 3:
        return np.ones(pixels.shape[:3])
    return pixels[..., 3] / 255.0


def to_images(A: Floats, shape: tuple[int, int, int]) -> Floats:
    """Columns of a matrix as images, clipped to [0, 1]: (n, *shape) with shape (h, w, 3).

    Raises
    ------
    ValueError
        If the columns do not have h * w * 3 entries.
    """
    if A.shape[0] != np.prod(shape):
        raise ValueError(f"columns of {A.shape[0]} entries are no images of shape {shape}")
    return np.clip(A.T, 0.0, 1.0).reshape(-1, *shape)


def over(colours: Floats, alpha: Floats, background: float = GREY) -> Floats:
    """Lay images (n, h, w, 3) of opacity (n, h, w) over a grey background."""
    return colours * alpha[..., None] + background * (1.0 - alpha[..., None])


def add_noise(A: Floats, sigma: float, seed: int = 0) -> Floats:
    """Add σ·N(0, 1) to the non-zero entries of `A`, then clip to [0, 1].

    Zero entries stay zero. The normals are drawn for the full shape of A from
    ``numpy.random.default_rng(seed)``, then masked, so that they do not depend on A's zeros.

    Raises
    ------
    ValueError
        If sigma is negative or not finite.
    TypeError
        If A is sparse.
    """
    if not (sigma >= 0 and np.isfinite(sigma)):
        raise ValueError(f"sigma is {sigma}; it must be a finite number >= 0")
    if is_sparse(A):
        raise TypeError("noise is added to a dense matrix only; pass A.toarray()")
    noise = sigma * np.random.default_rng(seed).standard_normal(A.shape)
    return np.where(A != 0, np.clip(A + noise, 0.0, 1.0), 0.0).astype(A.dtype)
