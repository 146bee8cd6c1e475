"""What a call of `nmf` does beside its iterations (checks, start, certificate), in iterations.

``pytest bench/test_outside.py`` takes a minute on 2 cores.
"""

import statistics
import time

import numpy as np
import pytest
from test_iteration import describe

from nmf_accel import nmf

CASES = [((100, 1_000_000), 32, "float32", 12, 5), ((60, 40), 8, "float64", 250, 100)]
"""Shape, rank, dtype, by how many iterations one call is longer than the other, and rounds."""


@pytest.mark.parametrize(("shape", "rank", "dtype", "more", "rounds"), CASES, ids=str)
def test_outside(benchmark, request, backend, shape, rank, dtype, more, rounds):
    if request.config.getoption("--brief"):
        rounds = 2
    A = np.random.default_rng(0).random(shape, dtype=dtype)
    seconds = {1: [], 1 + more: []}

    def call(max_iter):
        started = time.perf_counter()
        result = nmf(A, rank, max_iter=max_iter, backend=backend.name)
        seconds[max_iter].append(time.perf_counter() - started)
        return result

    def take_turns():
        call(1 + more)
        time.sleep(0.1)  # OpenBLAS's threads spin for a while after their last call

    result = benchmark.pedantic(call, (1,), setup=take_turns, rounds=rounds, warmup_rounds=1)
    describe(benchmark, backend, shape[1], dtype, shape=shape, rank=rank)
    # The first of each compiles, imports, and finds the memory.
    short, long = (statistics.median(x[1:] or x) for x in seconds.values())
    each = (long - short) / more
    benchmark.extra_info.update(
        data="uniform", outside=short - each, iteration=each, ratios={"iteration": short / each - 1}
    )
    assert result.kkt > 0
