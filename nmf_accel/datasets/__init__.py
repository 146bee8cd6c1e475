"""Data sets: the CryptoPunks, the project's own sprites, and the user's files."""

from . import images
from .characters import draw_sprites, sprites
from .dataset import Dataset, DatasetError
from .images import add_noise
from .punks import (
    FOLDER_VARIABLE,
    PUNKS_FILE,
    PUNKS_SHA256,
    PUNKS_URL,
    cryptopunks,
    fetch_cryptopunks,
    punks_path,
)
from .readers.images import IMAGE_ENDINGS
from .sources import (
    NAMED,
    READERS,
    Named,
    Reader,
    image_sources_in_words,
    load,
    sources_in_words,
)

__all__ = [
    "FOLDER_VARIABLE",
    "IMAGE_ENDINGS",
    "NAMED",
    "PUNKS_FILE",
    "PUNKS_SHA256",
    "PUNKS_URL",
    "READERS",
    "Dataset",
    "DatasetError",
    "Named",
    "Reader",
    "add_noise",
    "cryptopunks",
    "draw_sprites",
    "fetch_cryptopunks",
    "image_sources_in_words",
    "images",
    "load",
    "punks_path",
    "sources_in_words",
    "sprites",
]
