"""Damaged files are refused in one line, in little memory: a sample of `damaged_sources`."""

import os

import numpy as np
import pytest
from damaged_sources import damaged, told_of, wrong_with
from odd_sources import odd

COUNT = 340


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the command said of each."""
    for library in (
        "anndata",
        "h5py",
        "imagecodecs",
        "pyarrow",
        "scipy",
        "tifffile",
        "zarr",
        "PIL",
    ):
        pytest.importorskip(library)
    paths = damaged(tmp_path_factory.mktemp("damaged"), tmp_path_factory.mktemp("whole"), COUNT)
    assert len(paths) == COUNT
    return told_of(paths, tmp_path_factory.mktemp("here"))


def test_each_is_refused_in_one_line_or_read(told):
    wrong = {path: words for path, *rest in told if (words := wrong_with([path, *rest]))}
    assert not wrong


def test_most_are_refused_and_all_bombs(told):
    refused = [path for path, status, *_ in told if status == 2]
    assert len(refused) > 0.7 * COUNT
    assert sum("/bomb" in path for path in refused) == 12


def test_a_pipe_a_device_and_a_socket_are_called_what_they_are(told):
    said = {path.rpartition("/")[2]: stderr for path, _, stderr, *_ in told}
    for name in ("pipe.npy", "zero.csv", "stdin.png", "socket.h5", "null.mtx"):
        assert "it is a pipe, a socket or a device; save what comes" in said[name]


@pytest.mark.parametrize("option", ["--w0", "--weights"])
def test_files_beside_it_are_refused_alike(option, tmp_path):
    whole = tmp_path / "A.npy"
    np.save(whole, np.ones((12, 9)))
    (tmp_path / "odd").mkdir()
    paths = [x for x in odd(tmp_path / "odd") if x.suffix in (".npy", ".npz")]
    told = told_of(paths, tmp_path, option, whole)
    assert not {path: words for path, *rest in told if (words := wrong_with([path, *rest]))}


def test_a_factorization_that_is_damaged_is_refused_as_a_factor(tmp_path):
    from nmf_accel import nmf

    nmf(np.ones((12, 9)), 1, max_iter=2, backend="numpy").save(tmp_path / "whole.npz")
    np.save(tmp_path / "A.npy", np.ones((12, 9)))
    content, rng = (tmp_path / "whole.npz").read_bytes(), np.random.default_rng(0)
    paths = []
    for k in range(30):
        damage = bytearray(content)
        damage[rng.integers(len(damage))] ^= 1 << rng.integers(8)
        paths.append(tmp_path / f"{k}.npz")
        paths[-1].write_bytes(damage)
    told = told_of(paths, tmp_path, "--w0", tmp_path / "A.npy")
    assert not {path: words for path, *rest in told if (words := wrong_with([path, *rest]))}
    assert sum(status == 2 for _, status, *_ in told) > 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones((3, 3)))
    path.chmod(0)
    [[_, status, stderr, *_]] = told_of([path], tmp_path)
    assert status == 2
    assert "Permission denied" in stderr
