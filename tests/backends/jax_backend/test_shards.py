"""Matrices that several devices share, in interpreters of their own: see ``sharded.py`` here."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nmf_accel import Factorization, nmf

pytest.importorskip("jax")

SCRIPT = Path(__file__).with_name("sharded.py")
PAGE = Path(__file__).parents[3] / "docs" / "devices.md"
SAMPLE = [
    ("mu", "columns"),
    ("hals", "columns"),
    ("bpp", "columns"),
    ("extrapolated", "grid"),
    ("weights", "columns"),
    ("weights, kullback-leibler", "grid"),
]
"""A case costs 3 s. All of them: ``python tests/backends/jax_backend/sharded.py``."""
SPECS = {"columns": [[None, None], [None, "x"]], "grid": [["a", None], [None, "b"]]}
M, N, D = 6, 200, 2
BLOCK = M * N * 8 // 4
CLOSE = 1e-12


@pytest.fixture(scope="module")
def found():
    """What the script prints of the sample."""
    command = [sys.executable, str(SCRIPT), json.dumps(SAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=140)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(params=SAMPLE, ids="-".join)
def case(request, found):
    return found["cases"][SAMPLE.index(request.param)]


def test_four_devices_give_what_one_gives(case):
    assert case["iterations"] == [50, 50]
    assert max(case[name] for name in ("W", "H", "errors", "kkt", "held out")) <= CLOSE


def test_columns_of_zeros_stay_zero_where_they_stand(case):
    assert case["zeros stay"]


def test_factors_come_back_cut_as_A_is_on_the_callers_own_mesh(case):
    assert case["meshes"]
    assert case["specs"] == SPECS[case["layout"]]
    assert case["device"] == "4 × CPU"


def test_no_device_ever_has_more_than_its_block(case):
    assert 0 < case["largest"] <= BLOCK + M * 8


@pytest.mark.parametrize("name", ["mu", "hals"])
def test_by_columns_an_iteration_has_one_all_reduce_of_what_W_needs(found, name):
    exchanges = found["cases"][SAMPLE.index((name, "columns"))]["exchanges"]
    assert exchanges == [["all-reduce", D**2 + D * M]]


def test_pivoting_asks_all_devices_for_one_bit_beside(found):
    exchanges = found["cases"][SAMPLE.index(("bpp", "columns"))]["exchanges"]
    assert sorted(exchanges) == [["all-reduce", 0], ["all-reduce", D**2 + D * M]]


def test_nothing_but_sums_is_exchanged_and_never_A(case):
    kinds, counts = zip(*case["exchanges"], strict=True)
    assert set(kinds) == {"all-reduce"}
    assert max(counts) < M * N / 2
    if case["layout"] == "columns":
        assert max(counts) < N / 4


def test_sweeps_and_projections_share_too(found):
    others = found["others"]
    assert max(others["sweep"], *others["project"], *others["starts"]) <= CLOSE
    assert others["spread"] == ["P(None, 'columns')", "bool"]


def test_memory_is_planned_for_each_device(found):
    others = found["others"]
    assert others["nbytes"][0] == BLOCK
    assert others["kept"] == D * (M + N // 4) * 8
    four, one = others["needed"]
    assert one / 4 <= four < one / 3


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("columns", "A has 199 columns, .* take 1, or leave 3 of the columns out"),
        ("devices", "devices is 5, but JAX has 4 here, cpu:0.*device_count=5"),
        ("threads", "devices is 4, but XLA computes with 2 threads .* NPROC=8"),
        ("backend", "on numpy is one device's; take backend='jax'"),
        ("entry", r"A has 6 negative entries, first at \(0, 60\): -1.0"),
        ("unknown", r"A has 6 NaN entries, first at \(0, 60\): nan; .* missing=np.nan"),
        ("unknown in W", r"W has \d+ NaN entries, first at"),
        ("workers", "A lies on 4 devices of JAX, where no workers are"),
        ("mask", "A is a masked array; pass A.filled"),
        ("vector", r"A must be a matrix \(2-D\), but its shape is \(200,\)"),
        ("weight", r"weights are -1.0 at \(0, 6\)"),
    ],
)
def test_what_cannot_be_is_said_with_its_cure(found, what, told):
    assert re.search(told, found["others"]["told"][what])


REFUSED = """
from nmf_accel import project, sweep
from nmf_accel.backends import get
with get("jax").scope(get("jax").adopt(A, "A")):
    print("agreed on", get("jax").agreed(3.0 + jax.process_index()))
nmf(A, 2, weights=A, unknown="zero", max_iter=2)
project(A, np.ones((20, 2)))
try:
    nmf(A, 2, weights=A)
except ValueError as error:
    print("refused:", error)
for how in ({"init": "nndsvda"}, {"store": "runs"}):
    try:
        sweep(A, [2], 1, max_iter=2, **how)
    except ValueError as error:
        print("refused:", error)
"""


def test_the_recipe_for_several_hosts_runs_as_it_stands_in_two_processes(tmp_path):
    (recipe,) = re.findall(r"```python\n(import os\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    A = np.random.default_rng(0).random((20, 40))
    A[:, [0, 33]] = A[7] = 0
    np.save(tmp_path / "A.npy", A)
    (tmp_path / "factorize.py").write_text(recipe + REFUSED, "utf-8")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    flag = "--xla_force_host_platform_device_count=2"
    shared = {"COORDINATOR": f"localhost:{port}", "PROCESSES": "2", "XLA_FLAGS": flag}
    started = [
        subprocess.Popen(
            [sys.executable, "factorize.py"],
            cwd=tmp_path,
            env={**os.environ, **shared, "NPROC": "8", "PROCESS": str(k)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for k in range(2)
    ]
    try:
        told = [process.communicate(timeout=140)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], told
    for text in told:
        assert "agreed on 3.0" in text
        assert "refused: nothing is known of 1 row of A, the first being row 7" in text
        assert "refused: init is 'nndsvda'" in text
        assert "refused: store is 'runs', but A lies on 2 processes" in text
    result = Factorization.load(tmp_path / "factors.npz")
    one = nmf(A, 4, solver="hals", max_iter=50, backend="jax")
    for name in ("W", "H", "errors"):
        mine, theirs = (np.asarray(getattr(x, name)) for x in (result, one))
        assert np.abs(mine - theirs).max() <= CLOSE * np.abs(theirs).max()
    assert result.settings["device"] == "4 × CPU"
