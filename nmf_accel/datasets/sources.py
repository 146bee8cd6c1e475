"""Where data sets come from: by a name, or from a file or folder.

Two tables say all that the library knows of them. A data set that goes by a name is a function and
a line in `NAMED`, a kind of file is a function and a line in `READERS`; commands, help texts and
messages read the tables whenever they need them, so that lines which others add at run time count.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .characters import sprites
from .dataset import Dataset, DatasetError, first, of_images
from .punks import cryptopunks, fetch_cryptopunks, punks_path, punks_state
from .readers.arrays import read_numpy
from .readers.images import read_folder
from .readers.tables import read_csv


@dataclass(frozen=True)
class Named:
    """All that the library knows of a data set that goes by a name.

    Attributes
    ----------
    load : callable
        ``load(n_images)`` gives its first `n_images` samples; for None, its own default.
    description : str
        How many samples it has and of which size, for ``nmf-accel data``.
    where : callable
        Says where it lies, or would; opens and downloads nothing.
    state : callable
        Says whether it can be had, and else what to do; downloads nothing.
    study_images : int, optional
        How many of its images ``nmf-accel study`` takes if it is not told; None leaves it to
        `load`.
    fetch : callable, optional
        Brings its file here if need be and gives the path, verified by its SHA-256. Without it
        there is nothing to fetch.
    """

    load: Callable[[int | None], Dataset] = field(repr=False)
    description: str
    where: Callable[[], object] = field(repr=False)
    state: Callable[[], str] = field(repr=False)
    study_images: int | None = None
    fetch: Callable[[], Path] | None = field(default=None, repr=False)


NAMED: dict[str, Named] = {
    "sprites": Named(
        load=sprites,
        description="any number, 24 × 24",
        where=lambda: "drawn by nmf_accel",
        state=lambda: "always there",
        study_images=500,
    ),
    "cryptopunks": Named(
        load=cryptopunks,
        description="10,000, 24 × 24",
        where=punks_path,
        state=punks_state,
        study_images=500,
        fetch=fetch_cryptopunks,
    ),
}
"""The data sets that go by a name, in the order in which ``nmf-accel data`` lists them."""

Reader = Callable[[Path], Any]
"""Reads a file: a matrix with one sample a column, or a `ValueError` that says what is wrong."""

READERS: dict[str, Reader] = {".npy": read_numpy, ".npz": read_numpy, ".csv": read_csv}
"""The readers of files with a matrix, by the ending of the file's name in small letters."""


def load(source: str, n_images: int | None = None) -> Dataset:
    """A data set by name, or from a file or folder.

    Parameters
    ----------
    source : str
        A name in `NAMED`, such as ``cryptopunks`` and ``sprites``; a file with a matrix, one
        sample a column, whose ending is in `READERS`: ``.npy``, ``.npz`` (also a sparse one of
        scipy's) or ``.csv``; or a folder of images of one size.
    n_images : int, optional
        How many images (columns), from the first.

    Raises
    ------
    DatasetError
        If the source is missing or cannot be read as one of these.
    ValueError
        If there are fewer images than asked for.
    """
    if source in NAMED:
        return NAMED[source].load(n_images)
    path = Path(source)
    if path.is_dir():
        return of_images(source, first(read_folder(path), n_images, source))
    ending = path.suffix.lower()
    if ending not in READERS:
        raise DatasetError(
            f"{source!r} is no data set ({_names()}), no folder of images, and no "
            f"{', '.join(READERS)} file"
        )
    if not path.exists():
        raise DatasetError(f"{source} does not exist")
    try:
        A = READERS[ending](path)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{source} cannot be read: {error}") from error
    if A.ndim == 2:
        A = first(A.T, n_images, source).T
    return Dataset(source, A)


def sources_in_words() -> str:
    """What `load` takes, for help texts: the names, the files, a folder."""
    *most, last = READERS
    files = f"{', '.join(most)} or {last}" if most else last
    return f"{_names()}, a {files} file with one sample a column, or {_FOLDER} of one size"


def image_sources_in_words() -> str:
    """Which of them hold images: the names and a folder."""
    return f"{_names()} or {_FOLDER}"


_FOLDER = "a folder of images"


def _names() -> str:
    return ", ".join(sorted(NAMED))
