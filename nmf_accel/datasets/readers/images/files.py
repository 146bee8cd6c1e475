"""Pictures, one or many in a file, and folders of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ...dataset import Dataset, DatasetError, shown
from ..foreign import check_kind
from ..held import in_short
from .frames import Frame, Pictures
from .netpbm import read_netpbm
from .pillow import read_pillow
from .resizing import checked_size, resized, resized_in_words
from .stacking import stacked
from .tiff import read_tiff

IMAGE_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm",
    ".pnm",
)  # fmt: skip

SIGNED: list[tuple[tuple[bytes, ...], Callable[[Path], Pictures]]] = [
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), read_netpbm),
    ((b"",), read_pillow),
]
"""What reads a picture, by how the file begins: an ending may be wrong."""

NEVER_MEANT = {"thumbs.db", "desktop.ini"}
"""What Windows leaves in a folder."""


def read_folder(folder: Path, *, size: tuple[int, int] | None = None) -> Dataset:
    """All pictures of a folder, in the order of their names; numbers in them count as such.

    Parameters
    ----------
    folder : Path
    size : (int, int), optional
        Width and height in pixels to which they are brought.

    Raises
    ------
    DatasetError
        If there are none, one cannot be read, or two do not go together.
    ValueError
        If `size` is no size.
    """
    size = checked_size(size)
    paths, others = _listed(folder)
    if not paths:
        there = f", but {_in_kinds(others)}; give one of these" if others else ": it is empty"
        raise DatasetError(f"{folder} holds no images ({', '.join(sorted(IMAGE_ENDINGS))}){there}")
    frames: list[Frame] = []
    names: list[str] = []
    said: list[str] = []
    sizes = []
    for path in paths:
        held = _held(path)
        frames += resized(held.frames, size)
        sizes += [frame.size for frame in held.frames]
        count = len(held.frames)
        names += [path.name] if count == 1 else [f"{path.name}#{k}" for k in range(count)]
        said += held.said
    said += resized_in_words(sizes, size)
    said += _passed_over(others)
    return stacked(frames, names, said, f"{folder}/")


def read_picture(path: Path, *, size: tuple[int, int] | None = None) -> Dataset:
    """All frames of one file; parameters and errors as of `read_folder`."""
    size = checked_size(size)
    held = _held(path)
    frames = resized(held.frames, size)
    done = resized_in_words([frame.size for frame in held.frames], size)
    names = [path.name] if len(frames) == 1 else [f"frame {k}" for k in range(len(frames))]
    return stacked(frames, names, [*held.said, *done], f"{shown(path)}: ")


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a folder, and what else it has that is not hidden."""
    pictures: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir(), key=_by_number):
        if path.name.startswith(".") or path.name.lower() in NEVER_MEANT:
            continue
        # A link to nowhere is a picture that is missing; a pipe would never end.
        there = path.is_file() or (path.is_symlink() and not path.exists())
        meant = there and path.suffix.lower() in IMAGE_ENDINGS
        (pictures if meant else others).append(path)
    return pictures, others


def _by_number(path: Path) -> tuple[list[str | int], str]:
    """What puts frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], path.name


def _passed_over(others: Iterable[Path]) -> list[str]:
    """What is said of what is no picture."""
    counts = Counter("folder" if path.is_dir() else "other file" for path in others)
    return [f"{count:,} {what}{'s' * (count > 1)} passed over" for what, count in counts.items()]


def _in_kinds(paths: Sequence[Path]) -> str:
    """How many of each kind there are: ``2 folders, 3 .npy``."""
    folders = sum(path.is_dir() for path in paths)
    endings = Counter(path.suffix or "without an ending" for path in paths if not path.is_dir())
    words = [f"{folders:,} folder{'s' * (folders > 1)}"] if folders else []
    return in_short([*words, *(f"{count:,} {ending}" for ending, count in endings.items())])


def _held(path: Path) -> Pictures:
    """What a file of pictures holds.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise ValueError("it is empty")
        check_kind(path)
        held = next(reader for signs, reader in SIGNED if start.startswith(signs))(path)
        if not held.frames:
            raise ValueError("it holds no picture")
        return held
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything for a damaged file
        raise DatasetError(
            f"{shown(path)} cannot be read as an image: {_in_words(error)}"
        ) from error


def _in_words(error: Exception) -> str:
    """One line; the kind of error where its words alone would say nothing."""
    words = " ".join(str(error).split())[:300]
    if isinstance(error, OSError | ValueError) and words:
        return words
    return f"it is damaged ({type(error).__name__}{': ' * bool(words)}{words})"
