"""A factorization on NumPy takes little memory beside A and its factors."""

import tracemalloc

import numpy as np
import pytest

from nmf_accel import nmf

SHAPE, RANK = (1728, 10_000), 64


@pytest.fixture(params=["float64", "float32"])
def traced(request):
    """A matrix as large as all punks, with zero rows and columns as they have, and its run."""
    tracemalloc.start()
    A = np.random.default_rng(0).uniform(size=SHAPE).astype(request.param)
    A[:5], A[:, :5] = 0, 0
    tracemalloc.reset_peak()
    yield A
    tracemalloc.stop()


def test_peak_memory(traced):
    result = nmf(traced, RANK, max_iter=2, backend="numpy")
    _, peak = tracemalloc.get_traced_memory()
    assert peak <= 3 * (traced.nbytes + result.W.nbytes + result.H.nbytes)


def test_an_iteration_allocates_nothing_large(traced):
    taken = []

    def look(iteration, error):
        now, peak = tracemalloc.get_traced_memory()
        taken.append(peak - now)
        tracemalloc.reset_peak()

    nmf(traced, RANK, max_iter=3, check_every=1, callback=look, backend="numpy")
    assert max(taken[1:]) < traced.nbytes / 4
