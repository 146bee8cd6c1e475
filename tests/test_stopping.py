"""A run stops by its rule at the first check where the rule is met, and says why."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import assert_parity, low_rank

from nmf_accel import nmf, sweep
from nmf_accel.options import Options
from nmf_accel.solvers import SOLVERS
from nmf_accel.stopping import STOPS


@pytest.mark.parametrize(("solver", "tol"), [("mu", 0.01), ("hals", 0.003), ("bpp", 0.001)])
def test_stopping_by_the_certificate(backend, solver, tol, sprites):
    A = sprites[:, :60].astype(np.float64)
    options = {"solver": solver, "tol": tol, "stop": "kkt", "max_iter": 3000, "check_every": 5}
    result = nmf(A, 6, backend=backend, **options)
    assert result.converged
    assert result.n_iter % 5 == 0
    assert result.stopped_because == f"the KKT residual fell to tol = {tol:g}"
    assert result.kkt <= 3 * tol  # it was measured half an iteration before
    assert nmf(A, 6, backend="numpy", **options).n_iter == result.n_iter
    if result.n_iter > 5:  # and not a check too late
        before = nmf(A, 6, solver=solver, max_iter=result.n_iter - 6, backend=backend)
        assert before.kkt > 0.7 * tol


def test_a_solution_has_no_residual(backend):
    A = np.outer([1.0, 2, 3], [1.0, 4])
    result = nmf(A, 1, solver="hals", max_iter=50, tol=1e-9, stop="kkt", backend=backend)
    assert result.converged
    assert result.kkt < 1e-9


def test_the_rule_of_coordinate_descent(backend, sprites):
    # Held against scikit-learn in test_estimator.py; here, that a sweep stops where nmf does.
    A = sprites[:, :40].astype(np.float64)
    options = {"solver": "hals", "tol": 0.01, "stop": "descent", "backend": backend}
    single = nmf(A, 4, seed=1, **options)
    assert single.stopped_because == "the violation met in descent fell to tol = 0.01 of the first"
    (row,) = sweep(A, [4], [1], **options).table
    assert row["iterations"] == single.n_iter < 1000
    for wrong in ({"solver": "mu"}, {"inner": 3}):
        with pytest.raises(ValueError, match="stop='descent' is what one pass of solver='hals'"):
            nmf(A, 4, **{**options, **wrong})


@pytest.mark.parametrize("stop", STOPS)
def test_a_large_tol_is_met_at_the_first_check(stop, backend):
    A = np.random.default_rng(0).random((8, 6))
    options = {"solver": "hals", "stop": stop, "check_every": 3, "backend": backend}
    assert nmf(A, 2, tol=2.5, **options).n_iter == 3
    assert nmf(A, 2, tol=1e-4, **options).n_iter > 3


def test_each_run_of_a_sweep_stops_by_itself(backend, sprites):
    A = sprites[:, :40].astype(np.float64)
    options = {"solver": "hals", "tol": 0.002, "stop": "kkt", "max_iter": 500, "backend": backend}
    result = sweep(A, [4], seeds=4, keep="all", **options)
    lengths = []
    for (rank, seed), packed in result.factorizations.items():
        single = nmf(A, rank, seed=seed, **options)
        assert packed.n_iter == single.n_iter
        assert packed.kkt <= 0.002
        assert_parity(packed.W, single.W, 1e-10)
        lengths.append(packed.n_iter)
    assert len(set(lengths)) > 1


def test_tol_stops_early_and_says_so(backend):
    A = low_rank(20, 15, rank=6)[0]
    every = 10
    full = nmf(A, 2, max_iter=300, backend=backend)
    result = nmf(A, 2, max_iter=300, tol=1e-3, check_every=every, backend=backend)
    assert result.converged
    assert "tol = 0.001" in result.stopped_because
    assert result.n_iter < 300
    assert result.n_iter % every == 0
    np.testing.assert_array_equal(result.errors, full.errors[: result.n_iter])
    rng = np.random.default_rng(0)
    scale = np.sqrt(A.mean() / 2)
    W0, H0 = rng.uniform(size=(20, 2)) * scale, rng.uniform(size=(2, 15)) * scale
    first = np.linalg.norm(A - W0 @ H0)
    at_checks = np.array([first, *full.errors[every - 1 :: every]])
    falls = -np.diff(at_checks) / first
    assert result.n_iter == every * (1 + np.argmax(falls < 1e-3))


def test_tol_stops_at_an_exact_start(backend):
    A = np.outer([1.0, 2.0], [2.0, 4.0])
    options = {"W0": [[1.0], [2.0]], "H0": [[2.0, 4.0]], "delta": 1e-30}
    result = nmf(A, 1, tol=1e-4, backend=backend, **options)
    assert result.converged
    assert result.n_iter == 10
    assert result.error == 0


class TestRules:
    """What a rule says of the numbers it is given; the numbers here are exact."""

    def test_the_error_fell_by_no_more_than_tol_of_the_first(self):
        met = STOPS["error"].met
        assert met(8.0, 5.0, 4.5, 1 / 16)
        assert not met(8.0, 5.0, 4.25, 1 / 16)
        assert met(8.0, 5.0, 5.5, 1 / 16), "an error that rises falls no more"

    def test_the_residual_is_at_most_tol_wherever_a_run_began(self):
        for first in (0.0, 1.0, 8.0):
            assert STOPS["kkt"].met(first, 9.0, 0.25, 1 / 4)
            assert not STOPS["kkt"].met(first, 0.2, 0.5, 1 / 4)

    def test_what_was_met_is_at_most_tol_of_the_first(self):
        met = STOPS["descent"].met
        assert met(8.0, 9.0, 2.0, 1 / 4)
        assert not met(8.0, 2.0, 2.5, 1 / 4)
        # From a solution, of which the residual is zero, what is found counts as it is.
        assert met(0.0, 0.0, 0.25, 1 / 4)
        assert not met(0.0, 0.0, 0.5, 1 / 4)

    def test_what_the_number_is_relative_to(self):
        start = SimpleNamespace(error=np.array([3.0, 4.0]), runs=2)
        assert STOPS["error"].first(start) is start.error
        assert STOPS["kkt"].first(start).tolist() == [1, 1], "the data, and nothing of the start"
        assert STOPS["descent"].first(start) is None, "that after the first iteration"

    @pytest.mark.parametrize("inner", [1, 2])
    @pytest.mark.parametrize("solver", SOLVERS)
    def test_which_solvers_they_go_with(self, solver, inner):
        able = {name for name, stop in STOPS.items() if stop.goes_with(SOLVERS[solver], inner)}
        assert able - {"descent"} == {"error", "kkt"}
        assert ("descent" in able) == ((solver, inner) == ("hals", 1))

    @pytest.mark.parametrize("solver", ["mu", "bpp", "apg"])
    def test_a_rule_that_does_not_go_with_the_solver_names_those_that_do(self, solver):
        inner = SOLVERS[solver].inner
        message = f"with '{solver}' and inner {inner}, take stop='error' or 'kkt'"
        with pytest.raises(ValueError, match=message):
            Options(rank=2, solver=solver, stop="descent")

    @pytest.mark.parametrize("name", STOPS)
    def test_the_sentence_says_tol(self, name):
        sentence = STOPS[name].sentence.format(tol=0.125, check_every=7)
        assert "tol = 0.125" in sentence
        assert "{" not in sentence
