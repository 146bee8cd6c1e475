"""Absurd options end in one line that has the value, and status 2, before anything is computed."""

import time

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel.cli import main

FIT = [
    *(f"--rank {x}" for x in (10**9, 10**25, -1, 0, "1.5", "nan")),
    *(f"--max-iter {x}" for x in (10**18, 0, -1, "nan")),
    *(f"--inner {x}" for x in (10**9, 0, -1)),
    *(f"--check-every {x}" for x in (0, -1, "nan")),
    *(f"--tol {x}" for x in ("nan", "inf", -1, "1e400", "x")),
    *(f"--delta {x}" for x in ("nan", "inf", -1, 0, "x")),
    *(f"--l1-h {x}" for x in ("nan", "inf", -1)),
    *(f"--l2-w {x}" for x in ("nan", "inf", -1)),
    *(f"--folds {x}" for x in (10**9, 0, 1, -1, "nan")),
    *(f"--loss {x}" for x in ("nan", "1e308", "inf", "x")),
    *(f"--seed {x}" for x in (-1, "nan")),
    *(f"--n-images {x}" for x in (10**12, 0, -1, "nan")),
    *(f"--size {x}" for x in ("1000000", "-1x2", "0x0", "nan")),
    *(f"--{x} x" for x in ("solver", "stop", "init", "dtype", "backend", "unknown", "tables")),
    "--missing x",
    "--callback x",
    "--callback os:nothing",
    "--callback nothing_like_that:f",
]
SWEEP = [
    *(f"--seeds {x}" for x in (10**9, 0, -1, "1.5", "x", "1:1000000000:1", "nan")),
    *(f"--ranks {x}" for x in (0, -1, "x", "1:5:0", "5:1:1", "1:1000000000:1", 10**20)),
    *(f"--ranks 1:{x}" for x in ("1000000000000:log1000000000", "99999999999999999999:log3")),
    *(f"--memory {x}" for x in (0, "1e400", "nan", -1, "8X")),
    *(f"--sigma {x}" for x in ("nan", "inf", -1)),
    "--sigma 0.1 --noise-seed -1",
    "--sigma 0.1 --noise-seed nan",
    "--keep x",
]
STUDY = [
    *(f"--sigma {x}" for x in ("nan", -1)),
    *(f"--n-images {x}" for x in (10**12, 0, -1)),
    *(f"--ranks {x}" for x in (-1, "x", 10**20)),
    *(f"--max-iter {x}" for x in (10**18, 0)),
    "--tasks 9",
    "--delta nan",
    "--seed -1",
    "--noise-seed -1",
    f"--inner {10**9}",
]
BENCH = [
    *(f"--seeds {x}" for x in (10**9, 0, -1)),
    *(f"--seconds {x}" for x in ("nan", "inf", -1, 0)),
    f"--n-images {10**12}",
    "--rank -1",
]
COMMANDS = [
    *(f"fit a.npy --rank 2 --max-iter 1 {x}" for x in FIT),
    *(f"sweep a.npy --ranks 2 --seeds 1 --max-iter 1 {x}" for x in SWEEP),
    *(f"study sprites {x}" for x in STUDY),
    *(f"bench a.npy --rank 2 {x}" for x in BENCH),
    "fit sprites --rank 2 --n-images 1000000000000",
    "fit pictures --rank 1 --size 1000000x1000000",
    f"fit pictures --rank 1 --size {10**20}x1",
    *(f"fit a.wav --rank 1 --n-fft {x}" for x in (10**12, 0, -1)),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    image, wavfile = pytest.importorskip("PIL.Image"), pytest.importorskip("scipy.io.wavfile")
    folder = tmp_path_factory.mktemp("here")
    np.save(folder / "a.npy", np.random.default_rng(0).random((30, 20)))
    (folder / "pictures").mkdir()
    for k in range(1, 4):
        image.fromarray(np.full((8, 8, 3), k, "u1")).save(folder / "pictures" / f"{k}.png")
    wavfile.write(folder / "a.wav", 8000, np.ones(5000, "i2"))
    return folder


@pytest.mark.parametrize("words", COMMANDS)
def test_it_is_refused_in_one_line_with_the_value(words, here, monkeypatch):
    monkeypatch.chdir(here)
    started = time.perf_counter()
    done = CliRunner().invoke(main, words.split())
    assert time.perf_counter() - started < 10  # on a machine that is busy; alone it takes 0.1
    assert done.exit_code == 2, (done.output, done.exception)
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    name, value = words.split()[-2:]
    said = line.replace(",", "").replace("1e+308", "1e308")
    spelt = {value.replace("1e400", "inf"), value, value.replace("x", " × "), name.strip("-")}
    assert any(x in said for x in spelt), line
