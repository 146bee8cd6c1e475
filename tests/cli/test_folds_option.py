"""``--folds`` of ``nmf-accel fit`` and ``sweep``."""

import re

import numpy as np
from click.testing import CliRunner

from nmf_accel import Factorization, nmf
from nmf_accel.cli import main

A = np.random.default_rng(0).random((20, 3)) @ np.random.default_rng(1).random((3, 30))


def run(*args):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def test_what_is_left_out_is_in_the_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    options = ("--folds", 4, "--solver", "hals", "--max-iter", 20, "--backend", "numpy")
    printed = run("fit", "a.npy", "--rank", 3, "--seed", 1, *options, "--out", "out")
    expected = nmf(A, 3, seed=1, folds=4, solver="hals", max_iter=20, backend="numpy").held_out
    assert Factorization.load("out/factorization.npz").held_out == expected
    assert re.search(rf"held out +{expected:.6g}, root mean square", printed)
    output = run("sweep", "a.npy", "--ranks", "2,3", "--seeds", 4, *options, "--out", "runs")
    assert "held out: median" in output
    assert f"{expected:.6g}" in output
    without = run("sweep", "a.npy", "--ranks", 2, "--max-iter", 5, "--out", "other")
    assert "held out" not in without
