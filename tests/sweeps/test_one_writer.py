"""A sweep's folder has one writer, and readers wait for nobody."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import StoreError, sweep
from nmf_accel.cli import main
from nmf_accel.study import StudySettings
from nmf_accel.study.runs import Runs
from nmf_accel.sweeps import Store, SweepResult, merge
from nmf_accel.sweeps.store import lock as locking
from nmf_accel.sweeps.store.lock import Lock

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}
HOLD = """
import sys, time
from pathlib import Path
from nmf_accel.sweeps.store.lock import Lock
with Lock(Path(sys.argv[1]) / "sweep.lock").held():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that writes to the folder of a sweep."""
    sweep(A, [1, 2], 2, store=tmp_path / "s", **RUN)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def message(process):
    host = os.uname().nodename
    return rf"s is being written by process {process.pid} on host {host} since 20\d\d-.*; wait for"


def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path, other):
    with pytest.raises(StoreError, match=message(other)):
        sweep(A, [1, 2, 3], 2, store=tmp_path / "s", **RUN)
    assert len(Store.read(tmp_path / "s").rows) == 4


def test_merge_does_not_write_to_a_folder_that_another_writes_to(tmp_path, other):
    sweep(A, [3], 2, store=tmp_path / "b", **RUN)
    with pytest.raises(StoreError, match=message(other)):
        merge([tmp_path / "b"], tmp_path / "s")


def test_a_study_does_not_either(tmp_path):
    runs = Runs(StudySettings("sprites", max_iter=3, ranks=(2,), backend="numpy"), tmp_path)
    runs.factorize_ranks(A, [2], "x")
    (folder,) = tmp_path.iterdir()
    with Lock(folder / "sweep.lock").held(), pytest.raises(StoreError, match="is being written"):
        runs.factorize_ranks(A, [2, 3], "x")


def test_readers_do_not_wait(tmp_path, other):
    assert CliRunner().invoke(main, ["show", str(tmp_path / "s"), "--json"]).exit_code == 0
    assert len(merge([tmp_path / "s"], tmp_path / "m").rows) == 4


def test_readers_write_nothing_but_pictures(tmp_path):
    sweep(A, [1, 2], 2, store=tmp_path / "s", **RUN)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    store = Store.read(tmp_path / "s")
    assert SweepResult(store.rows, store=store).best(2).rank == 2
    merge([tmp_path / "s"], tmp_path.with_name(f"{tmp_path.name}-m"))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_picture_that_cannot_be_written_is_a_warning(tmp_path):
    sweep(A, [1], 1, store=tmp_path, **RUN)
    (tmp_path / "sweep.png").mkdir()
    shown = CliRunner().invoke(main, ["show", str(tmp_path)])
    assert shown.exit_code == 0
    assert "1 runs in" in shown.stdout
    assert shown.stderr == f"Warning: {tmp_path / 'sweep.png'} is not drawn: Is a directory\n"
    assert (tmp_path / "sweep.svg").exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert json.loads((tmp_path / "s" / "sweep.lock").read_text())["pid"] == other.pid
    assert sweep(A, [1, 2, 3], 2, store=tmp_path / "s", **RUN).skipped == 4
    assert json.loads((tmp_path / "s" / "sweep.lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_it_is_free_after_a_sweep_however_that_ends(tmp_path, error, monkeypatch):
    if error is not None:
        monkeypatch.setattr(Store, "add", lambda *_: (_ for _ in ()).throw(error))
        with pytest.raises(error):
            sweep(A, [1], 1, store=tmp_path, **RUN)
        monkeypatch.undo()
    result = sweep(A, [1], 1, store=tmp_path, **RUN)
    with Lock(tmp_path / "sweep.lock").held():
        pass
    with pytest.raises(StoreError, match="is not open for writing"):
        result.store.add([], {})


def test_two_threads_are_two_writers(tmp_path):
    refused = []

    def second():
        with pytest.raises(StoreError, match=rf"process {os.getpid()}, this one, on host"):
            sweep(A, [1], 1, store=tmp_path, **RUN)
        refused.append(True)

    tmp_path.joinpath("factors").mkdir()
    with Lock(tmp_path / "sweep.lock").held():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        with (
            pytest.raises(StoreError, match="is being written"),
            Lock(tmp_path / "sweep.lock").held(),
        ):
            pass  # nor was the lock lost by the one that was refused
    assert refused


FORK = """
import os, sys
from pathlib import Path
from nmf_accel.sweeps import StoreError
from nmf_accel.sweeps.store.lock import Lock

