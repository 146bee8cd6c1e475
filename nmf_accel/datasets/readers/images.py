"""A folder of images of one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import DatasetError

IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def read_folder(folder: Path) -> NDArray[np.uint8]:
    """All images of a folder in the order of their names, (n, h, w, 4).

    Raises
    ------
    DatasetError
        If there are none, one cannot be read, or one is of another size.
    """
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
