"""A file is written whole or not at all."""

import os
import stat

import pytest

from nmf_accel.files import atomic_write


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


def test_a_file_has_the_permissions_of_any_other(tmp_path):
    with atomic_write(tmp_path / "f") as file:
        file.write(b"x")
    (tmp_path / "g").write_bytes(b"x")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in "fg"}
    assert len(modes) == 1
