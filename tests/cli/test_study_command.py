"""The command `study` does the tasks asked for, refuses in one line, and heeds Ctrl-C."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nmf_accel.cli import main
from nmf_accel.study import DEFAULT_RANKS, StudySettings
from nmf_accel.sweeps import Packing


def command(*args, status=0):
    done = CliRunner().invoke(main, ["study", *[str(arg) for arg in args]])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def test_ctrl_c_keeps_what_is_finished(tmp_path, monkeypatch):
    done, original = [], Packing.start

    def start(packing, runs, size):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(runs[0].rank)
        return original(packing, runs, size)

    args = ("sprites", "--tasks", 2, "--n-images", 9, "--ranks", "1,2,3", "--max-iter", 5)
    monkeypatch.setattr(Packing, "start", start)
    stopped = command(*args, "--out", tmp_path, status=130)
    assert stopped.stderr.count("\n") == 1
    assert "the same command goes on from there" in stopped.stderr
    assert done == [1, 2]
    assert len(list((tmp_path / "runs").glob("*/factors/*.npz"))) == 2
    done.clear()
    command(*args, "--out", tmp_path)
    assert done == [3]


@pytest.mark.parametrize("tasks", ["1", "2", "1,3"])
def test_tasks_can_be_chosen(tmp_path, tasks):
    command("sprites", "--tasks", tasks, "--n-images", 6, "--ranks", "2", "--max-iter", 3,
            "--out", tmp_path)  # fmt: skip
    found = json.loads((tmp_path / "study.json").read_text())
    assert {name for name in found if name.startswith("task")} == {
        f"task{task}" for task in tasks.split(",")
    }
    page = (tmp_path / "report.html").read_text()
    for task in "123":
        assert (f'id="task{task}"' in page) == (task in tasks)


@pytest.mark.parametrize(
    "options",
    [
        ("--sigma", "0", "--ranks", "3"),
        ("--n-images", "1", "--max-iter", "1"),
        ("--dtype", "float32", "--seed", "3", "--ranks", "40,2"),
    ],
)
def test_unusual_studies_work(tmp_path, options):
    command("sprites", "--n-images", 12, "--max-iter", 4, "--ranks", "2,3", *options,
            "--out", tmp_path)  # fmt: skip
    json.loads((tmp_path / "study.json").read_text(), parse_constant=pytest.fail)


def test_a_folder_of_tiny_images(tmp_path):
    folder = tmp_path / "art"
    folder.mkdir()
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (5, 4, 6, 4))):
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{k}.png")
    command(folder, "--ranks", "2,4", "--max-iter", 5, "--out", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "study.json").read_text())
    assert found["task2"]["n_images"] == 5
    assert found["task3"]["noisy_likeness"]["ssim"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ranks", "0"), "a rank is 0; ranks must be at least 1"),
        (("--ranks", "16,-2"), "a rank is -2"),
        (("--ranks", "a"), "'a' is not a list of integers"),
        (("--ranks", ""), "is not a list of integers"),
        (("--sigma", "-0.1"), "sigma is -0.1; it must be a finite number >= 0"),
        (("--sigma", "nan"), "sigma is nan"),
        (("--n-images", "0"), "n_images is 0; it must be at least 1"),
        (("--tasks", "4"), "there is no task 4; the tasks are 1, 2 and 3"),
        (("--max-iter", "0"), "max_iter is 0"),
        (("--seed", "-1"), "seed is -1"),
        (("--noise-seed", "-1"), "noise_seed is -1"),
        (("--delta", "0"), "delta is 0.0; it must be positive"),
        (("--dtype", "int8"), "'int8' is not one of"),
        (("--backend", "abacus"), "unknown backend 'abacus'"),
    ],
)
def test_bad_options_get_one_line_and_status_2(tmp_path, options, message):
    done = command("sprites", *options, "--out", tmp_path / "out", status=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_more_images_than_there_are(tmp_path, punks_file):
    done = command("cryptopunks", "--n-images", 10_001, "--out", tmp_path / "out", status=2)
    assert "10001 samples of cryptopunks asked for; there are 1 to 10000" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_that_is_none(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    for source, message in (("nowhere", "is no data set"), (tmp_path / "a.npy", "needs images")):
        done = command(source, "--out", tmp_path / "out", status=2)
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("package", ["skimage", "jinja2"])
def test_a_missing_package_is_named_with_its_install_command(tmp_path, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    done = command("sprites", "--out", tmp_path / "out", status=2)
    assert f"the study needs {package}" in done.stderr
    assert "pip install 'nmf-accel[study]'" in done.stderr


def test_the_help_names_the_defaults():
    done = command("--help")
    assert ",".join(map(str, DEFAULT_RANKS)) in done.stdout
    assert StudySettings("sprites").ranks == DEFAULT_RANKS
