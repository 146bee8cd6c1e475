"""What is timed is what `nmf` and `sweep` do; its bytes and operations are counted rightly."""

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import require_or_skip

from nmf_accel import BackendError, backends, nmf, sweep
from nmf_accel.core import Problem
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.solvers import FASTEST, table
from nmf_accel.timing import Rates, comparing
from nmf_accel.timing.comparing import Contestant, compare

A = np.random.default_rng(0).random((30, 20))
BRIEF = {"seconds": 0.02}


@pytest.fixture(autouse=True)
def _small_squares(monkeypatch):
    """Rates of small products, for these tests ask for no rate."""
    monkeypatch.setattr("nmf_accel.timing.rates.LONG_ENOUGH", 0.0)


@pytest.mark.parametrize("solver", ["mu", "hals", "apg"])
def test_the_iterations_are_those_of_nmf(solver, backend):
    [found] = compare(A, 3, solvers=[solver], backends=[backend], **BRIEF)
    assert (found.backend, found.solver, found.dtype) == (backend, solver, "float64")
    assert found.iterations >= comparing.LEAST_ROUNDS
    assert found.device == backends.probe(backend).device
    result = nmf(A, 3, solver=solver, max_iter=found.iterations, backend=backend)
    assert found.target == pytest.approx(result.error, rel=1e-10)


def test_the_runs_are_those_of_a_sweep():
    [found] = compare(A, 3, solvers=["mu"], backends=["numpy"], runs=3, **BRIEF)
    assert found.runs == 3
    assert found.iterations % 10 == 0
    table = sweep(A, [3], 3, max_iter=found.iterations, backend="numpy").table
    assert found.target == pytest.approx(np.median([row["error"] for row in table]), rel=1e-10)


def test_by_default_the_default_and_what_auto_takes_on_all():
    found = compare(A, 3, **BRIEF)
    assert list(dict.fromkeys(x.backend for x in found)) == backends.names()
    for name in backends.names():
        here = [x for x in found if x.backend == name]
        if backends.probe(name).usable:
            assert [x.solver for x in here] == ["mu", "auto" if name == "numpy" else FASTEST]
            assert len({x.target for x in here}) == 1
        else:
            assert [x.not_measured for x in here] == [backends.probe(name).reason]


def test_auto_is_no_other_solver(monkeypatch):
    asked = {"solvers": [FASTEST, "auto"], "backends": ["numpy", "numpy"], **BRIEF}
    assert [x.solver for x in compare(A, 3, **asked)] == [FASTEST, "auto"]
    monkeypatch.setattr(table, "MEASURED", {})
    assert [x.solver for x in compare(A, 3, **asked)] == [FASTEST]


@pytest.mark.parametrize(("dtype", "size"), [("float64", 8), ("float32", 4)])
def test_what_an_iteration_moves_and_computes(dtype, size):
    d, runs, (m, n) = 3, 2, A.shape
    options = {"solvers": ["mu"], "backends": ["numpy"], "dtype": dtype, "runs": runs}
    [found] = compare(A, d, **options, **BRIEF)
    assert found.bytes == (2 * m * n + 3 * runs * d * (m + n)) * size
    assert found.operations == runs * (4 * m * n * d + 4 * (m + n) * d**2)
    times = found.bytes / found.bytes_per_second, found.operations / found.operations_per_second
    assert found.floor == max(times)
    assert found.share == found.floor / found.seconds
    assert found.quartiles[0] <= found.seconds <= found.quartiles[1]


def test_only_what_is_multiplied_is_counted():
    equal = np.repeat(np.random.default_rng(0).random((200, 500)), 2, axis=0)
    with_zeros = np.vstack([equal, np.zeros((7, 500))])
    assert moved(with_zeros, 4) == 8 * (2 * 200 * 500 + 3 * 4 * (400 + 500))