def taken():
    try:
        with Lock(path).held():
            return False
    except StoreError:
        return True

path = Path(sys.argv[1]) / "sweep.lock"
said, say = os.pipe()
stop, end = os.pipe()
with Lock(path).held() as lock:
    child = os.fork()
    if not child:
        os.write(say, b"held" if lock.handle is not None else b"let go")
        os.close(end)
        os.read(stop, 1)
        os._exit(0)
    print(os.read(said, 9).decode(), "taken" if taken() else "free")
print("taken" if taken() else "free", os.waitpid(child, os.WNOHANG) == (0, 0))
"""


def test_a_forked_process_neither_keeps_the_lock_nor_frees_it(tmp_path):
    # In a process of its own, since JAX would warn of a fork in this one.
    command = [sys.executable, "-c", FORK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "let go taken\nfree True\n", done.stderr


def test_what_else_has_the_file_open_does_not_keep_the_lock(tmp_path):
    """As a process has that another language forks, for a moment."""
    with Lock(tmp_path / "sweep.lock").held() as lock:
        copy = os.dup(lock.handle)
    with Lock(tmp_path / "sweep.lock").held():
        os.close(copy)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL])
def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, code):
    def none(handle, how):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(locking.fcntl, "flock", none)
    with pytest.warns(UserWarning, match="this file system has no locks; see to it that nothing"):
        sweep(A, [1], 1, store=tmp_path, **RUN)
    assert len(Store.read(tmp_path).rows) == 1


def test_a_system_without_locks_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "fcntl", None)
    with pytest.warns(UserWarning, match="this system has no locks"), Lock(tmp_path / "x").held():
        pass


def test_a_lock_that_fails_otherwise_is_an_error(tmp_path, monkeypatch):
    def fails(handle, how):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(locking.fcntl, "flock", fails)
    with pytest.raises(StoreError, match="cannot be locked: Input/output error"):
        sweep(A, [1], 1, store=tmp_path, **RUN)


@pytest.mark.parametrize("said", ["", "{", "[]", '{"pid": "x"}', "\0" * 100, "[" * 4000])
def test_a_holder_that_says_nothing_is_another_process(tmp_path, said):
    path = tmp_path / "sweep.lock"
    with Lock(path).held():
        path.write_text(said)
        with pytest.raises(StoreError, match="written by another process;"), Lock(path).held():
            pass


def test_a_holder_cannot_give_the_terminal_orders(tmp_path):
    path = tmp_path / "sweep.lock"
    with Lock(path).held():
        path.write_text(json.dumps({"pid": 1, "host": "\x1b[2J", "since": "\x07"}))
        with pytest.raises(StoreError, match=r"process 1 on host \\x1b\[2J since \\x07;"):
            Lock(path).held().__enter__()


def test_a_lock_that_is_a_link_writes_to_nobody(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "sweep.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"sweep\.lock cannot be written: "):
        sweep(A, [1], 1, store=tmp_path, **RUN)
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_old_lock_file_is_in_nobodys_way(tmp_path):
    sweep(A, [1], 1, store=tmp_path / "a", **RUN)
    assert Path(tmp_path / "a" / "sweep.lock").exists()
    merged = merge([tmp_path / "a"], tmp_path / "b")
    assert len(merged.rows) == 1
