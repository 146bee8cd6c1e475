"""What the table says of each solver, and what is taken for granted of one that says nothing."""

import tracemalloc

import numpy as np
import pytest
from toys import ToyBackend

from nmf_accel import backends
from nmf_accel.losses import Penalty, Quadratic
from nmf_accel.solvers import ANY, SOLVERS, Fastest, Solver, fastest, solver_called, table
from nmf_accel.solvers.base import Quiet
from nmf_accel.solvers.multiplicative import lee_seung

RNG = np.random.default_rng(0)


def test_of_a_solver_that_says_nothing_nothing_is_taken_for_granted():
    plain = Solver(lambda inner: lee_seung)
    assert (plain.inner, plain.takes, plain.descent) == (1, Quadratic, None)
    assert not any([plain.uses_delta, plain.keeps_zeros, plain.extrapolates])
    assert [plain.by_columns(k) for k in (1, 5)] == [False, False]
    assert plain.scratch(3, 4, 5) == 0
    assert not Fastest("hals", "why").extrapolate


def test_what_the_table_says():
    """Which need δ and keep zeros, which may be moved on, which go by columns once or always."""
    said = {
        name: (x.inner, x.takes is ANY, x.uses_delta, x.keeps_zeros, x.extrapolates)
        for name, x in SOLVERS.items()
    }
    assert said == {
        "mu": (1, True, True, True, False),
        "hals": (1, False, False, False, True),
        "bpp": (1, False, False, False, False),
        "apg": (10, False, False, False, False),
    }
    by_columns = {name: [x.by_columns(k) for k in (1, 2)] for name, x in SOLVERS.items()}
    once, always = [True, False], [True, True]
    assert by_columns == {"mu": once, "hals": once, "bpp": always, "apg": always}


def test_a_quiet_rule_tells_nothing():
    assert Quiet(lambda *found: found[1])(None, "X", None, None) == ("X", None)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_repeats_pay_from_where_they_were_measured_to(dtype):
    """A product takes half the time in float32, so they pay from twice as many."""
    numpy, pays = backends.get("numpy"), {"float64": 15, "float32": 30}[dtype]
    assert [fastest(numpy, dtype, x * pays).inner for x in (0.99, 1)] == [1, 5]
    assert fastest(numpy, dtype).inner is None
    assert fastest(numpy, dtype).extrapolate


def test_auto_is_the_fastest_where_nothing_was_measured():
    assert solver_called("auto") is SOLVERS["hals"]
    assert [solver_called(name) for name in SOLVERS] == [*SOLVERS.values()]
    assert fastest(ToyBackend(), "float64", 100) == Fastest(
        "hals", "not measured with toy on a toy"
    )


def test_a_device_without_a_name_is_a_cpu_or_a_gpu():
    for accelerated, kind in ((False, "CPU"), (True, "GPU")):
        nameless = ToyBackend()
        nameless.__dict__["_probed"] = backends.Probe(True, accelerated=accelerated)
        assert fastest(nameless, "float64").because == f"not measured with toy on {kind}"


def test_figures_without_repeats_say_nothing_of_them(monkeypatch):
    """The solver takes its own number; and where repeats would pay is not a part of the reason."""
    figures = table.Figures("apg", images="files")
    monkeypatch.setitem(table.MEASURED, ("toy", "CPU", "float64"), figures)
    found = fastest(ToyBackend(), "float64", 1e9)
    assert found == Fastest("apg", "measured, see bench/results/files", False, None)


@pytest.mark.parametrize(("solver", "spare"), [("bpp", 3), ("apg", 1.3)])
@pytest.mark.parametrize(("runs", "d", "n"), [(2, 4, 4000), (5, 30, 60), (1, 60, 30)])
def test_no_more_memory_is_taken_than_is_planned_nor_much_less(solver, spare, runs, d, n):
    """Of a long factor, of several runs, and of more components than there are columns.

    Libraries that solve many systems at once copy them more often than NumPy.
    """
    Y, A, X = RNG.random((runs, d, d + 5)), RNG.random((d + 5, n)), RNG.random((runs, d, n))
    rule, library, model = SOLVERS[solver].make(3), ToyBackend(), Quadratic(Y @ A, Y @ Y.mT)
    tracemalloc.start()
    rule(library, X, model, Penalty(0.1, 0.1))
    peak = tracemalloc.get_traced_memory()[1] / X.itemsize
    tracemalloc.stop()
    planned = SOLVERS[solver].scratch(runs, d, n)
    assert peak <= planned <= spare * peak
