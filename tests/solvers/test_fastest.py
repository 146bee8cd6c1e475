"""What 'auto' takes is what the files named beside it say; without figures it says so."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from nmf_accel import Factorization, backends, nmf
from nmf_accel.solvers import FASTEST, MEASURED, SOLVERS, fastest, table
from nmf_accel.solvers.table import Figures

RESULTS = Path(__file__).parents[2] / "bench" / "results"
A = np.random.default_rng(0).random((12, 9))


def said_by(file):
    """Backends, devices and dtypes of a file in ``bench/results``, and the solver first each time.

    Of ``bench/test_time_to_error.py``, a case a file; or of ``bench/on_gpu.py``, with many.
    """
    record = json.loads(file.read_text())
    if "curves" in record:
        about = record["about"]
        times = {
            row["solver"].partition(",")[0]: row["mu, 1000 iterations"]
            for row in reversed(about["seconds_to"])  # the plain form of a solver comes first
            if row["solver"].partition(",")[0] in SOLVERS and row["mu, 1000 iterations"]
        }
        [backend] = {*about["versions"], "numpy"} & {*backends.BACKENDS} - (
            {"numpy"} if len({*about["versions"]} & {*backends.BACKENDS}) > 1 else set()
        )
        return [(backend, about["device"][:3], about["dtype"], min(times, key=times.get))]
    found = []
    for case in record["steps"]["time an iteration"]["figures"]:
        for name in {x["backend"] for x in case["timings"] if not x["not_measured"]}:
            here = [x for x in case["timings"] if x["backend"] == name]
            best = min(here, key=lambda x: x["seconds_to_target"])
            device = "GPU" if best["accelerated"] else "CPU"
            found.append((name, device, best["dtype"], best["solver"]))
    return found


@pytest.mark.parametrize(("where", "taken"), MEASURED.items(), ids=str)
def test_the_files_say_what_the_table_says(where, taken):
    solver = taken.solver
    files = sorted(RESULTS.glob(taken.images))
    assert files
    for file in files:
        told = [x[3] for x in said_by(file) if x[:3] == where]
        assert told, f"{file.name} says nothing of {where}"
        assert set(told) == {solver}, file.name


MATRICES = [
    pytest.param(row, id=row["name"])
    for where, figures in MEASURED.items()
    if figures.matrices
    for file in RESULTS.glob(figures.matrices)
    for row in json.loads(file.read_text())
    if row["chosen"]["dtype"] == where[2]
]


def test_every_matrix_is_one_of_the_two_dtypes():
    assert len(MATRICES) == 10


@pytest.mark.parametrize("row", MATRICES)
def test_it_was_nowhere_slower_than_the_best_by_more_than_a_fifth(row):
    now = fastest(backends.get("numpy"), row["chosen"]["dtype"], row["products"])
    assert (now.solver, now.extrapolate) == ("hals", True)
    label = "extrapolated" + f", inner {now.inner}" * (now.inner > 1)
    assert len(row["seconds_to"]) == 2
    for seconds in row["seconds_to"].values():
        assert len(seconds) >= 5
        assert seconds[label] <= 1.2 * min(seconds.values())


def test_a_file_of_on_gpu_is_understood(tmp_path):
    def timing(backend, solver, reached, gpu):
        about = {"backend": backend, "dtype": "float64", "accelerated": gpu, "not_measured": ""}
        return {**about, "solver": solver, "seconds_to_target": reached}

    timings = [timing("cupy", "mu", 2, True), timing("cupy", "hals", 3, True)]
    timings += [timing("numpy", "hals", 3, False), {"backend": "jax", "not_measured": "why"}]
    file = tmp_path / "gpu.json"
    file.write_text(
        json.dumps({"steps": {"time an iteration": {"figures": [{"timings": timings}]}}})
    )
    assert sorted(said_by(file)) == [
        ("cupy", "GPU", "float64", "mu"),
        ("numpy", "CPU", "float64", "hals"),
    ]


@pytest.fixture
def gpu(monkeypatch):
    """NumPy, as if it ran on a GPU."""
    found = backends.Probe(True, device="NVIDIA H100", version="1", accelerated=True)
    monkeypatch.setitem(backends.get("numpy").__dict__, "_probed", found)


@pytest.mark.parametrize("products", [None, 15, 14.9])
def test_repeats_pay_where_products_cost_much(products):
    choice = fastest(backends.get("numpy"), "float64", products)
    assert (choice.solver, choice.extrapolate) == ("hals", True)
    assert choice.inner == {None: None, 15: 5, 14.9: 1}[products]
    because = "measured, see bench/results/cpu-*-auto.json"
    if products:
        because = (
            f"take {products} times the operations of a repeat, and repeats pay from 15; {because}"
        )
    assert choice.because.endswith(because)


def taken(A, rank, **options):
    settings = nmf(A, rank, solver="auto", max_iter=3, backend="numpy", **options).settings
    return settings["inner"], settings["extrapolate"]


def test_a_result_says_what_was_taken_and_why():
    A = np.random.default_rng(0).random((300, 200))
    # 2 · 300 · 200 / (3 · 500) = 80; 2 · 60 · 40 / (20 · 100) = 2.4
    result = nmf(A, 3, solver="auto", max_iter=3, backend="numpy")
    found = [result.settings[x] for x in ("solver", "inner", "extrapolate")]
    assert found == ["hals", 5, True]
    assert "auto: products with A take 80 times the" in result.settings["why_solver"]
    same = nmf(A, 3, solver="hals", inner=5, extrapolate=True, max_iter=3, backend="numpy")
    np.testing.assert_array_equal(result.W, same.W)
    assert taken(A[:60, :40], 20) == (1, True)
    assert taken(sp.csr_array(A * (A < 0.1)), 3) == (1, True)  # 8 times


def test_what_the_caller_says_stays():
    A = np.random.default_rng(0).random((300, 200))
    assert taken(A, 3, inner=2) == (2, True)
    assert taken(A, 3, extrapolate=False) == (5, False)
    assert taken(A, 3, stop="descent") == (1, True)  # which repeats do not go with
    assert taken(A, 3, l2_W=0.1) == (5, False)  # not measured


@pytest.mark.usefixtures("gpu")
def test_not_measured_on_a_gpu():
    choice = fastest(backends.get("numpy"), "float64")
    assert choice.solver == FASTEST
    assert choice.because == "not measured with numpy on NVIDIA H100"


@pytest.mark.usefixtures("gpu")
def test_a_line_of_the_table_is_all_it_takes(monkeypatch):
    monkeypatch.setitem(table.MEASURED, ("numpy", "GPU", "float64"), Figures("apg", "gpu.json"))
    result = nmf(A, 2, solver="auto", max_iter=3, backend="numpy")
    assert result.settings["solver"] == "apg"
    assert result.settings["inner"] == SOLVERS["apg"].inner
    assert result.settings["why_solver"].endswith("bench/results/gpu.json")
    np.testing.assert_array_equal(result.W, nmf(A, 2, solver="apg", max_iter=3, backend="numpy").W)


@pytest.mark.usefixtures("gpu")
def test_auto_may_extrapolate_where_nobody_says_otherwise(monkeypatch):
    figures = Figures("hals", "gpu.json", extrapolate=True)
    monkeypatch.setitem(table.MEASURED, ("numpy", "GPU", "float64"), figures)
    run = {"solver": "auto", "max_iter": 3, "backend": "numpy"}
    assert nmf(A, 2, **run).settings["extrapolate"] is True
    assert nmf(A, 2, extrapolate=False, **run).settings["extrapolate"] is False
    # A step that is not taken would look like the end.
    assert nmf(A, 2, tol=1e-3, check_every=1, **run).settings["extrapolate"] is False


@pytest.mark.usefixtures("gpu")
def test_a_result_says_that_nothing_was_measured(tmp_path):
    result = nmf(A, 2, solver="auto", max_iter=3, backend="numpy")
    result.save(tmp_path / "f.npz")
    found = Factorization.load(tmp_path / "f.npz").settings
    assert (found["solver"], found["why_solver"]) == (
        FASTEST,
        "auto: not measured with numpy on NVIDIA H100",
    )


def test_a_solver_that_the_caller_chose_needs_no_reason():
    assert "why_solver" not in nmf(A, 2, solver="hals", max_iter=3).settings
