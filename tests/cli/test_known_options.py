"""What is not known, from the command line: NaN, weights in a file, what is not stored."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_array, save_npz

from nmf_accel import Factorization, nmf
from nmf_accel.cli import main
from nmf_accel.losses import symbol_of
from nmf_accel.sweeps import Store

RNG = np.random.default_rng(0)
A = RNG.random((30, 3)) @ RNG.random((3, 40))
KNOWN = RNG.random(A.shape) < 0.8
EXPECTED = {"solver": "hals", "max_iter": 20, "backend": "numpy"}


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("nan.npy", np.where(KNOWN, A, np.nan))
    np.save("a.npy", A)
    np.save("known.npy", KNOWN.astype(float))
    save_npz("stored.npz", csr_array((A[KNOWN], np.nonzero(KNOWN)), shape=A.shape))


def run(*args, status=0):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.output


@pytest.mark.parametrize(
    "given",
    [
        ("nan.npy", "--missing", "nan"),
        ("a.npy", "--weights", "known.npy"),
        ("stored.npz", "--zeros-missing"),
    ],
)
def test_a_fit_and_a_sweep(given):
    expected = nmf(A, 3, weights=KNOWN, **EXPECTED)
    options = ("--solver", "hals", "--max-iter", 20, "--backend", "numpy")
    assert "error √(Σ M (A − WH)²)" in run("fit", *given, "--rank", 3, *options, "--out", "out")
    result = Factorization.load("out/factorization.npz")
    np.testing.assert_allclose(result.W, expected.W, rtol=1e-9, atol=1e-12)
    output = run("sweep", *given, "--ranks", 3, "--seeds", 1, *options, "--out", "runs")
    assert f"{expected.error:.6g}" in output
    store = Store.read(Path("runs"))
    assert symbol_of({**store.about, **store.settings}) == "√(Σ M (A − WH)²)"


def test_what_is_held():
    np.save("w.npy", W := RNG.random((30, 1)))
    np.save("h.npy", H := np.concatenate([np.full((1, 40), np.nan), RNG.random((1, 40))]))
    expected = nmf(A, 3, W_fixed=W, H_fixed=H, **EXPECTED)
    options = ("--w-fixed", "w.npy", "--h-fixed", "h.npy", "--max-iter", 20, "--backend", "numpy")
    run("fit", "a.npy", "--rank", 3, "--solver", "hals", *options, "--out", "out")
    result = Factorization.load("out/factorization.npz")
    np.testing.assert_array_equal(result.W[:, :1], W)
    np.testing.assert_allclose(result.H, expected.H, rtol=1e-12)
    run("sweep", "a.npy", "--ranks", 3, "--seeds", 1, "--solver", "hals", *options, "--out", "runs")
    assert Store.read(Path("runs")).rows[0]["error"] == pytest.approx(expected.error)


def test_what_is_refused():
    assert "no number; NaN is one" in run(
        "fit", "nan.npy", "--rank", 3, "--missing", "NA", status=2
    )
    assert "A has " in run("fit", "nan.npy", "--rank", 3, status=2)
    assert "but A is dense" in run("fit", "a.npy", "--rank", 3, "--zeros-missing", status=2)


def test_a_column_of_which_nothing_is_known():
    known = KNOWN & (np.arange(KNOWN.shape[1]) != 4)
    np.save("nan.npy", np.where(known, A, np.nan))
    given = ("nan.npy", "--missing", "nan", "--max-iter", 5, "--backend", "numpy")
    output = run("fit", *given, "--rank", 3, status=2)
    assert "nothing is known of 1 column of A, the first being column 4" in output
    run("fit", *given, "--rank", 3, "--unknown", "zero", "--out", "out")
    H = Factorization.load("out/factorization.npz").H
    np.testing.assert_array_equal(H.any(axis=0), np.arange(A.shape[1]) != 4)
    run("sweep", *given, "--ranks", 3, "--seeds", 1, "--unknown", "zero", "--out", "runs")
    H = Factorization.load("runs/factors/rank-3-seed-0.npz").H
    np.testing.assert_array_equal(H.any(axis=0), np.arange(A.shape[1]) != 4)
