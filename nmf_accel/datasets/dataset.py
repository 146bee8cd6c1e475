"""A data set: a matrix with one sample a column, and the images behind it if there are any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matrices import is_sparse
from .images import to_matrix


class DatasetError(RuntimeError):
    """A data set is missing, or is not what it claims to be; the message says what to do."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """A matrix to factorize, and the images behind it if there are any.

    Attributes
    ----------
    name : str
        What it was asked for by: a name such as ``sprites``, or a path.
    A : (m, n) array or sparse matrix
        One sample a column.
    pixels : (n, h, w, 4) uint8 array, optional
        The images, RGBA.
    labels : dict of (n,) arrays
        Traits of each image, where known.
    """

    name: str
    A: Any
    pixels: NDArray[np.uint8] | None = None
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(h, w, 3), or None where the columns are no images."""
        return None if self.pixels is None else (*self.pixels.shape[1:3], 3)

    def __repr__(self) -> str:
        """One line: the arrays would fill the screen."""
        size = " × ".join(map(str, np.shape(self.A)))
        if self.image_shape is None:
            kind = "sparse matrix" if is_sparse(self.A) else "matrix"
        else:
            kind = "images of {} × {}".format(*self.image_shape)
        return f"Dataset({self.name!r}, {size}, {kind})"


def of_images(
    name: str, pixels: NDArray[np.uint8], labels: dict[str, NDArray[np.str_]] | None = None
) -> Dataset:
    """The data set of an RGBA image stack (n, h, w, 4)."""
    return Dataset(name, to_matrix(pixels), pixels, labels or {})


def first(samples: Any, count: int | None, name: str) -> Any:
    """The first `count` samples, along axis 0; all if it is None.

    Raises
    ------
    ValueError
        If there are fewer; `name` says of what.
    """
    if count is None:
        return samples
    if not 1 <= count <= samples.shape[0]:
        raise ValueError(f"{count} images of {name} asked for; there are 1 to {samples.shape[0]}")
    return samples.tocsr()[:count] if is_sparse(samples) else samples[:count]
