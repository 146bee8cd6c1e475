"""Another loss from the command line, by its name or its β: a fit, a sweep, and pictures."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import Factorization, nmf, plots
from nmf_accel.cli import main

COUNTS = np.random.default_rng(0).poisson(3.0, (30, 40)).astype(float)


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("counts.npy", COUNTS)


def run(*args, status=0):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.output


@pytest.mark.parametrize("loss", ["kullback-leibler", 1.5])
def test_a_fit(loss):
    output = run("fit", "counts.npy", "--rank", 3, "--max-iter", 20, "--loss", loss, "--out", "o")
    assert "error √(2 D(A | WH))" in output
    result = Factorization.load("o/factorization.npz")
    assert result.settings["loss"] == loss
    expected = nmf(COUNTS, 3, loss=loss, max_iter=20, backend=result.settings["backend"])
    np.testing.assert_allclose(result.W, expected.W, rtol=1e-10)
    (axes,) = plots.errors(result).axes
    assert axes.get_ylabel() == "√(2 D(A | WH))"


def test_what_is_no_loss():
    output = run("fit", "counts.npy", "--rank", 3, "--loss", "kl", status=2)
    assert "kullback-leibler" in output
    assert "number" in output
    output = run("fit", "counts.npy", "--rank", 3, "--loss", "itakura-saito", status=2)
    assert "zero entries, first at (" in output


def test_a_sweep_goes_on_whatever_the_loss_is_called():
    sweep = ("sweep", "counts.npy", "--ranks", "2:4:1", "--max-iter", 10, "--out", "runs")
    run(*sweep, "--seeds", 1, "--loss", "1")
    run(*sweep, "--seeds", 2, "--loss", "kullback-leibler")
    rows = [json.loads(line) for line in run("show", "runs", "--json").splitlines()]
    assert len(rows) == 6
    output = run(*sweep, "--seeds", 2, status=2)
    assert "loss is 'kullback-leibler' there and 'frobenius'" in output


def test_a_result_of_before_there_were_losses_is_drawn():
    result = nmf(COUNTS, 2, max_iter=3)
    old = Factorization(**{**vars(result), "settings": {}})
    (axes,) = plots.errors(old).axes
    assert axes.get_ylabel() == "‖A − WH‖"
