"""The command `fit` writes and prints what `nmf` found, refuses in one line, and heeds Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from conftest import assert_parity
from PIL import Image

from nmf_accel import Factorization, backends, datasets, nmf
from nmf_accel.cli import main

A = np.array([[2.0, 1.0, 0.0, 1.0], [1.0, 2.0, 3.0, 1.0], [0.0, 3.0, 3.0, 2.0]])
PICTURES = ["components.png", "errors.png", "reconstructions.png"]
FILES = ["H.csv", "W.csv", *sorted([*PICTURES, "factorization.npz"])]
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
MAIN += "from nmf_accel.cli import main; main(prog_name='nmf-accel')"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    np.save("a.npy", A)


def run(*args, status=0):
    """Run the command; its standard output, which is all it may print."""
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    if status == 0:
        assert done.stderr == ""
    return done.stdout if status == 0 else done.stderr


def fit(*args, **options):
    return run("fit", "a.npy", "--rank", 2, "--max-iter", 20, *args, **options)


def saved(folder="out"):
    return Factorization.load(os.path.join(folder, "factorization.npz"))


class TestFit:
    def test_a_matrix(self):
        out = fit("--seed", 3)
        assert sorted(os.listdir("out")) == FILES
        result, expected = saved(), nmf(A, 2, max_iter=20, seed=3)
        for name in ("W", "H", "errors"):
            np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))
        assert result.settings["data"] == "a.npy"
        assert len(result.settings["data_sha256"]) == 64
        lines = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
        assert lines["error ‖A − WH‖"] == f"{result.error:.8g}"
        assert lines["relative error"] == f"{result.relative_error:.6g}"
        assert lines["iterations"] == "20 (max_iter = 20 reached)"
        assert re.fullmatch(r"[\d.e-]+ ms", lines["time per iteration"])
        assert re.fullmatch(r"[\d.e-]+ GFLOP/s", lines["speed"])
        assert lines["backend"].startswith("numpy float64 on CPU")
        assert all(name in lines["written"] for name in FILES)

    @pytest.mark.parametrize("name", PICTURES)
    @pytest.mark.parametrize("source", ["sprites", "a.npy"])
    def test_pictures_show_something(self, source, name):
        run(
            "fit",
            source,
            *(["--n-images", 20] if source == "sprites" else []),
            "--rank",
            3,
            "--max-iter",
            5,
        )
        with Image.open(f"out/{name}") as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 10

    def test_sprites(self):
        run("fit", "sprites", "--n-images", 30, "--rank", 4, "--max-iter", 10, "--out", "deep/er")
        result = saved("deep/er")
        assert result.W.shape == (1728, 4)
        assert result.H.shape == (4, 30)
        assert result.settings["data"] == "sprites"
        assert result.settings["n_images"] == 30

    def test_cryptopunks(self, punks_file):
        run("fit", "cryptopunks", "--n-images", 20, "--rank", 4, "--max-iter", 10)
        assert saved().H.shape == (4, 20)

    def test_a_folder_of_images(self):
        os.mkdir("pictures")
        for k, pixels in enumerate(datasets.sprites(6).pixels):
            Image.fromarray(pixels).save(f"pictures/{k}.png")
        run("fit", "pictures", "--rank", 2, "--max-iter", 10)
        assert sorted(os.listdir("out")) == FILES
        np.testing.assert_array_equal(saved().W, nmf(datasets.sprites(6).A, 2, max_iter=10).W)

    @pytest.mark.parametrize("name", ["b.npz", "b.csv"])
    def test_other_files(self, name):
        np.savetxt(name, A, delimiter=",") if name.endswith("csv") else np.savez(name, A)
        run("fit", name, "--rank", 2, "--max-iter", 20)
        np.testing.assert_array_equal(saved().W, nmf(A, 2, max_iter=20).W)

    def test_json(self):
        summary = json.loads(fit("--json", "--dtype", "float32"))
        result = saved()
        assert summary["error"] == result.error
        assert summary["dtype"] == "float32"
        assert summary["iterations"] == 20
        assert sorted(map(os.path.basename, summary["files"])) == FILES
        assert result.W.dtype == np.float32

    def test_every_option_of_nmf(self):
        np.save("w0.npy", np.ones((3, 2)))
        np.savetxt("h0.csv", np.arange(1.0, 9.0).reshape(2, 4), delimiter=",")
        fit("--delta", 1e-6, "--tol", 1e-3, "--check-every", 5, "--w0", "w0.npy", "--h0", "h0.csv")
        starts = {"W0": np.ones((3, 2)), "H0": np.arange(1.0, 9.0).reshape(2, 4)}
        expected = nmf(A, 2, max_iter=20, delta=1e-6, tol=1e-3, check_every=5, **starts)
        result = saved()
        np.testing.assert_array_equal(result.errors, expected.errors)
        np.testing.assert_array_equal(result.H0, starts["H0"])

    def test_a_callback(self):
        with open("mine.py", "w") as file:
            file.write("def stop(iteration, error):\n    return iteration >= 8\n")
        fit("--callback", "mine:stop", "--check-every", 4)
        assert saved().n_iter == 8
        assert saved().stopped_because == "the callback asked to stop"

    def test_the_environment_names_the_backend(self, monkeypatch):
        monkeypatch.setenv(backends.VARIABLE, "strict")
        fit()
        assert saved().settings["backend"] == "strict"
        fit("--backend", "numpy")
        assert saved().settings["backend"] == "numpy"
        monkeypatch.setenv(backends.VARIABLE, "tensorly")
        assert "valid ones are auto, numpy, cupy, jax" in fit(status=2)

    def test_every_backend(self, backend):
        fit("--backend", backend)
        assert saved().settings["backend"] == backend

    def test_a_progress_bar_if_asked(self):
        options = ["--rank", "2", "--max-iter", "20", "--progress"]
        done = CliRunner().invoke(main, ["fit", "a.npy", *options])
        assert done.exit_code == 0
        assert "20/20" in done.stderr
        assert "20/20" not in done.stdout

    def test_files_are_replaced_and_others_left(self):
        fit()
        with open("out/notes.txt", "w") as file:
            file.write("mine")
        fit("--seed", 1)
        assert sorted(os.listdir("out")) == sorted([*FILES, "notes.txt"])
        assert saved().settings["seed"] == 1

    def test_a_failing_run_leaves_the_old_files(self, monkeypatch):
        fit()
        before = {name: (os.stat(f"out/{name}").st_mtime_ns) for name in FILES}
        fit("--tol", -1, status=2)
        monkeypatch.setattr(np, "savez", lambda *a, **k: (_ for _ in ()).throw(OSError("full")))
        assert "full" in fit(status=1)
        assert {name: os.stat(f"out/{name}").st_mtime_ns for name in os.listdir("out")} == before


class TestMistakes:
    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--backend", "tensorly"], "unknown backend 'tensorly'; valid ones are auto, numpy"),
            (["--rank", 0], "rank is 0; it must be at least 1"),
            (["--delta", 0], "delta is 0.0; it must be positive"),
            (["--n-images", 9], "9 samples of a.npy asked for; there are 1 to 4"),
            (["--w0", "none.npy"], "none.npy does not exist"),
            (["--w0", "a.npy"], "W0 has shape (3, 4); with this A and rank it must be (3, 2)"),
            (["--dtype", "float16"], "'float16' is not one of"),
            (["--callback", "no_such_module:f"], "'no_such_module:f' names no function"),
            (["--callback", "math:pi"], "'math:pi' is a float, not a function"),
            (["--callback", "math:nothing"], "'math:nothing' names no function"),
            (["--nonsense"], "No such option"),
        ],
    )
    def test_one_line_says_it(self, args, message):
        *usage, line = fit(*args, status=2).splitlines()
        assert line.startswith("Error: ")
        assert message in line
        assert not any("Traceback" in text for text in usage)

    @pytest.mark.parametrize("source", ["faces", "none.npy", "b.npy"])
    def test_bad_sources(self, source):
        np.save("b.npy", -A)
        line = run("fit", source, "--rank", 1, status=2)
        assert line.count("\n") == 1
        assert source in line or "A has 10 negative entries" in line
        assert not os.path.exists("out/factorization.npz")

    def test_an_unusable_backend(self, monkeypatch):
        found = backends.Probe(False, "no driver; pip install one")
        monkeypatch.setitem(backends.get("cupy").__dict__, "_probed", found)
        line = fit("--backend", "cupy", status=2)
        assert line == "Error: backend 'cupy' cannot run here: no driver; pip install one\n"

    def test_no_right_to_write(self):
        open("file", "w").close()
        assert "file" in fit("--out", "file", status=1)


def test_a_solver_with_inner_repeats(tmp_path):
    arguments = ["fit", "sprites", "--n-images", 30, "--rank", 4, "--solver", "hals"]
    arguments += ["--inner", 5, "--tol", 1e-4, "--backend", "numpy", "--out", tmp_path]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert "hals" in done.output
    assert "KKT residual" in done.output


def test_a_sparse_file(tmp_path):
    rng = np.random.default_rng(0)
    A = rng.random((40, 30)) * (rng.random((40, 30)) < 0.2)
    A[3], A[:, 5] = 0, 0
    path = tmp_path / "A.npz"
    sp.save_npz(path, sp.csc_array(A))
    command = ["fit", str(path), "--rank", "3", "--n-images", "20", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*command, "--backend", "numpy", "--l1-h", "0.1"])
    assert done.exit_code == 0, done.output
    result = Factorization.load(tmp_path / "factorization.npz")
    assert result.H.shape == (3, 20)
    assert result.settings["l1_H"] == 0.1
    assert_parity(result.W, nmf(A[:, :20], 3, l1_H=0.1, backend="numpy").W, 1e-10)
    command = ["sweep", str(path), "--ranks", "2", "--sigma", "0.1", "--out", str(tmp_path / "r")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "noise is added to a dense matrix only" in done.output


def start(*args):
    environment = {k: v for k, v in os.environ.items() if k != backends.VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_no_progress_bar_when_piped():
    out, err = start("fit", "a.npy", "--rank", "2", "--max-iter", "50").communicate(timeout=60)
    assert err == ""
    assert "50 (max_iter = 50 reached)" in out


@pytest.mark.parametrize("name", ["numpy", "jax"])
def test_ctrl_c_saves_what_there_is(name):
    if not backends.probe(name).usable:
        pytest.skip(backends.probe(name).reason)
    with open("watch.py", "w") as file:
        file.write("def started(iteration, error):\n    open('started', 'w').close()\n")
    options = f"--rank 2 --max-iter 1000000000 --json --callback watch:started --backend {name}"
    process = start("fit", "a.npy", *options.split())
    try:
        while not os.path.exists("started") and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    result = saved()
    n = result.n_iter
    assert err.splitlines()[-1] == (
        f"interrupted after {n} of 1000000000 iterations; saved what there is"
    )
    assert json.loads(out)["iterations"] == n > 0
    assert sorted(os.listdir("out")) == FILES
    assert np.linalg.norm(A - result.reconstruct()) == pytest.approx(result.error, rel=1e-10)
    np.testing.assert_array_equal(result.errors, nmf(A, 2, max_iter=n, backend=name).errors)
