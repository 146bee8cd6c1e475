"""By how much results differ that should be the same, beside what the tests allow.

``pytest bench/test_same.py`` takes 2 minutes on 2 cores: 500 punks, 1,000 iterations.
"""

import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import machine
from data import matrix, source

from nmf_accel import nmf, sweep

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from allowed import ESTIMATOR, FLOAT32, FLOAT32_FROM_FLOAT64, FLOAT64
from reference import reference_nmf

RANKS, SEEDS, MAX_ITER = (16, 64, 256), 2, 1000
BRIEF = {"MAX_ITER": 20}


@pytest.fixture
def differs(benchmark, backend):
    """``differs(what, allowed, rank, **by)`` records a difference, and holds it against that."""

    def record(what, allowed, rank, **by):
        about = {"what": what, "allowed": allowed, "rank": rank, "data": source(), **by}
        benchmark.extra_info.update(machine(backend), **about)
        assert max(by.values()) <= allowed

    return record


@cache
def oracle(rank):
    return reference_nmf(matrix(500, "float64"), rank, max_iter=MAX_ITER)


@cache
def run(name, rank, dtype, seed=0):
    options = {"max_iter": MAX_ITER, "delta": 1e-9, "backend": name, "seed": seed}
    return nmf(matrix(500, "float64"), rank, dtype=dtype, **options)


def apart(found, expected):
    """The distance of arrays, relative to the second; the larger one of all pairs."""
    pairs = zip(found, expected, strict=True)
    return max(float(np.linalg.norm(x - y) / np.linalg.norm(y)) for x, y in pairs)


def apart_anywhere(found, expected):
    """The largest relative difference of two histories."""
    return float(np.abs(found / expected - 1).max())


@pytest.mark.parametrize("rank", RANKS)
def test_float64(benchmark, backend, differs, rank):
    found = benchmark.pedantic(run, (backend.name, rank, "float64"))
    W, H, errors = oracle(rank)
    by = {"factors": apart((found.W, found.H), (W, H))}
    by["history"] = apart_anywhere(found.errors, errors)
    differs("float64, each backend against a plain NumPy oracle", FLOAT64, rank, **by)


@pytest.mark.parametrize("rank", RANKS)
def test_float32(benchmark, backend, differs, rank):
    if backend.name == "numpy":
        pytest.skip("the others are held against it")
    found = benchmark.pedantic(run, (backend.name, rank, "float32"))
    expected = run("numpy", rank, "float32")
    history = apart_anywhere(found.errors, expected.errors)
    differs("float32, JAX against NumPy", FLOAT32, rank, history=history)


@pytest.mark.parametrize("rank", RANKS)
def test_float32_from_float64(benchmark, backend, differs, rank):
    found = benchmark.pedantic(run, (backend.name, rank, "float32"))
    last = apart_anywhere(found.errors[-1], oracle(rank)[2][-1])
    what = "float32, final error against float64"
    differs(what, FLOAT32_FROM_FLOAT64, rank, history=last)


@pytest.mark.parametrize("rank", RANKS)
def test_packed(benchmark, backend, differs, rank):
    options = {"max_iter": MAX_ITER, "delta": 1e-9, "backend": backend.name, "keep": "all"}
    arguments = (matrix(500, "float64"), [rank], SEEDS)
    found = benchmark.pedantic(sweep, arguments, options).factorizations
    by = {"factors": 0.0, "history": 0.0}
    for seed in range(SEEDS):
        packed, single = found[rank, seed], run(backend.name, rank, "float64", seed)
        factors = apart((packed.W, packed.H), (single.W, single.H))
        history = apart_anywhere(packed.errors, single.errors[packed.iterations - 1])
        by = {"factors": max(by["factors"], factors), "history": max(by["history"], history)}
    differs("packed sweep against single runs, float64", FLOAT64, rank, **by)


@pytest.mark.parametrize("rank", RANKS[:2])
@pytest.mark.parametrize("solver", ESTIMATOR)
def test_estimator(benchmark, backend, differs, solver, rank):
    """With all else at its default: up to 200 iterations.

    At rank 256 a hundred iterations of 'cd' make so much of a rounding that it goes another way.
    """
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    if backend.name != "numpy":
        pytest.skip("the data are NumPy's, and the backend with them")
    options = {"n_components": rank, "solver": solver, "random_state": 0}
    models = NMF(**options), decomposition.NMF(**options)

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            return [model.fit(matrix(500, "float64").T).components_ for model in models]

    mine, theirs = benchmark.pedantic(fit)
    factors = apart([mine], [theirs])
    what = f"the estimator's `{solver}` against scikit-learn's, float64"
    differs(what, ESTIMATOR[solver], rank, factors=factors)
