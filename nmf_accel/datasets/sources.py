"""Where data sets come from: by a name, or from a file or folder.

Tables say all that the library knows of them. A data set that goes by a name is a function and a
line in `NAMED`, a kind of file is a function and a line in `READERS`, a kind of folder one in
`FOLDERS`; commands, help texts and messages read the tables whenever they need them, so that lines
which others add at run time count.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from .dataset import Dataset, DatasetError, shown
from .named import NAMED
from .readers.arrays.matlab import read_mat
from .readers.arrays.numpy_files import read_numpy
from .readers.foreign import check_kind
from .readers.images.files import IMAGE_ENDINGS, read_folder, read_picture
from .readers.limits import trusting
from .readers.market.files import matrices_in, read_mtx, read_tenx_folder
from .readers.packed import OPENERS
from .readers.sound import read_wav
from .readers.stores.hdf5 import read_h5ad, read_hdf5, read_loom
from .readers.stores.zarr_store import is_zarr, read_zarr
from .readers.tables.files import read_feather, read_parquet, read_text
from .readers.tables.text import TEXT_ENDINGS

Reader = Callable[..., Any]
"""Reads a file or folder: from its path to a `Dataset`, or to a matrix with one sample a column.

It raises an error that says what is wrong. Its keyword-only parameters are the options of `read`
that it takes.
"""

READERS: dict[str, Reader] = {
    ".npy": read_numpy,
    ".npz": read_numpy,
    ".mat": read_mat,
    **dict.fromkeys((".h5", ".hdf5", ".he5"), read_hdf5),
    ".h5ad": read_h5ad,
    ".loom": read_loom,
    ".zarr.zip": read_zarr,
    ".mtx": read_mtx,
    ".mtx.gz": read_mtx,
    ".wav": read_wav,
    **dict.fromkeys(TEXT_ENDINGS, read_text),
    ".parquet": read_parquet,
    ".feather": read_feather,
    **dict.fromkeys(IMAGE_ENDINGS, read_picture),
}
"""The readers of files, by the ending of the file's name in small letters; the longest one counts.
"""


class Folder(NamedTuple):
    """A kind of folder.

    Attributes
    ----------
    knows : callable
        Whether a path is such a folder.
    read : Reader
    words : str
        What it is called in help texts.
    """

    knows: Callable[[Path], bool]
    read: Reader
    words: str


IMAGES = "a folder of images"

FOLDERS: list[Folder] = [
    Folder(is_zarr, read_zarr, "a zarr folder"),
    Folder(lambda path: bool(matrices_in(path)), read_tenx_folder, "a folder of 10x Genomics"),
    Folder(lambda path: True, read_folder, IMAGES),
]
"""The kinds of folder; the first one that knows a folder reads it."""


def read(
    source: str,
    n_images: int | None = None,
    *,
    transpose: bool = False,
    header: bool | None = None,
    index: bool | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    columns: str | Sequence[str] | None = None,
    long: bool | None = None,
    array: str | None = None,
    layer: str | None = None,
    size: tuple[int, int] | None = None,
    n_fft: int | None = None,
    trust: bool = False,
) -> Dataset:
    """A data set by name, or from a file or folder, with the names that it has.

    Parameters
    ----------
    source : str
        A name in `NAMED`, such as ``cryptopunks`` and ``sprites``; a file with a matrix, one
        sample a column, whose ending is in `READERS`; or a folder, of images or another kind in
        `FOLDERS`. ``docs/files.md`` has the table of formats.
    n_images : int, optional
        How many samples (columns), from the first.
    transpose : bool
        Rows are samples: read it the other way.
    header : bool, optional
        Whether the first row of a table has names; by default what it looks like.
    index : bool, optional
        Whether the first column of a table has names; by default what it looks like.
    sep : str, optional
        What is between two cells of a table of text; by default what fits.
    decimal : {'.', ','}, optional
        What is before the decimals in a table of text; by default what fits.
    columns : str or sequence of str, optional
        Which columns of a table to take: names, and ranges such as ``'s1:s20'``, by commas.
    long : bool, optional
        Whether a table has one entry a row, as (row, column, value), and is to become a sparse
        matrix.
    array : str, optional
        Which of several arrays of a file.
    layer : str, optional
        Which layer of an AnnData file; ``'.raw'`` is the X of its raw, as is ``'raw'`` where no
        layer is called so.
    size : (int, int), optional
        Width and height in pixels to which images are brought.
    n_fft : int, optional
        Samples of sound in a window of the spectrogram.
    trust : bool
        Read a file also if it claims to hold more than 200 times its size, as a damaged one does.

    Returns
    -------
    Dataset
        Its `taken` says in one line what the source was taken for.

    Raises
    ------
    DatasetError
        If the source is missing, cannot be read, or could be read in more than one way; if an
        option is given that says nothing of such a source.
    ValueError
        If there are fewer samples than asked for.
    """
    options = {name: value for name, value in locals().items() if name in READING}
    asked = {name: value for name, value in options.items() if value is not None}
    if source in NAMED:
        _refuse(asked, f"the data set {source}")
        data = NAMED[source].load(n_images)
        return data.transposed() if transpose else data
    with trusting(trust):
        data = _read(source, asked)
    return (data.transposed() if transpose else data).first(n_images)


def _read(source: str, asked: dict[str, Any]) -> Dataset:
    """What is at a path."""
    path, reader, kind = Path(source), reader_of(source), kind_of(source)
    source = shown(source)
    if reader is None:
        raise DatasetError(
            f"{source!r} is no data set ({_names()}), no folder of images, and no "
            f"{', '.join(_endings())} file"
        )
    if not path.exists():
        raise DatasetError(f"{source} does not exist")
    if not (path.is_file() or path.is_dir()):  # to read on might never come to an end
        raise DatasetError(
            f"{source} cannot be read: it is a pipe, a socket or a device; save what comes from it "
            "in a file"
        )
    if path.is_file() and path.stat().st_size == 0:  # libraries say all kinds of things of it
        raise DatasetError(f"{source} cannot be read: it is empty")
    taken = inspect.signature(reader).parameters
    _refuse([name for name in asked if name not in taken], kind)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")  # what was told of one file may hold for the next one
            if path.is_file():
                check_kind(path)
            found = reader(path, **asked)
    except DatasetError:
        raise
    except ImportError as error:
        raise DatasetError(
            f"{source} takes {error.name or error}: pip install 'nmf-accel[files]'"
        ) from error
    except MemoryError as error:
        raise DatasetError(f"{source} cannot be read: the memory is not enough") from error
    except Exception as error:  # libraries raise anything for a damaged file
        raise DatasetError(f"{source} cannot be read: {_one_line(error)}") from error
    data = found if isinstance(found, Dataset) else Dataset(source, found)
    said = (*data.said, *dict.fromkeys(f"warning: {_one_line(x.message)}" for x in warned))
    return replace(data, name=source, said=said)


def reader_of(source: str) -> Reader | None:
    """The reader of a file or folder, if there is one."""
    path = Path(source)
    if path.is_dir():
        return next(folder.read for folder in FOLDERS if folder.knows(path))
    ending = ending_of(source)
    return None if ending is None else READERS[ending]


def ending_of(source: str) -> str | None:
    """The longest ending in `READERS` that a path has."""
    fitting = [ending for ending in READERS if Path(source).name.lower().endswith(ending)]
    return max(fitting, key=len, default=None)


def kind_of(source: str) -> str:
    """What a source is called in messages."""
    path = Path(source)
    if path.is_dir():
        return next(folder.words for folder in FOLDERS if folder.knows(path))
    return f"a {ending_of(source)} file"


def sources_in_words() -> str:
    """What `read` takes, for help texts: the names, the files, the folders."""
    *most, last = _endings()
    files = f"{', '.join(most)} or {last}" if most else last
    *others, _ = (folder.words for folder in FOLDERS)
    folders = "".join(f"{words}, " for words in others)
    return f"{_names()}, a {files} file with one sample a column, {folders}or {IMAGES} of one size"


def image_sources_in_words() -> str:
    """Which of them hold images: the names and a folder."""
    return f"{_names()} or {IMAGES}"


def _refuse(options: Any, kind: str) -> None:
    """Raise for the first option that says nothing of a kind of source."""
    for name in options:
        raise DatasetError(f"the option {name.replace('_', '-')} says nothing of {kind}")


def _one_line(error: Any) -> str:
    words = " ".join(str(error).split())
    # A library may quote what is in a file, which may be what moves a terminal.
    words = "".join(x if x.isprintable() else ascii(x)[1:-1] for x in words)
    return words if len(words) < 300 and words else f"{type(error).__name__} {words[:300]}".strip()


def _endings() -> list[str]:
    """Those of `READERS`, without what is packed."""
    return [ending for ending in READERS if not ending.endswith(tuple(OPENERS))]


def _names() -> str:
    return ", ".join(sorted(NAMED))


READING = tuple(
    name
    for name, parameter in inspect.signature(read).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in ("transpose", "trust")
)
"""The options of `read` that readers take."""
