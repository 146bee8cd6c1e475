"""A data set: a matrix with one sample a column, its names, and the images behind it if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import Names as Names  # which readers take from here
from ..matrices import is_sparse
from .images import BLOCK, opacity, to_matrix


class DatasetError(RuntimeError):
    """A data set is missing, or is not what it claims to be; the message says what to do."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """A matrix to factorize, the names of its rows and columns, and the images behind it.

    Attributes
    ----------
    name : str
        What it was asked for by: a name such as ``sprites``, or a path.
    A : (m, n) array or sparse matrix
        One sample a column.
    pixels : (n, h, w, channels) array, optional
        The images, of any dtype: their colours, and their opacity if there is one channel more
        than A has rows for.
    labels : dict of (n,) arrays
        Traits of each image, where known.
    features : (m,) array of str, optional
        Names of the rows.
    samples : (n,) array of str, optional
        Names of the columns.
    said : sequence of str
        What its reader took the file for, a few words each, such as ``header row``.
    """

    name: str
    A: Any
    pixels: NDArray[Any] | None = None
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    features: Names | None = None
    samples: Names | None = None
    said: Sequence[str] = ()

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(h, w, colours), or None where the columns are no images."""
        if self.pixels is None:
            return None
        h, w = self.pixels.shape[1:3]
        return h, w, self.A.shape[0] // (h * w)

    @property
    def opacity(self) -> NDArray[np.floating[Any]] | None:
        """Opacity of the images, (n, h, w), from 0 to 1; None where the columns are no images."""
        shape = self.image_shape
        if shape is None or self.pixels is None:
            return None
        return opacity(self.pixels, shape[2])

    @property
    def taken(self) -> str:
        """One line that says what was read: sizes, what was assumed, dtype, what is missing."""
        m, n = np.shape(self.A)
        words = [f"{m:,} features × {n:,} samples", *self.said, str(self.A.dtype)]
        if is_sparse(self.A):
            words.append(f"sparse, {self.A.nnz:,} stored")
        if missing := self.missing:
            words.append(f"{missing:,} missing")
        return " · ".join(words)

    @cached_property
    def missing(self) -> int:
        """How many entries are NaN."""
        stored = np.asarray(self.A.data if is_sparse(self.A) else self.A)
        if stored.dtype.kind != "f":
            return 0
        step = max(1, BLOCK // max(1, stored[:1].size))
        blocks = (stored[at : at + step] for at in range(0, len(stored), step))
        return sum(int(np.count_nonzero(np.isnan(block))) for block in blocks)

    def transposed(self) -> Dataset:
        """It with features and samples in each other's place.

        Raises
        ------
        ValueError
            If its columns are images.
        """
        if self.pixels is not None:
            raise ValueError("its samples are images, which cannot be transposed")
        said = (*self.said, "transposed")
        return replace(
            self, A=self.A.T, features=self.samples, samples=self.features, said=said, labels={}
        )

    def first(self, count: int | None) -> Dataset:
        """It with its first `count` samples; all if that is None.

        Raises
        ------
        ValueError
            If there are fewer.
        """
        if count is None:
            return self
        labels = {name: values[:count] for name, values in self.labels.items()}
        return replace(
            self,
            A=first(self.A.T, count, self.name).T,
            pixels=None if self.pixels is None else self.pixels[:count],
            samples=None if self.samples is None else self.samples[:count],
            labels=labels,
        )

    def __repr__(self) -> str:
        """One line: the arrays would fill the screen."""
        size = " × ".join(map(str, np.shape(self.A)))
        if self.image_shape is None:
            kind = "sparse matrix" if is_sparse(self.A) else "matrix"
        else:
            kind = "images of {} × {}".format(*self.image_shape)
        said = "".join(f" · {words}" for words in self.said)
        return f"Dataset({self.name!r}, {size}, {kind}{said})"


def shown(path: object) -> str:
    """A path as a message and a terminal may have it: on one line, without codes."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


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
        raise ValueError(f"{count} samples of {name} asked for; there are 1 to {samples.shape[0]}")
    return samples.tocsr()[:count] if is_sparse(samples) else samples[:count]
