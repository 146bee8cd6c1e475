"""One writer: a folder's lock, which the system takes back when the process ends."""

from __future__ import annotations

import errno
import json
import os
import platform
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...callers import warn_caller
from .errors import StoreError

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems answer that have no locks."""
MOST = 4096
"""Bytes of what a holder says of itself."""


class Lock:
    """An exclusive lock on a folder, by ``flock`` on a file in it that stays there.

    Nobody waits for it. The kernel frees it when the process ends, in whatever way, so that none
    is ever stale. What the file says is for people: which process holds it, or did last.

    Parameters
    ----------
    path : Path
        The file, made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handle: int | None = None

    @contextmanager
    def held(self) -> Iterator[Lock]:
        """Hold it for a while.

        Raises
        ------
        StoreError
            If another process, or another thread, holds it, naming that; or if the file cannot be
            written.

        Warns
        -----
        UserWarning
            If the file system has no locks: then nothing is locked.
        """
        try:
            self.handle = self._opened()
            HELD.add(self)
            self._take(self.handle)
            _write(self.handle, _about_this_process())
            yield self
        finally:
            self._free()

    def _opened(self) -> int:
        # A file that is a link might be somebody else's, and a pipe would be waited for.
        flags = ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
        how = os.O_RDWR | os.O_CREAT | sum(getattr(os, flag, 0) for flag in flags)
        try:
            handle = os.open(self.path, how, 0o666)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise StoreError(f"{self.path} is no file; remove it")
        return handle

    def _take(self, handle: int) -> None:
        """Lock it, or say who has it."""
        if fcntl is None:
            return self._warn("this system")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in TAKEN:
                raise StoreError(
                    f"{self.path.parent} is being written by {_holder(handle)}; wait for it, or "
                    "take another folder"
                ) from None
            if error.errno not in NO_LOCKS:
                raise StoreError(f"{self.path} cannot be locked: {error.strerror}") from error
            self._warn("this file system")

    def _warn(self, where: str) -> None:
        warn_caller(
            f"{self.path.parent}: {where} has no locks; see to it that nothing else writes there"
        )

    def _free(self) -> None:
        """Free it, also where a process that was forked meanwhile still has the file open."""
        if self.handle is not None and fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self.handle, fcntl.LOCK_UN)
        self.leave()

    def leave(self) -> None:
        """Close the file; the lock is its other holders'."""
        handle, self.handle = self.handle, None
        HELD.discard(self)
        if handle is not None:
            os.close(handle)


HELD: weakref.WeakSet[Lock] = weakref.WeakSet()
"""The locks of this process."""


def _leave_to_parent() -> None:
    """In a process that was forked: the locks are not its own, and must not live as long as it."""
    for lock in list(HELD):
        lock.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _about_this_process() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(" ", "seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": since}


def _write(handle: int, about: dict[str, Any]) -> None:
    """Say who holds it; where that fails, it is held all the same."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(about).encode() + b"\n")


def _holder(handle: int) -> str:
    """Who holds it, by what the file says."""
    try:
        about = json.loads(os.read(handle, MOST).decode())
        pid, host, since = int(about["pid"]), str(about["host"]), str(about["since"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"  # which has not said yet who it is
    here = ", this one," if pid == os.getpid() and host == platform.node() else ""
    return f"process {pid}{here} on host {ascii(host)[1:-1]} since {ascii(since)[1:-1]}"
