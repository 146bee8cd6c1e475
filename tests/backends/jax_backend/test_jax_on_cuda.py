"""What can be known of JAX on a GPU without one: how its loop lowers, and that it is right."""

import re

import numpy as np
import pytest
from accelerated import installed
from conftest import assert_histories_agree, assert_parity

from nmf_accel import backends, nmf, sweep
from nmf_accel.backends.jax_backend.kernels import block_by_block, row_by_row
from nmf_accel.backends.jax_backend.loops import TURNS_UNASKED
from nmf_accel.solvers import SOLVERS
from nmf_accel.stopping import STOPS

A = np.random.default_rng(0).uniform(size=(70, 45))
CASES = [
    (solver, inner, stop)
    for solver, how in SOLVERS.items()
    for inner in (1, 5)
    for stop, rule in STOPS.items()
    if rule.goes_with(how, inner)
]
ON_THE_DEVICE = {"getrf", "geqrf", "trsm", "lu_pivots", "triangular", "Sharding"}


@pytest.fixture(autouse=True, scope="module")
def accelerated():
    pytest.importorskip("jax")
    with installed() as name:
        yield name


class Called(Exception):
    """Carries the arguments of a call of `iterate`."""


def traced(run):
    """The program of the loop that `run` would start, traced."""
    backend = backends.get("accelerated")

    def caught(*args):
        raise Called(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "iterate", caught)
        with pytest.raises(Called) as call:
            run()
    step, *others = call.value.args
    with backend.scope():
        return backend.compiled.trace(step, None, *others)  # on one device, so nothing is laid out


def for_cuda(run):
    """That program for CUDA, as text."""
    with backends.get("accelerated").scope():
        return traced(run).lower(lowering_platforms=("cuda",)).as_text()


def loops_that_ask(text):
    """How many loops of a program have a number of turns that only the device knows."""
    conditions = re.findall(r"\bcond \{(.*?)\} do \{", text, re.DOTALL)
    assert len(conditions) == text.count("stablehlo.while")
    # Nothing but: is the turn's number less than a constant?
    known = r"\s*%\S+ = stablehlo.constant \S+ : \S+\s+%\S+ = stablehlo.compare +LT[^\n]*\s+"
    known += r"stablehlo.return[^\n]*\s*"
    return sum(not re.fullmatch(known, condition) for condition in conditions)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("solver", "inner", "stop"), CASES)
def test_the_loop_lowers_for_cuda(solver, inner, stop, dtype, accelerated):
    options = {"solver": solver, "inner": inner, "stop": stop, "tol": 1e-9, "dtype": dtype}
    text = for_cuda(lambda: nmf(A, 20, max_iter=2, backend=accelerated, **options))
    products = re.findall(r"stablehlo\.dot_general[^\n]*", text)
    assert len(products) >= 6
    assert all("precision = [HIGHEST, HIGHEST]" in product for product in products)  # no TF32
    for target in re.findall(r"custom_call @(\w+)", text):
        assert any(known in target for known in ON_THE_DEVICE), target
    assert re.search(rf"constant dense<{TURNS_UNASKED}> : .*\n.*compare +LT", text)
    # The host is asked per block of iterations, and for those left over; and for the exchanges of
    # block principal pivoting in the half-steps of both, far longer than a look of the host.
    exchanges = 2 * 2 if solver == "bpp" else 0
    assert loops_that_ask(text) == 2 + exchanges


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_iterations_that_are_not_recorded_ask_as_little(solver, accelerated):
    options = {"seeds": 2, "solver": solver, "max_iter": 20}
    text = for_cuda(lambda: sweep(A, [20], backend=accelerated, **options))
    # Per block of records and for each left over; and, within both, the iterations between two.
    assert loops_that_ask(text) == 2 + 2 * 2


def test_xla_knows_how_often_the_inner_loop_turns(accelerated):
    loop = traced(lambda: nmf(A, 3, max_iter=2, backend=accelerated))
    with backends.get(accelerated).scope():
        program = loop.lower().compile().as_text()
    assert f'"known_trip_count":{{"n":"{TURNS_UNASKED}"}}' in program


@pytest.mark.parametrize(
    ("solver", "inner"), [("mu", 1), ("mu", 5), ("hals", 1), ("hals", 5), ("bpp", 1), ("apg", 10)]
)
@pytest.mark.parametrize("max_iter", [1, 7, 8, 21])
def test_the_forms_of_an_accelerator_give_the_same(solver, inner, max_iter, accelerated):
    options = {"solver": solver, "inner": inner, "max_iter": max_iter}
    result = nmf(A, 18, backend=accelerated, **options)
    expected = nmf(A, 18, backend="numpy", **options)
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)
    assert_histories_agree(result.errors, expected.errors, 1e-10)


def test_a_sweep_there_gives_the_same(accelerated):
    options = {"seeds": 2, "max_iter": 34, "keep": "all"}
    found = sweep(A, [3, 18], backend=accelerated, **options)
    expected = sweep(A, [3, 18], backend="numpy", **options)
    for key, one in expected.factorizations.items():
        assert_parity(found.factorizations[key].W, one.W, 1e-10)
        assert_histories_agree(found.factorizations[key].errors, one.errors, 1e-10)


@pytest.mark.parametrize("d", [1, 5, 16, 17, 64])
def test_blocks_of_rows_are_the_rows_one_by_one(d, accelerated):
    import jax

    backend, rng = backends.get(accelerated), np.random.default_rng(d)
    F = rng.random((2, d, 40))
    F[:, d // 2] = 0  # a dead component of the other factor
    X = rng.random((2, d, 37)) * (rng.random((2, d, 37)) < 0.7)
    N = rng.random((2, d, 37)) * d
    N[1, 0, 0] = np.nan
    with backend.scope():
        rows, blocks = (
            np.asarray(jax.jit(form, static_argnums=0)(backend, X, N, F @ F.mT))
            for form in (row_by_row, block_by_block)
        )
    np.testing.assert_allclose(blocks, rows, rtol=1e-12, atol=1e-12)  # NaN where it is
    np.testing.assert_array_equal(blocks[:, d // 2], X[:, d // 2])
    assert np.isnan(blocks).any() == (d > 1)
