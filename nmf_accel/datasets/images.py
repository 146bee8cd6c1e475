"""Image stacks and matrices: reshaping, opacity, noise.

An image stack is (n, h, w, channels): the colours, then the opacity if there is one. A matrix has
one image a column, its rows running over (h, w, colours) in C order. Integers are divided by the
largest of their dtype, as bytes by 255; floats stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import is_sparse

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[Any]

BLOCK = 2**20
"""Entries that are divided at once."""
DARK = 0.25
"""Share of white below which bytes hardly show."""
GREY = 0.6
"""Default background behind transparent pixels."""


def colours_of(channels: int) -> int:
    """How many of the channels of an image are colours: 1 of grey, 3 of RGB, opacity or not."""
    return channels - (channels in (2, 4))


def white_of(dtype: np.dtype[Any]) -> int | None:
    """What pixels of a dtype are divided by: the largest integer, 1 of bits; None for floats.

    Raises
    ------
    ValueError
        If they are neither.
    """
    if dtype.kind == "b":
        return 1
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).max)
    if dtype.kind != "f":
        raise ValueError(f"it holds {dtype} pixels; save their real part or their magnitude")
    return None


def to_matrix(pixels: Pixels, colours: int | None = None, white: int | None = None) -> Floats:
    """The colours of images as a matrix; opacity is left out.

    Parameters
    ----------
    pixels : (n, h, w, channels) array
    colours : int, optional
        How many channels, from the first, are colours; by default what `colours_of` says.
    white : int, optional
        What integers are divided by; by default the largest of their dtype.

    Returns
    -------
    (h * w * colours, n) array
        Of float64 in [0, 1] for unsigned integers; floats keep their dtype and values.
    """
    n, h, w, channels = pixels.shape
    width = w * (colours_of(channels) if colours is None else colours)
    white = white_of(pixels.dtype) if white is None else white
    A = np.empty((h * width, n), pixels.dtype if white is None else np.float64)
    step = max(1, BLOCK // max(1, width * n))  # rows of pixels that stay in the cache
    for y in range(0, h, step):
        block = pixels[:, y : y + step, :, : width // w].reshape(n, -1).T
        part = A[y * width : y * width + len(block)]
        if white is None:
            part[:] = block
        else:
            np.divide(np.ascontiguousarray(block), float(white), out=part)
    return A


def opacity(pixels: Pixels, colours: int | None = None) -> Floats:
    """Opacity of images, (n, h, w), from 0 (transparent) to 1; all 1 where there is none.

    `pixels` and `colours` are as of `to_matrix`.
    """
    channels = pixels.shape[-1]
    if channels == (colours_of(channels) if colours is None else colours):
        return np.ones(pixels.shape[:3])
    white = white_of(pixels.dtype)
    return np.asarray(pixels[..., -1] / float(white or 1))


def peak(A: Any, pixels: Pixels) -> float:
    """The value of a matrix that is drawn as white: 1 of bytes and bits, else the largest.

    What cameras measure is often far below the largest integer, and floats know no largest one;
    bytes are drawn by their largest, if all of them are `DARK`.
    """
    most = float(np.nanmax(A, initial=0.0))
    if pixels.dtype.itemsize == 1 and most >= DARK:
        return 1.0
    return most if most > 0 else 1.0


def to_images(A: Floats, shape: tuple[int, int, int], white: float = 1.0) -> Floats:
    """Columns of a matrix as images, divided by `white` and clipped to [0, 1].

    Parameters
    ----------
    A : (h * w * colours, n) array
    shape : (int, int, int)
        h, w and colours.
    white : float
        The value that becomes 1.

    Returns
    -------
    (n, h, w, colours) array

    Raises
    ------
    ValueError
        If the columns do not have h * w * colours entries.
    """
    if A.shape[0] != np.prod(shape):
        raise ValueError(f"columns of {A.shape[0]} entries are no images of shape {shape}")
    found: Floats = np.clip(A.T / white, 0.0, 1.0).reshape(-1, *shape)
    return found


def over(colours: Floats, alpha: Floats, background: float = GREY) -> Floats:
    """Lay images (n, h, w, colours) of opacity (n, h, w) over a grey background.

    It is also seen where a colour is missing (NaN).
    """
    seen = colours * alpha[..., None] + background * (1.0 - alpha[..., None])
    return np.where(np.isnan(seen), background, seen)


def add_noise(A: Floats, sigma: float, seed: int = 0) -> Floats:
    """Add σ·N(0, 1) to the non-zero entries of `A`, then clip to [0, 1].

    Zero entries stay zero. The normals are drawn for the full shape of A from
    ``numpy.random.default_rng(seed)``, then masked, so that they do not depend on A's zeros.

    Raises
    ------
    ValueError
        If sigma is negative or not finite, or the seed is negative.
    TypeError
        If A is sparse.
    """
    if not (sigma >= 0 and np.isfinite(sigma)):
        raise ValueError(f"sigma is {sigma}; it must be a finite number >= 0")
    if seed < 0:
        raise ValueError(f"the seed of the noise is {seed}; it must be at least 0")
    if is_sparse(A):
        raise TypeError("noise is added to a dense matrix only; pass A.toarray()")
    with np.errstate(over="ignore"):  # it is clipped
        noise = sigma * np.random.default_rng(seed).standard_normal(A.shape)
    return np.where(A != 0, np.clip(A + noise, 0.0, 1.0), 0.0).astype(A.dtype)