def test_a_sparse_matrix_is_read_with_its_indices():
    sparse = sp.random(50, 40, density=0.1, format="csr", random_state=0)
    m, n = (len(set(x)) for x in sparse.nonzero())
    assert moved(sparse, 4) == 2 * 12 * sparse.nnz + 8 * 3 * 4 * (m + n)


def moved(A, rank):
    return prepare(Given(A), backend="numpy").moved(rank)


def test_a_sparse_matrix():
    sparse = sp.random(50, 40, density=0.1, format="csr", random_state=0)
    found = {x.backend: x for x in compare(sparse, 3, solvers=["mu"], **BRIEF)}
    assert found["numpy"].iterations
    assert "no sparse matrices" in found["strict"].not_measured
    with pytest.raises(BackendError, match="'strict' takes no sparse matrices"):
        compare(sparse, 3, backends=["strict"], **BRIEF)


def test_one_that_fails_does_not_stop_the_others(monkeypatch):
    def too_large(self, A, frame):
        raise MemoryError("Out of memory allocating 9 bytes\nand more")

    monkeypatch.setattr(type(backends.get("strict")), "arrange", too_large)
    found = compare(A, 3, solvers=["mu"], backends=["strict", "numpy"], **BRIEF)
    assert [x.backend for x in found] == ["strict", "numpy"]
    assert found[0].not_measured == "Out of memory allocating 9 bytes"
    assert found[1].iterations
    row = found[0].row()
    assert row["backend"] == "strict"
    assert row["seconds"] is row["share"] is row["target"] is None


def test_a_backend_that_was_named_and_cannot_run():
    found = backends.probe("cupy")
    require_or_skip("no CuPy", not found.usable, "CuPy runs here")
    with pytest.raises(BackendError, match="'cupy' cannot run here"):
        compare(A, 3, backends=["numpy", "cupy"])


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"seconds": 0}, {"solvers": ["cd"]}, {"rank": 0}])
def test_refusals(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong)).rstrip('s')}.* is"):
        compare(A, **{"rank": 3, **wrong})


def test_seconds_to_an_error():
    problem = prepare(Given(A), backend="numpy")
    one = Contestant(problem, Options(rank=2), 1, None, {"backend": "numpy"})
    # Two iterations in 1 s, then three in 6 s.
    one.times = [(2, 1.0), (3, 6.0)]
    one.recorded = [np.array([9.0, 8.0]), np.array([7.0, 6.0, 5.0])]
    assert [one.seconds_to(x) for x in (9, 8, 7.5, 6.5, 5)] == [0.5, 1.0, 3.0, 5.0, 7.0]


def test_an_iteration_that_overflows_is_no_figure(monkeypatch):
    plain = Contestant.advance
    monkeypatch.setattr(Contestant, "advance", lambda *x: (plain(*x)[0], np.array([np.nan])))
    with pytest.raises(FloatingPointError, match="overflowed float64"):
        compare(A, 3, backends=["numpy"], **BRIEF)


def test_the_rates_are_those_of_the_best_library(monkeypatch):
    rates = {"numpy": (5.0, 7.0), "strict": (6.0, 3.0)}

    def measure(self):
        self.bytes, self.operations = rates[self.backend.name]

    monkeypatch.setattr(Rates, "measure", measure)
    for x in compare(A, 3, solvers=["mu"], backends=rates, **BRIEF):
        assert (x.bytes_per_second, x.operations_per_second) == (6.0, 7.0)


def test_a_rate_is_the_best_that_was_reached(backend):
    problem: Problem = prepare(Given(A), backend=backend)
    rates = Rates(problem)
    seconds = {rates._copy: 2.0, rates._row_product: 8.0}
    rates.bytes = 0
    rates._seconds = lambda function, size: seconds.get(function, 1.0)
    rates.measure()
    moved = rates.whole.shape[0] ** 2 * 8
    assert rates.bytes == moved  # twice as much in 2 s
    before = rates.bytes
    seconds[rates._copy] = 4.0
    rates.measure()
    assert rates.bytes == before
