"""The commands read the tables of data sets when they run: a line added at run time is enough."""

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel.cli import main
from nmf_accel.datasets import NAMED, READERS, Dataset, Named


def run(*args, status=0):
    done = CliRunner().invoke(main, args)
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.stdout if status == 0 else done.stderr


def in_one_line(text):
    return " ".join(text.split())


@pytest.fixture(autouse=True)
def _others(monkeypatch):
    """A data set and a reader of somebody else's."""
    faces = Named(
        load=lambda n_images: Dataset("faces", np.eye(4)),
        description="4, 2 × 2",
        where=lambda: "/somewhere/faces",
        state=lambda: "fine",
        fetch=lambda: "/somewhere/faces",
    )
    monkeypatch.setitem(NAMED, "faces", faces)
    monkeypatch.setitem(READERS, ".mine", lambda path: np.eye(3))


def test_data_lists_it():
    rows = [row.split("  ") for row in run("data").splitlines()]
    assert [row[0] for row in rows] == ["data set", "sprites", "cryptopunks", "faces"]
    faces = [cell.strip() for cell in rows[-1] if cell]
    assert faces == ["faces", "4, 2 × 2", "/somewhere/faces", "fine"]


def test_data_fetches_it():
    assert run("data", "fetch", "faces") == "faces: /somewhere/faces, SHA-256 verified\n"
    assert "{cryptopunks|faces}" in run("data", "fetch", "--help")


def test_what_cannot_be_fetched_is_no_choice():
    message = "'sprites' is not one of 'cryptopunks', 'faces'."
    assert message in run("data", "fetch", "sprites", status=2)


def test_the_help_of_fit_names_both():
    told = [
        "SOURCE is cryptopunks, faces, sprites, a .npy, .npz, ",
        " or .mine file with one sample",
    ]
    for _ in range(2):  # what was told once is not kept
        shown = in_one_line(run("fit", "--help"))
        assert all(words in shown for words in told)
    del NAMED["faces"]
    assert "SOURCE is cryptopunks, sprites, a .npy" in in_one_line(run("fit", "--help"))


def test_the_help_of_the_study_names_the_data_set():
    told = "SOURCE is cryptopunks, faces, sprites or a folder of images of one size. What a former"
    assert told in in_one_line(run("study", "--help"))


def test_messages_name_both():
    shown = run("fit", "nothing", "--rank", "2", status=2)
    assert "(cryptopunks, faces, sprites), no folder of images, and no .npy, .npz, " in shown
    assert ", .mine file" in shown
