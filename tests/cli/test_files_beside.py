"""Files beside SOURCE: said what they were taken for, matched by name, warnings in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import Factorization, nmf, sweep
from nmf_accel.cli import main
from nmf_accel.results import is_factorization

pd = pytest.importorskip("pandas")

A = np.random.default_rng(0).random((4, 3))
FRAME = pd.DataFrame(A, ["g1", "g2", "g3", "g4"], ["s1", "s2", "s3"])
FIT = ["fit", "a.csv", "--rank", "2", "--max-iter", "3"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("a.csv")


def run(*args):
    done = CliRunner().invoke(main, list(args))
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


def test_a_line_each_says_what_the_files_were_taken_for():
    np.savetxt("h.csv", np.ones((2, 3)), delimiter=",")
    np.save("m.npy", np.ones((4, 3)))
    run(*FIT)
    out = run(*FIT, "--w0", "out/W.csv", "--h-fixed", "h.csv", "--weights", "m.npy").splitlines()
    assert out[0].startswith("data  a.csv: 4 features × 3 samples")
    said = [line for line in out if line.startswith("--")]
    assert len(said) == 3
    assert any(x.startswith("--w0  out/W.csv: 4 features × 2 samples · header row") for x in said)
    assert any(x.startswith("--h-fixed  h.csv: 2 features × 3 samples") for x in said)
    assert any(x.startswith("--weights  m.npy: 4 features × 3 samples") for x in said)
    assert "--w0" not in run(*FIT, "--w0", "out/W.csv", "--json")


@pytest.mark.parametrize("option", ["--w0", "--w-fixed", "--h0", "--h-fixed"])
def test_the_file_of_a_factorization_stands_for_its_factor(option):
    run(*FIT)
    path = "out/factorization.npz"
    first, name = Factorization.load(path), option[2:].replace("-", "_").capitalize()
    rank = 3 if "fixed" in option else 2
    about = ["--rank", str(rank), "--max-iter", "3", "--out", "b"]
    out = run("fit", "a.csv", *about, option, path)
    assert f"{option}  {path}: Factorization 4 × 3, rank 2" in out
    found = Factorization.load("b/factorization.npz")
    expected = nmf(FRAME, rank, max_iter=3, **{name: first})
    np.testing.assert_allclose(found.to_arrays()[0], expected.to_arrays()[0], rtol=1e-9)


def test_so_it_does_for_a_sweep():
    run(*FIT)
    path = "out/factorization.npz"
    about = ["--ranks", "3", "--max-iter", "3", "--seeds", "1", "--out", "b"]
    assert f"--h-fixed  {path}: Factorization 4 × 3" in run(
        "sweep", "a.csv", *about, "--h-fixed", path
    )
    found = Factorization.load("b/factors/rank-3-seed-0.npz")
    np.testing.assert_array_equal(found.H[:2], Factorization.load(path).H)


def test_a_factorization_is_told_from_other_archives(tmp_path):
    np.savez("a.npz", W=A)
    assert not is_factorization("a.npz")
    assert not is_factorization("a.csv")
    assert not is_factorization("nowhere")
    nmf(A, 2, max_iter=1).save("b.npz")
    assert is_factorization("b.npz")


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b""])
def test_load_says_what_a_file_is_not(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.csv is not a factorization") as error:
        Factorization.load("x.csv")
    assert "pickle" not in str(error.value)


def test_a_warning_is_one_plain_line_on_stderr():
    FRAME.iloc[::-1].rename_axis("gene").iloc[:, :2].to_csv("w.csv")
    code = "from nmf_accel.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *FIT, "--w0", "w.csv"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == ("Warning: the rows of W0 were put into the order of A, by their names\n")


def test_show_of_a_rank_prints_rows_of_json():
    sweep(FRAME, [2], 1, store="runs", max_iter=3)
    rows = [json.loads(x) for x in run("show", "runs", "--rank", "2", "--json").splitlines()]
    top = sweep(FRAME, [2], 1, store="runs", max_iter=3).best(2).top()
    assert rows == [feature._asdict() for feature in top]


def test_bench_says_what_it_took_before_it_measures(monkeypatch):
    def stop(*_, **__):
        raise ValueError("not today")

    monkeypatch.setattr(sys.modules["nmf_accel.cli.bench"], "compare", stop)
    done = CliRunner().invoke(main, ["bench", "a.csv", "--rank", "2"])
    assert done.stdout.splitlines()[1].startswith("a.csv: 4 features × 3 samples")
    assert "not today" in done.stderr


def test_bench_of_a_named_data_set_prints_no_empty_line_ahead_of_its_table():
    options = ["--rank", "2", "--n-images", "9", "--backend", "numpy", "--seconds", "0.01"]
    out = run("bench", "sprites", *options, "--solver", "mu").splitlines()
    assert out[0].startswith("sprites, 1728 × 9")
    assert out[1].startswith("backend")
