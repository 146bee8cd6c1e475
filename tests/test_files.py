"""A file is written whole or not at all, and its name is on the disk."""

import errno
import os
import signal
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from killing import killed_at

from nmf_accel import nmf
from nmf_accel.files import atomic_write, left_behind, make_folder, open_regular, sync_folder


def write(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old, and longer")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old, and longer"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def fail():
        with atomic_write(path) as file:
            file.write(b"ne")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_of_any_other(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "f")
        (tmp_path / "g").write_bytes(b"x")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in "fg"}
    assert modes == {0o666 & ~mask}


def test_the_mask_of_the_process_is_left_alone(tmp_path, monkeypatch):
    """It is every thread's; to read it is to change it for a moment."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the mask was changed"))
    write(tmp_path / "f")


@pytest.mark.parametrize("name", ["replace", "fsync", "close"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_signal_is_no_error_and_leaves_the_old_file_or_the_new(tmp_path, monkeypatch, name, when):
    path, real, sent = tmp_path / "f", getattr(os, name), []
    path.write_bytes(b"old")

    def interrupted(*given):
        if when == "before" and not sent:
            sent.append(signal.raise_signal(signal.SIGINT))
        done = real(*given)
        if not sent:
            sent.append(signal.raise_signal(signal.SIGINT))
        return done

    monkeypatch.setattr(os, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path)
    monkeypatch.undo()
    renamed = name == "close" or (name, when) == ("replace", "after")
    assert path.read_bytes() == (b"new" if renamed else b"old")
    assert os.listdir(tmp_path) == ["f"]


def test_a_result_that_was_saved_is_there_whatever_comes_after(tmp_path, monkeypatch):
    result, real = nmf(np.ones((3, 3)), 1, max_iter=2), os.replace

    def late(old, new):
        real(old, new)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", late)
    with pytest.raises(KeyboardInterrupt):
        result.save(tmp_path / "f.npz")
    assert os.listdir(tmp_path) == ["f.npz"]


def test_a_kill_leaves_the_old_file_or_the_new_and_what_can_be_found(tmp_path):
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "f").write_bytes(b"old")
        assert killed_at(number, lambda path=folder / "f": write(path)) == (number < 3)
        assert (folder / "f").read_bytes() == (b"old" if number < 2 else b"new")
        others = {x.name for x in folder.iterdir()} - {"f"}
        assert {x.name for x in left_behind(folder, "f")} == others
        assert len(others) == (number < 2)


def test_what_is_synced_has_all_its_bytes_and_not_yet_its_name(tmp_path, monkeypatch):
    """A power failure may come at once after the file has its name."""
    sizes, real = [], os.fsync

    def fsync(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            sizes.append((os.fstat(handle).st_size, (tmp_path / "f").exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "f", b"12345")
    assert sizes == [(5, False)]


def test_no_file_stays_open(tmp_path, monkeypatch):
    """Also where what is to be read is none, or a folder cannot be synced: handles are few."""
    os.mkfifo(tmp_path / "pipe")
    before = os.listdir("/proc/self/fd")
    sync_folder(tmp_path)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="it is a "):
            open_regular(path)
    write(tmp_path / "f")
    monkeypatch.setattr(os, "fsync", lambda handle: os.stat("/nothing"))  # it fails
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path)
    assert os.listdir("/proc/self/fd") == before


def test_a_link_and_a_folder_are_nothing_that_a_writer_left(tmp_path):
    """Writers make files; what else is called so is somebody's, and stays."""
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".f.0123456789abcdef").symlink_to(tmp_path / "mine")
    (tmp_path / ".f.1123456789abcdef").mkdir()
    (tmp_path / ".f.2123456789abcdef").write_bytes(b"x")
    assert left_behind(tmp_path, "f") == [tmp_path / ".f.2123456789abcdef"]


def test_writers_do_not_meet(tmp_path):
    """Threads that write the same file each write it whole."""
    contents = [bytes([k]) * 10_000 for k in range(8)]
    threads = [threading.Thread(target=write, args=(tmp_path / "f", x)) for x in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "f").read_bytes() in contents
    assert os.listdir(tmp_path) == ["f"]


def test_a_folder_in_the_way_is_an_error_that_leaves_nothing(tmp_path):
    (tmp_path / "f").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "f")
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EIO, errno.ENOSPC])
def test_only_a_file_system_that_cannot_sync_folders_is_forgiven(tmp_path, monkeypatch, code):
    def fsync(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    if code in (errno.EIO, errno.ENOSPC):
        with pytest.raises(OSError, match=os.strerror(code)):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)


def test_a_folder_that_cannot_be_opened_is_not_synced(tmp_path, monkeypatch):
    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "as Windows does")

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)


def test_folders_are_made_with_those_above_them(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "f")


def test_a_path_from_here_is_one_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(Path("a"))
    write("f")
    assert {x.name for x in tmp_path.iterdir()} == {"a", "f"}


def test_only_files_are_opened_and_nothing_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "f").write_bytes(b"content")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"it is a (folder|pipe or a device, and no file)"):
            open_regular(path)
    with open_regular(tmp_path / "f") as file:
        assert file.read() == b"content"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")


def test_a_folder_to_write_to_is_rid_of_what_was_left_an_hour_ago(tmp_path, monkeypatch):
    now = 2_000_000_000
    monkeypatch.setattr("nmf_accel.files.time.time", lambda: now)
    ages = {".W.csv.0123456789abcdef": 3601, ".H.csv.0123456789abcdef": 3600}
    ages |= {".mine.0123456789abcdef": 9999, ".W.csv.more": 9999}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - age, now - age))
    make_folder(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == ages.keys() - {".W.csv.0123456789abcdef"}


def test_a_device_does_not_become_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe or a device, and would become a file"):
        write(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo()
