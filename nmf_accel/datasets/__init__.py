"""Data sets: the CryptoPunks, the project's own sprites, and the user's files."""

from . import images
from .characters import draw_sprites, sprites
from .dataset import Dataset, DatasetError
from .images import add_noise
from .named import NAMED, Named
from .punks import (
    FOLDER_VARIABLE,
    PUNKS_FILE,
    PUNKS_SHA256,
    PUNKS_URL,
    cryptopunks,
    fetch_cryptopunks,
    punks_path,
)
from .readers.images.files import IMAGE_ENDINGS
from .sources import (
    FOLDERS,
    READERS,
    Folder,
    Reader,
    image_sources_in_words,
    read,
    sources_in_words,
)
from .sources import read as load  # as it was called before files had names

__all__ = [
    "FOLDERS",
    "FOLDER_VARIABLE",
    "IMAGE_ENDINGS",
    "NAMED",
    "PUNKS_FILE",
    "PUNKS_SHA256",
    "PUNKS_URL",
    "READERS",
    "Dataset",
    "DatasetError",
    "Folder",
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
    "read",
    "sources_in_words",
    "sprites",
]
