"""The command `bench` measures any source that `fit` takes, and says which backend to take."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

from nmf_accel import backends
from nmf_accel.cli import main

MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
MAIN += "from nmf_accel.cli import main; main(prog_name='nmf-accel')"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nmf_accel.timing.rates.LONG_ENOUGH", 0.0)
    np.save("a.npy", np.random.default_rng(0).random((30, 20)))
    sp.save_npz("s.npz", sp.random(30, 20, density=0.3, random_state=0))


def bench(*args, status=0):
    given = ["bench", *args, "--seconds", 0.02]
    done = CliRunner().invoke(main, [str(arg) for arg in given])
    assert done.exit_code == status, done.output + repr(done.exception)
    if status == 0:
        assert done.stderr == ""
    return done.stdout if status == 0 else done.stderr


def test_a_table_of_all_backends():
    title, data, header, *rest = bench("a.npy", "--rank", 2).splitlines()
    assert data == "a.npy: 30 features × 20 samples · float64"
    assert title == "a.npy, 30 × 20, rank 2, float64"
    assert header.split()[:3] == ["backend", "solver", "ms/iteration"]
    rows = rest[: rest.index("")]
    for name in backends.names():
        here = [row.split()[1] for row in rows if row.split()[0] == name]
        found = backends.probe(name)
        solvers = ["mu", "auto" if name == "numpy" else "hals"]  # where it is more than its solver
        assert here == (solvers if found.usable else ["-"])
        assert found.usable or f"not measured: {found.reason}" in "\n".join(rows)
        assert found.usable == any(row.startswith(f"floor of {name}: ") for row in rest)
    *_, advice, auto = rest
    assert advice.startswith("take --backend ")
    chosen = backends.resolve("auto").name
    told = (
        f"auto takes --backend {chosen} --solver hals, extrapolated (auto: products with A take 12 "
    )
    assert auto.startswith(told)


@pytest.mark.parametrize("source", ["a.npy", "s.npz", "sprites"])
def test_every_source(source):
    images = ["--n-images", 15] if source == "sprites" else []
    out = bench(source, "--rank", 2, "--backend", "numpy", *images)
    shape = "1728 × 15" if source == "sprites" else "30 × 20"
    assert out.startswith(f"{source}, {shape}, rank 2, float64\n")


def test_json():
    picked = ["--solver", "apg", "--solver", "mu", "--backend", "numpy", "--dtype", "float32"]
    found = json.loads(bench("a.npy", "--rank", 2, "--seeds", 3, *picked, "--json"))
    assert (found["data"], found["shape"]) == ("a.npy", [30, 20])
    assert [(x["backend"], x["solver"]) for x in found["timings"]] == [
        ("numpy", "apg"),
        ("numpy", "mu"),
    ]
    for row in found["timings"]:
        assert (row["dtype"], row["rank"], row["runs"]) == ("float32", 2, 3)
        assert row["share"] == pytest.approx(row["floor"] / row["seconds"])
        assert row["device"] == backends.probe("numpy").device
    assert found["advice"].startswith("take --backend numpy --solver ")
    assert "auto takes" in found["auto"]


def test_runs_at_once_are_told():
    out = bench("a.npy", "--rank", 2, "--seeds", 3, "--backend", "numpy")
    assert out.splitlines()[0] == "a.npy, 30 × 20, rank 2, float64, 3 runs at once"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["a.npy"], "Missing option '--rank'"),
        (["nothing", "--rank", 2], "'nothing' is no data set"),
        (["a.npy", "--rank", 0], "rank is 0"),
        (["a.npy", "--rank", 2, "--backend", "tensorly"], "unknown backend 'tensorly'"),
        (["s.npz", "--rank", 2, "--backend", "strict"], "takes no sparse matrices"),
        (["a.npy", "--rank", 2, "--solver", "cd"], "'cd' is not one of"),
        (["a.npy", "--rank", 2, "--seeds", 0], "runs is 0"),
    ],
)
def test_refusals_are_one_line(args, message):
    told = bench(*args, status=2)
    assert message in told
    assert len(told.splitlines()) == 1


def test_ctrl_c_is_clean():
    given = ["bench", "a.npy", "--rank", "2", "--backend", "numpy", "--seconds", "60", "--progress"]
    with open("told", "w") as told, open("out", "w") as out:
        process = subprocess.Popen([sys.executable, "-c", MAIN, *given], stdout=out, stderr=told)
        while "numpy mu" not in Path("told").read_text() and process.poll() is None:
            time.sleep(0.1)  # until the bar moves, for then it measures
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    told = Path("told").read_text()
    assert status == 130, told
    assert told.splitlines()[-1] == "interrupted; nothing was measured to the end"
    assert "Traceback" not in told
    assert Path("out").read_text().splitlines() == [
        "a.npy, 30 × 20, rank 2, float64",
        "a.npy: 30 features × 20 samples · float64",
    ]


def test_what_fit_says_of_auto():
    done = CliRunner().invoke(
        main, ["fit", "a.npy", "--rank", "2", "--max-iter", "3", "--solver", "auto"]
    )
    assert re.search(r"hals, extrapolated \(auto: .* see bench/results/", done.output)
    done = CliRunner().invoke(main, ["fit", "a.npy", "--rank", "2", "--max-iter", "3"])
    assert "auto" not in done.output
