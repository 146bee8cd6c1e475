"""What a folder says to people: what is wrong, where, and at which line of their own code."""

import errno
import json
import os
import stat
import warnings

import numpy as np
import pytest

from nmf_accel import StoreError, sweep
from nmf_accel.sweeps import Store, merge
from nmf_accel.sweeps.store import listed
from nmf_accel.sweeps.store.lines import Line, digest
from nmf_accel.sweeps.store.lock import Lock

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


def told(act):
    """The only warning of an act: its text, which names the line of the act itself."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        act()
    (one,) = found
    assert (one.filename, one.lineno) == (__file__, act.__code__.co_firstlineno)
    return str(one.message)


@pytest.fixture
def folder(tmp_path):
    """A folder of a sweep that kept all."""
    sweep(A, [2, 3], 2, store=tmp_path / "s", keep="all", **RUN)
    return tmp_path / "s"


def again(folder):
    """The same sweep."""
    return lambda: sweep(A, [2, 3], 2, store=folder, keep="all", **RUN)


def test_lines_that_are_damaged_are_told_with_their_numbers(folder):
    """And where the file as it was is."""
    lines = (folder / "runs.jsonl").read_text().splitlines()
    (folder / "runs.jsonl").write_text(
        "\n".join([lines[0], "5", *lines[1:3], "x", lines[3]]) + "\n"
    )
    assert told(again(folder)) == (
        f"{folder / 'runs.jsonl'}: line 2 is damaged: it is no JSON object; line 5 is damaged: it "
        "is no JSON; dropped, so that those of their runs that are asked for are done again; the "
        "file as it was is runs.jsonl.damaged"
    )


def test_lines_that_are_not_there_are_told(folder):
    """A folder that has a head had runs, or at least their file."""
    (folder / "runs.jsonl").unlink()
    assert told(again(folder)) == (
        f"{folder / 'runs.jsonl'} is not there; those of its runs that are asked for are done again"
    )
    assert len(Store.read(folder).rows) == 4


def test_of_a_folder_of_format_1_lines_may_not_be_there(folder):
    """Former versions wrote the head first, and were killed before they had a run."""
    (folder / "runs.jsonl").unlink()
    head = json.loads((folder / "sweep.json").read_text())
    del head["format"]
    (folder / "sweep.json").write_text(json.dumps(head))
    again(folder)()
    assert json.loads((folder / "sweep.json").read_text())["format"] == 2
    assert len(Store.read(folder).rows) == 4


def test_factors_that_are_lost_are_told(folder):
    """Before they are made again."""
    path = folder / "factors" / "rank-3-seed-1.npz"
    path.unlink()
    assert told(again(folder)) == f"{path} is not there; done again"


def test_three_things_are_all_named_and_of_more_their_number():
    """So that a sentence stays one."""
    assert listed([]) == ""
    assert listed("abc") == "a; b; c"
    assert listed("abcd") == "a; b; c; and 1 more"
    assert listed("abcdef") == "a; b; c; and 3 more"


def test_a_line_that_is_of_another_sweep_than_the_head_is_told(folder):
    """It is not guessed which of the two is right."""
    path = folder / "runs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    line = Line.decoded(lines[2])
    path.write_bytes(b"".join([*lines[:2], Line(line.row, "0" * 16, line.seal).encoded, lines[3]]))
    message = r"runs\.jsonl, line 3 is of a sweep with other settings than sweep\.json says"
    for act in (again(folder), lambda: Store.read(folder)):
        with pytest.raises(StoreError, match=message):
            act()


def changed(folder, error):
    """Let the run of rank 2 and seed 0 have another error, as if another machine had made it."""
    path, lines = folder / "runs.jsonl", []
    for line in path.read_text().splitlines():
        held = json.loads(line)
        if (held["rank"], held["seed"]) == (2, 0):
            del held["sum"]
            held["error"] = error
            held["sum"] = digest(held)
        lines.append(json.dumps(held) + "\n")
    path.write_text("".join(lines))


def test_errors_that_differ_in_a_merge_are_told(folder, tmp_path):
    """With both, the folders they are of, and which is taken."""
    sweep(A, [2], 1, store=tmp_path / "t", keep="all", **RUN)
    changed(folder, 1.0)
    changed(tmp_path / "t", 2.0)
    assert told(lambda: merge([folder, tmp_path / "t"], tmp_path / "m")) == (
        f"rank 2, seed 0 has error 1 in {folder} and 2 in {tmp_path / 't'}; the former are taken"
    )


@pytest.mark.parametrize(("errors", "differ"), [((0, 0), 0), ((1, 1.0202), 0), ((1, 1.0205), 1)])
def test_two_percent_of_the_larger_error_are_rounding(folder, tmp_path, errors, differ):
    """And no error at all is equal to none."""
    sweep(A, [2], 1, store=tmp_path / "t", keep="all", **RUN)
    changed(folder, float(errors[0]))
    changed(tmp_path / "t", float(errors[1]))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        merge([folder, tmp_path / "t"], tmp_path / "m")
    assert len(found) == differ


def test_a_merge_of_other_sweeps_names_the_first_folder_and_the_one_that_differs(tmp_path):
    """Of three, the third."""
    for name, max_iter in (("a", 5), ("b", 5), ("c", 6)):
        sweep(A, [2], 1, store=tmp_path / name, max_iter=max_iter, backend="numpy")
    paths = [tmp_path / name for name in "abc"]
    with pytest.raises(StoreError) as caught:
        merge(paths, tmp_path / "m")
    assert str(caught.value) == (
        f"{paths[0]} holds another sweep: max_iter is 5 there and 6 in {paths[2]}"
    )
    with pytest.raises(StoreError, match="nothing to merge: name at least one folder"):
        merge([], tmp_path / "m")


def test_a_lock_says_in_one_line_who_holds_it_now(tmp_path):
    """Whatever was in the file before, and with the permissions of any other file."""
    path, plain = tmp_path / "sweep.lock", tmp_path / "plain"
    plain.write_bytes(b"")
    with Lock(path).held():
        assert path.stat().st_mode == plain.stat().st_mode
    path.write_text("x" * 1000 + "\n{}\n")
    with Lock(path).held():
        (line,) = path.read_text().splitlines(keepends=True)
    assert line.endswith("}\n")
    assert json.loads(line).keys() == {"pid", "host", "since"}
    assert json.loads(line)["pid"] == os.getpid()


def test_the_same_number_on_another_host_is_another_process(tmp_path):
    """Folders are shared by hosts, and each counts its processes from 1."""
    path = tmp_path / "sweep.lock"
    with Lock(path).held():
        path.write_text(json.dumps({"pid": os.getpid(), "host": "elsewhere", "since": "now"}))
        message = rf"written by process {os.getpid()} on host elsewhere since now;"
        with pytest.raises(StoreError, match=message), Lock(path).held():
            pass


def test_a_lock_leaves_no_file_open(tmp_path):
    """However it ends; a study has one lock after another."""
    os.mkfifo(tmp_path / "pipe")
    path, before = tmp_path / "sweep.lock", os.listdir("/proc/self/fd")
    with Lock(path).held(), pytest.raises(StoreError, match="is being written"), Lock(path).held():
        pass
    with (
        pytest.raises(StoreError, match="pipe is no file; remove it"),
        Lock(tmp_path / "pipe").held(),
    ):
        pass
    assert os.listdir("/proc/self/fd") == before


def test_nothing_is_written_once_the_lock_is_left(tmp_path):
    """As in a process that was forked while a sweep wrote: the folder is its parent's."""
    with Store.open(tmp_path, {"keep": "none"}, {}) as store:
        store.lock.leave()
        with pytest.raises(StoreError, match="is not open for writing"):
            store.add([], {})


def test_what_is_appended_is_on_the_disk_whole(folder, monkeypatch):
    """When a line's file is synced, the line is in it."""
    seen, real = [], os.fsync

    def fsync(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            seen.append(os.fstat(handle).st_size)
        real(handle)

    store = Store.read(folder)
    line = Line({**store.rows[0], "seed": 9}, store.head.digest)
    size = store.log.path.stat().st_size
    monkeypatch.setattr(os, "fsync", fsync)
    store.log.append([line])
    assert seen == [size + len(line.encoded)]
    assert Store.read(folder).rows[-1]["seed"] == 9


def test_what_cannot_be_mended_is_told_in_words(folder, monkeypatch):
    """A disk that is full when a folder is opened."""
    (folder / "runs.jsonl").write_bytes((folder / "runs.jsonl").read_bytes()[:-3])

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = (folder / "runs.jsonl").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"s cannot be written: .*No space left on device"):
        again(folder)()
    assert (folder / "runs.jsonl").read_bytes() == before
