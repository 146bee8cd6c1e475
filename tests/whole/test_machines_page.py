"""``docs/machines.md``: its commands run as they stand, and its figures are those measured."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nmf_accel.sweeps import Store

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/machines.md").read_text()
SHELL = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FOUND = json.loads((ROOT / "bench/results/machines-2026-11-30.json").read_text())


@pytest.fixture
def run(tmp_path):
    """``run(script)``: by bash, in a folder of its own, where ``nmf-accel`` is this library."""
    command = tmp_path / "bin" / "nmf-accel"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m nmf_accel "$@"\n')
    command.chmod(0o755)
    beside = f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": beside, "PYTHONPATH": str(ROOT)}

    def run(script, **variables):
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=tmp_path,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run.folder = tmp_path
    return run


def test_processes(run):
    script, command = PYTHON[0], SHELL[0]
    assert "ProcessPoolExecutor" in script
    (run.folder / "example.py").write_text(script)
    assert "rank 8" in run(f"{sys.executable} example.py")
    assert len(Store.read(run.folder / "runs").rows) == 12
    assert "12 runs were in runs already" in run(command)  # it is the same sweep


def test_dask(run):
    pytest.importorskip("distributed")
    script = next(x for x in SHELL if "dask scheduler" in x)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert script.count("8786") == 3
    quiet = "exec 3>&1 4>&2; trap 'kill $(jobs -p); wait' EXIT\n"
    said = run(quiet + script.replace("8786", port))
    assert f"of Dask at tcp://127.0.0.1:{port}, one thread each" in said
    assert len(Store.read(run.folder / "runs").rows) == 12


def test_an_array_of_slurm(run):
    script, merging = SHELL[-2:]
    assert "#SBATCH --array=0-3" in script
    for task in ("0", "3"):
        run(script, SLURM_ARRAY_TASK_ID=task)
    assert "12 runs in runs/all" in run(merging)
    seeds = {row["seed"] for row in Store.read(run.folder / "runs/all").rows}
    assert seeds == {0, 1, 2, 9, 10, 11}


def test_the_table_is_what_was_measured():
    table = re.findall(r"^\| `(mu|hals)` \| (.+) \|$", PAGE, re.M)
    measured = {(x["solver"], x["rank"]): x["ratios"]["local sweep"] for x in FOUND if "rank" in x}
    ranks = sorted({rank for _, rank in measured})
    assert [solver for solver, _ in table] == ["mu", "hals"]
    for solver, cells in table:
        assert cells.split(" | ") == [f"{measured[solver, rank]:.2f}" for rank in ranks]
    assert len(measured) == 8
    assert max(measured.values()) <= 1.15, "or the page says something else"
    (overhead,) = (x["seconds_a_batch"] for x in FOUND if "seconds_a_batch" in x)
    assert f"is {1e3 * overhead:.1f} ms" in PAGE
