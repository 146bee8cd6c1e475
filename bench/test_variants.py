"""What was decided without a device, beside what it was decided against: ``-m gpu`` only.

The tiles of CuPy's descent, graphs instead of single launches, and how many iterations JAX queues
unasked. Each is timed by itself, so read the medians of one case beside each other.
"""

import numpy as np
import pytest
from data import matrix

from nmf_accel import backends
from nmf_accel.core import Batch
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import Penalty, Quadratic
from nmf_accel.options import Options

pytestmark = pytest.mark.gpu
CHUNK = 160


@pytest.fixture
def usable():
    """``usable(name)``: that backend on a GPU, or the test is skipped."""

    def get(name):
        found = backends.probe(name)
        if not (found.usable and found.accelerated):
            pytest.skip(found.reason or f"{name} runs on {found.device}")
        return backends.get(name)

    return get


def timed(benchmark, backend, function):
    """Time a function that only queues work, and wait for it."""

    def run():
        backend.synchronize(function())

    benchmark.pedantic(run, rounds=20, warmup_rounds=3)


@pytest.mark.parametrize("variant", ["16", "8", "4", "chosen", "one product"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1, 64, 500), (20, 64, 500), (1, 64, 10_000), (1, 256, 10_000)], ids=str
)
def test_tiles_of_descent(benchmark, usable, monkeypatch, shape, dtype, variant):
    from nmf_accel.backends.cupy_backend import kernels

    backend, (runs, d, n) = usable("cupy"), shape
    if variant.isdigit():
        if kernels.shared_bytes(dtype, d, int(variant)) > kernels.SHARED:
            pytest.skip("the tile does not fit")
        monkeypatch.setattr(kernels, "tile_for", lambda *_: int(variant))
    rng = np.random.default_rng(0)
    Y, A, X = rng.random((runs, d, 300)), rng.random((300, n)), rng.random(shape)
    with backend.scope():
        X, N, G = (backend.asarray(x, np.dtype(dtype)) for x in (X, Y @ A, Y @ Y.mT))
        if variant == "one product":  # what a pass of descent costs at least
            timed(benchmark, backend, lambda: backend.matmul(G, X))
        else:
            model = Quadratic(N, G)
            timed(benchmark, backend, lambda: kernels.descend(backend, X, model, Penalty()))


def loop_of(name, n, dtype, solver, runs):
    """A loop of so many runs at rank 64."""
    problem = prepare(Given(matrix(n, dtype)), dtype, name)
    starts = [problem.draw(64, seed, "random") for seed in range(runs)]
    W0, H0 = (np.stack(factors) for factors in zip(*starts, strict=True))
    return Batch(problem, Options(rank=64, solver=solver), W0, H0).loop


@pytest.mark.parametrize("graph", [True, False], ids=["graph", "single launches"])
@pytest.mark.parametrize("solver", ["mu", "hals"])
@pytest.mark.parametrize(("n", "runs"), [(500, 1), (500, 20), (10_000, 1)])
def test_graphs(benchmark, usable, monkeypatch, n, runs, solver, graph):
    from nmf_accel.backends import replaying

    backend = usable("cupy")
    monkeypatch.setattr(replaying, "WARM_UP", 0 if graph else 10**12)
    with backend.scope():
        loop = loop_of("cupy", n, "float32", solver, runs)
        timed(benchmark, backend, lambda: loop.advance(CHUNK))
        assert (loop.program.captured is not None) is graph
    benchmark.extra_info["iterations"] = CHUNK


@pytest.mark.parametrize("turns", [1, 4, 8, 16])
@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_turns_that_jax_takes_unasked(benchmark, usable, monkeypatch, solver, turns):
    from nmf_accel.backends.jax_backend import JaxBackend, loops

    usable("jax")
    monkeypatch.setattr(loops, "TURNS_UNASKED", turns)
    monkeypatch.setattr(backends.registry, "get", lambda name: fresh)
    fresh = JaxBackend()  # whose loop is yet to be compiled
    with fresh.scope():
        loop = loop_of("jax", 500, "float32", solver, 1)
        timed(benchmark, fresh, lambda: loop.advance(CHUNK))
    benchmark.extra_info["iterations"] = CHUNK
