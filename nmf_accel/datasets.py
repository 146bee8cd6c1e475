"""Data sets: the CryptoPunks, the project's own sprites, and the user's files."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import images
from .arrays import is_sparse

PUNKS_FILE = "punks.png"
PUNKS_URL = "https://raw.githubusercontent.com/larvalabs/cryptopunks/master/punks.png"
PUNKS_SHA256 = "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
"""As written into the CryptoPunks contract on the Ethereum blockchain."""

FOLDER_VARIABLE = "NMF_ACCEL_DATA"
IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


class DatasetError(RuntimeError):
    """A data set is missing, or is not what it claims to be; the message says what to do."""


@dataclass(frozen=True)
class Dataset:
    """A matrix to factorize, and the images behind it if there are any.

    Attributes
    ----------
    name : str
        What it was asked for by: ``cryptopunks``, ``sprites`` or a path.
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


def cryptopunks(n_images: int | None = None) -> Dataset:
    """The first `n_images` of the 10,000 CryptoPunks, 24 × 24 RGBA; by default all.

    The sheet is looked for in the folder that ``NMF_ACCEL_DATA`` names, else in the user's
    cache, and is downloaded there (0.8 MB, once) if it is missing.

    Raises
    ------
    DatasetError
        If the file is not the genuine sheet, or is missing and cannot be downloaded.
    ValueError
        If there are fewer images than asked for.
    """
    from PIL import Image

    with Image.open(fetch_cryptopunks()) as sheet:
        pixels = np.asarray(sheet.convert("RGBA"))
    # Punk i stands at row i // 100, column i % 100 of the sheet.
    pixels = pixels.reshape(100, 24, 100, 24, 4).swapaxes(1, 2).reshape(-1, 24, 24, 4)
    return _of_images("cryptopunks", _first(pixels, n_images, "cryptopunks"))


def sprites(n_images: int | None = None, seed: int = 0) -> Dataset:
    """`n_images` (500) pixel-art characters of the project's own, 24 × 24 RGBA, with traits.

    They need no network, look like the punks to the library, and the first k of n are the same
    as the k that ``sprites(k)`` draws.
    """
    from .sprites import draw_sprites

    pixels, labels = draw_sprites(500 if n_images is None else n_images, seed)
    return _of_images("sprites", pixels, labels)


def load(source: str, n_images: int | None = None) -> Dataset:
    """A data set by name, or from a file or folder.

    Parameters
    ----------
    source : str
        ``cryptopunks``, ``sprites``; an ``.npy``, ``.npz`` (also a sparse one of scipy's) or
        ``.csv`` file with a matrix, one sample a column; or a folder of images of one size.
    n_images : int, optional
        How many images (columns), from the first.

    Raises
    ------
    DatasetError
        If the source is missing or cannot be read as one of these.
    ValueError
        If there are fewer images than asked for.
    """
    if source == "cryptopunks":
        return cryptopunks(n_images)
    if source == "sprites":
        return sprites(n_images)
    path = Path(source)
    if path.is_dir():
        return _of_images(source, _first(_read_folder(path), n_images, source))
    readers = {".npy": _read_numpy, ".npz": _read_numpy, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise DatasetError(
            f"{source!r} is no data set (cryptopunks, sprites), no folder of images, and no "
            f"{', '.join(readers)} file"
        )
    if not path.exists():
        raise DatasetError(f"{source} does not exist")
    try:
        A = readers[path.suffix.lower()](path)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{source} cannot be read: {error}") from error
    if A.ndim == 2:
        A = _first(A.T, n_images, source).T
    return Dataset(source, A)


def punks_path() -> Path:
    """Where the CryptoPunks sheet lies, or would."""
    import pooch

    return Path(os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("nmf_accel")) / PUNKS_FILE


def fetch_cryptopunks() -> Path:
    """Path of the verified CryptoPunks sheet, downloaded if need be; see `cryptopunks`."""
    import pooch

    path = punks_path()
    if path.exists():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != PUNKS_SHA256:
            raise DatasetError(
                f"{path} is not the CryptoPunks sheet: its SHA-256 is {found}, it should be "
                f"{PUNKS_SHA256}; delete it, and `nmf-accel data fetch cryptopunks` downloads it"
            )
        return path
    try:
        pooch.retrieve(
            PUNKS_URL,
            f"sha256:{PUNKS_SHA256}",
            fname=path.name,
            path=path.parent,
            progressbar=False,
        )
    except (OSError, ValueError) as error:  # no network (requests), no right to write, wrong hash
        raise DatasetError(
            f"the CryptoPunks are not in {path.parent} and could not be downloaded "
            f"({type(error).__name__}). Download {PUNKS_URL} to {path}, or set {FOLDER_VARIABLE} "
            "to the folder that holds it; the data set `sprites` needs no download"
        ) from error
    return path


def _of_images(
    name: str, pixels: NDArray[np.uint8], labels: dict[str, NDArray[np.str_]] | None = None
) -> Dataset:
    return Dataset(name, images.to_matrix(pixels), pixels, labels or {})


def _first(samples: Any, count: int | None, name: str) -> Any:
    """The first `count` samples, along axis 0."""
    if count is None:
        return samples
    if not 1 <= count <= samples.shape[0]:
        raise ValueError(f"{count} images of {name} asked for; there are 1 to {samples.shape[0]}")
    return samples.tocsr()[:count] if is_sparse(samples) else samples[:count]


def _read_folder(folder: Path) -> NDArray[np.uint8]:
    """All images of a folder in the order of their names, (n, h, w, 4)."""
    from PIL import Image

    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
    if not paths:
        raise DatasetError(f"{folder} holds no images ({', '.join(sorted(IMAGE_ENDINGS))})")
    stack = []
    for path in paths:
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGBA"))
        except OSError as error:
            raise DatasetError(f"{path} cannot be read as an image: {error}") from error
        # Colour that nobody sees would still be factorized.
        stack.append(np.where(pixels[..., 3:] > 0, pixels, 0).astype(np.uint8))
        if stack[-1].shape != stack[0].shape:
            (h, w), (h0, w0) = stack[-1].shape[:2], stack[0].shape[:2]
            raise DatasetError(
                f"{path} is {w} × {h} pixels, but {paths[0].name} is {w0} × {h0}; "
                "all images must be of one size"
            )
    return np.stack(stack)


def _read_numpy(path: Path) -> Any:
    with path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        names = list(stored.files)
        if {"format", "shape", "data"} <= set(names):
            return _read_sparse(path)
        if "A" not in names and len(names) != 1:
            held = f"several arrays ({', '.join(names)}); name one A" if names else "no array"
            raise ValueError(f"it holds {held}")
        return np.asarray(stored["A" if "A" in names else names[0]])


def _read_sparse(path: Path) -> Any:
    """What `scipy.sparse.save_npz` wrote."""
    try:
        from scipy.sparse import load_npz
    except ImportError:
        raise ValueError("it holds a sparse matrix, which takes scipy: pip install scipy") from None
    return load_npz(path).tocsr()


def _read_csv(path: Path) -> NDArray[Any]:
    with path.open(encoding="utf-8-sig") as file:  # a spreadsheet may write a byte-order mark
        lines = [line for line in file if line.strip()]
    header = int(bool(lines) and not _are_numbers(lines[0].split(",")))  # names of columns
    if len(lines) <= header:
        raise ValueError("it holds no numbers")
    return np.loadtxt(lines, delimiter=",", skiprows=header, ndmin=2)


def _are_numbers(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False
