"""Files that are there whole, or not at all, also after a power failure."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

TEMPORARY = r"\.(?:{})\.[0-9a-f]{{16}}"
"""What `atomic_write` calls a file of that name meanwhile."""
FORMER = r"\.(?:{})\.(?:[0-9a-f]{{16}}|[a-z0-9_]{{8}})"
"""The same, and what former versions called it; others may call their own files so."""
NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}
"""What file systems answer that cannot sync a folder."""
OURS, HOUR = r".+\.(?:csv|html|json|npz|parquet|png|svg|tsv)", 3600
"""Names of files that are written without a lock, and the seconds after which what is left of one
is nobody's: a writer that lives writes to its file again and again."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` when all went well, and else vanishes.

    Its bytes are on the disk before it has its name, and its name is when this returns. What comes
    after it has its name, such as a signal, takes nothing away.
    """
    path = Path(path)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():  # a folder says so itself
            what = "it is a pipe or a device, and would become a file"
            raise OSError(errno.EINVAL, what, os.fspath(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # Made as any other file is, so that it has the permissions that the process's mask allows.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # it may have its name already
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Bring the names in a folder to the disk, where its file system can do that."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return  # Windows opens no folder; elsewhere one that may be written, but not read
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(handle)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder to write to, and those above it, if they are not there.

    Their names are on the disk then, and what writers that were killed left in it is gone.
    """
    whole = Path(path).absolute()
    made = [folder for folder in (whole, *whole.parents) if not folder.exists()]
    whole.mkdir(parents=True, exist_ok=True)
    for folder in reversed(made):
        sync_folder(folder.parent)
    _sweep_away(whole)
    return Path(path)


def _sweep_away(folder: Path) -> None:
    """Remove what is left of files that nobody has written to for an hour."""
    with suppress(PermissionError):  # a folder may be written, but not read
        for file in left_behind(folder, OURS):
            with suppress(OSError):  # it is in nobody's way
                if time.time() - file.stat().st_mtime > HOUR:
                    file.unlink()


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file to read it; what is none is refused, and never waited for, as a pipe would be.

    Raises
    ------
    OSError
        If it cannot be opened, or is a folder, a pipe or a device.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
        if not stat.S_ISREG(mode):
            what = "it is a pipe or a device, and no file"
            raise OSError(errno.EINVAL, what, os.fspath(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def left_behind(folder: str | os.PathLike[str], names: str, called: str = TEMPORARY) -> list[Path]:
    """The temporary files in a folder of writers that were killed.

    Parameters
    ----------
    folder : path
    names : str
        A regular expression for the names that the files were to have.
    called : {TEMPORARY, FORMER}
        What they are called meanwhile.
    """
    pattern = re.compile(called.format(names))
    with os.scandir(folder) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
