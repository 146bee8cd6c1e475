"""`bench/on_gpu.py` works from end to end, here in small on a CPU, and keeps what it has."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nmf_accel import backends

ROOT = Path(__file__).parents[2]
FILE = ROOT / "bench" / "on_gpu.py"


def on_gpu(*args, status=0):
    """Run it; one thread, since another busy process slows down OpenBLAS's two by 40.

    It runs pytest, which is not to take after the one that runs this test.
    """
    command = [sys.executable, str(FILE), *map(str, args)]
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    variables = {**inherited, "OPENBLAS_NUM_THREADS": "1", "NMF_ACCEL_REQUIRE": ""}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=140)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FILE.parent))
    return importlib.import_module("on_gpu")


def test_all_of_it_in_small(tmp_path):
    # Two minutes, so that a step that hangs is ended, and says where, before this test is.
    told = on_gpu("--backend", "numpy", "--quick", "--minutes", 2, "--out", tmp_path)
    [path] = tmp_path.iterdir()
    assert path.name.startswith("cpu-")
    assert path.name.endswith("-quick.json")
    assert str(path) in told
    record = json.loads(path.read_text())
    assert record["machine"]["backends"]["numpy"]["usable"]
    assert record["machine"]["packages"]["numpy"]
    assert record["backends"] == ["numpy"]
    steps = record["steps"]
    for name, step in steps.items():
        assert step["status"] == "done", (name, step)
    assert all(check["passed"] for check in steps["verify"]["figures"])
    assert {x["dtype"] for x in steps["time an iteration"]["figures"]} == {"float64", "float32"}
    for case in steps["time an iteration"]["figures"]:
        assert [x["solver"] for x in case["timings"]] == ["mu", "hals", "apg"]
        for row in case["timings"]:
            assert row["share"] == pytest.approx(row["floor"] / row["seconds"])
            assert row["to_numpy"] == 1
    assert steps["tests"]["figures"]["tests"] > 20
    assert steps["tests"]["figures"]["wrong"] == []
    [iteration] = steps["iteration"]["figures"]
    assert iteration["case"] == "test_iteration[numpy-500-64-float32]"
    assert {"products", "scikit-learn"} <= set(iteration["ratios"])
    assert steps["sweep"]["figures"] == "not measured"  # on a GPU only


def test_steps_that_run_out_of_time_are_recorded(tmp_path):
    on_gpu("--backend", "numpy", "--quick", "--minutes", 0.001, "--out", tmp_path)
    [path] = tmp_path.iterdir()
    steps = json.loads(path.read_text())["steps"]
    for step in steps.values():
        assert step["status"].startswith("ran out of time")
        assert step["figures"] == "not measured"


def test_without_a_gpu_nothing_is_written(tmp_path):
    if any(backends.probe(name).accelerated for name in backends.BACKENDS):
        pytest.skip("there is a GPU")
    told = on_gpu("--out", tmp_path / "results", status=1)
    assert told.startswith("there is no GPU here, and nothing was written:")
    assert backends.probe("cupy").reason in told
    assert not (tmp_path / "results").exists()


def test_a_backend_that_cannot_run(tmp_path):
    told = on_gpu("--backend", "tensorly", "--out", tmp_path / "results", status=1)
    assert told == "tensorly cannot run here: there is no such backend\n"
    assert not (tmp_path / "results").exists()


def step(module, code):
    """A step that is a script; FILE is where its figures go."""
    return module.Step(1, lambda asked, file: ["-c", textwrap.dedent(code), str(file)])


STUBBORN = """
    import signal, sys, time
    if {deaf}:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    open(sys.argv[1], "w").write("[1]")
    print("half done", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("deaf", [False, True])
def test_what_a_step_had_is_kept(module, monkeypatch, deaf):
    monkeypatch.setattr(module, "GRACE", 1)
    done = module.run(step(module, STUBBORN.format(deaf=deaf)), None, 4)
    assert done["status"] == "ran out of time after 4 s"
    assert done["figures"] == [1]
    assert done["output"][0] == "half done"


def test_a_step_that_fails(module):
    done = module.run(step(module, "import sys; print('why'); sys.exit(3)"), None, 60)
    assert done["status"] == "failed: status 3"
    assert done["figures"] == "not measured"
    assert done["output"] == ["why"]


def test_the_file_is_written_after_every_step(module, monkeypatch, tmp_path):
    path, seen = tmp_path / "r.json", []

    def run(step, asked, limit):
        steps = json.loads(path.read_text())["steps"]
        seen.append([x["status"] for x in steps.values()])
        return {"status": "done", "seconds": 0, "figures": "not measured", "output": []}

    monkeypatch.setattr(module, "run", run)
    module.follow(module.Asked(["numpy"], True), {}, path, module.time.monotonic() + 60)
    count = len(module.STEPS)
    assert seen == [["done"] * k + ["not begun"] * (count - k) for k in range(count)]


def test_time_is_divided_and_what_is_left_goes_on(module, monkeypatch, tmp_path):
    limits, now = [], [0.0]

    def run(step, asked, limit):
        limits.append(limit)
        now[0] += 10
        return {"status": "done", "seconds": 10, "figures": "not measured", "output": []}

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    shares = {"a": 1, "time an iteration": 2, "c": 1}
    steps = {name: module.Step(share, None) for name, share in shares.items()}
    monkeypatch.setattr(module, "STEPS", steps)
    module.follow(module.Asked(["numpy"], True), {}, tmp_path / "r.json", 100.0)
    assert limits == [25, 60, 80]


def test_what_failed_in_pytest_is_told(module, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_a(): assert 1 == 2\ndef test_b(): pass\n")
    file = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    subprocess.run(
        [*command, f"--rootdir={tmp_path}", f"--junitxml={file}", str(tmp_path)],
        capture_output=True,
        cwd=tmp_path,
    )
    found = importlib.import_module("steps").tested(file)
    assert (found["tests"], found["failures"]) == (2, 1)
    [wrong] = found["wrong"]
    assert wrong["test"].endswith("test_it.test_a")
    assert "assert 1 == 2" in wrong["message"][0]


def test_scikit_learn_is_said_not_to_be_measured(module, tmp_path):
    file = tmp_path / "benchmarks.json"
    stats, info = {"median": 2.0, "rounds": 5}, {"ratios": {"products": 1.5}, "n": 500}
    file.write_text(json.dumps({"benchmarks": [{"name": "x", "stats": stats, "extra_info": info}]}))
    [row] = importlib.import_module("steps").benchmarks(file)
    assert row["ratios"] == {"scikit-learn": "not measured", "products": 1.5}
    assert (row["case"], row["seconds"], row["n"]) == ("x", 2.0, 500)


def test_a_file_of_its_own_for_every_run(module, tmp_path):
    first = module.free_name(tmp_path, "NVIDIA H100 80GB HBM3", False)
    assert first.name.startswith("nvidia-h100-80gb-hbm3-20")
    first.write_text("")
    second = module.free_name(tmp_path, "NVIDIA H100 80GB HBM3", False)
    assert second.name == f"{first.stem}-2.json"
