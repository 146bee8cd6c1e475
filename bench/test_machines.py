"""Worker processes with one thread each beside a local sweep on the same cores.

``pytest bench/test_machines.py`` takes 3 minutes on 2 cores; leave OPENBLAS_NUM_THREADS unset.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import timed
from data import matrix
from test_iteration import describe

from nmf_accel import backends, sweep

RANKS = [16, 32, 64, 128]
SEEDS = 8
MAX_ITER = 200
ROUNDS = 5
BATCHES = 100
BRIEF = {"MAX_ITER": 5, "BATCHES": 4}


@pytest.fixture(scope="module")
def pool():
    """As many processes as there are cores."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("solver", ["mu", "hals"])
@pytest.mark.parametrize("rank", RANKS)
def test_processes(benchmark, beside, pool, rank, solver):
    A = np.array(matrix(500, "float64"))
    options = {"max_iter": MAX_ITER, "backend": "numpy", "solver": solver}

    def by_workers():
        return sweep(A, [rank], SEEDS, executor=pool, **options).table

    others = {"local sweep": timed(lambda: sweep(A, [rank], SEEDS, **options))}
    table = beside(by_workers, others, ROUNDS)
    numpy = backends.get("numpy")
    described = {"rank": rank, "seeds": SEEDS, "solver": solver, "max_iter": MAX_ITER}
    describe(benchmark, numpy, 500, "float64", **described, workers=os.cpu_count())
    assert [row["iterations"] for row in table] == [MAX_ITER] * SEEDS


def test_overhead_of_a_batch(benchmark, beside, pool):
    """Batches of one run of one iteration of a small A: what is left is the way there and back."""
    A, ranks = np.random.default_rng(0).random((9, 9)), range(1, BATCHES + 1)
    options = {"max_iter": 1, "backend": "numpy", "keep": "none"}

    def by_workers():
        return sweep(A, ranks, 1, executor=pool, **options).table

    others = {"local sweep": timed(lambda: sweep(A, ranks, 1, **options))}
    table = beside(by_workers, others, ROUNDS)
    describe(benchmark, backends.get("numpy"), 9, "float64", batches=BATCHES, max_iter=1)
    assert len(table) == BATCHES
    if benchmark.stats:
        seconds = benchmark.stats.stats.median
        local = seconds / benchmark.extra_info["ratios"]["local sweep"]
        benchmark.extra_info["seconds_a_batch"] = (seconds - local) / BATCHES
