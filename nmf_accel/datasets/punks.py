"""The CryptoPunks: found or downloaded, and verified before anything reads them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from .dataset import Dataset, DatasetError, first, of_images

PUNKS_FILE = "punks.png"
PUNKS_URL = "https://raw.githubusercontent.com/larvalabs/cryptopunks/master/punks.png"
PUNKS_SHA256 = "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
"""As written into the CryptoPunks contract on the Ethereum blockchain."""

FOLDER_VARIABLE = "NMF_ACCEL_DATA"


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
    return of_images("cryptopunks", first(pixels, n_images, "cryptopunks"))


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


def punks_state() -> str:
    """Whether the sheet is there and genuine, for ``nmf-accel data``; downloads nothing."""
    if not punks_path().exists():
        return "not there; nmf-accel data fetch cryptopunks"
    try:
        fetch_cryptopunks()
    except DatasetError as error:
        return f"refused: {error}"
    return "present, SHA-256 verified"
