"""One iteration: the library's, its six matrix products alone, and scikit-learn's.

``pytest bench/`` on a quiet machine; ``pytest bench -m gpu`` for GPUs. The ratios come last.
"""

import time
import warnings
from functools import cache

import numpy as np
import pytest

from nmf_accel import backends, datasets, nmf
from nmf_accel.loop import Loop
from nmf_accel.problem import prepare
from nmf_accel.rules import lee_seung
from nmf_accel.run import versions
from nmf_accel.starts import random_start

CHUNK = 10
ROUNDS = {500: 40, 10_000: 5}
SAME = {"float64": 1e-10, "float32": 1e-5}
CASES = [(500, 64), (10_000, 64), (10_000, 256)]
BACKENDS = [
    pytest.param(name, marks=[pytest.mark.gpu] if name == "cupy" else [])
    for name in backends.names()
]

pytestmark = [
    pytest.mark.parametrize("dtype", ["float64", "float32"]),
    pytest.mark.parametrize(("n", "rank"), CASES, ids=lambda value: str(value)),
]


@cache
def matrix(n, dtype):
    """The first n punks where they are present, else sprites."""
    present = datasets.punks_path().exists()
    data = datasets.cryptopunks(n) if present else datasets.sprites(n)
    return data.A.astype(dtype)


@pytest.fixture(params=BACKENDS)
def backend(request):
    found = backends.probe(request.param)
    if not found.usable:
        pytest.skip(found.reason)
    return backends.get(request.param)


def ready(backend, n, rank, dtype):
    """A loop on the device, before its first iteration."""
    A = matrix(n, dtype)
    problem = prepare(A, dtype, backend.name)
    W0, H0 = random_start(A.shape, rank, 0, problem.mean)
    return problem, Loop(problem, lee_seung, W0[None], H0[None], 1e-9)


def describe(benchmark, what, backend, n, rank, dtype, **more):
    """Everything needed to understand a timing later."""
    benchmark.extra_info.update(
        case=[what, backend.name, dtype, n, rank],
        data="punks" if datasets.punks_path().exists() else "sprites",
        device=backend.probe().device,
        versions=versions(backend),
        **more,
    )


def record_speed(benchmark, shape, rank):
    """The shape that the loop runs on, and GFLOP/s of the six products in it."""
    m, n = shape
    flops = 4 * m * n * rank + 4 * (m + n) * rank**2
    benchmark.extra_info["shape"] = [m, n]
    if benchmark.stats:  # none with --benchmark-disable
        seconds = benchmark.stats.stats.median - benchmark.extra_info.get("overhead", 0.0)
        benchmark.extra_info["gflops"] = flops * benchmark.extra_info["iterations"] / seconds / 1e9


def test_iteration(benchmark, backend, n, rank, dtype):
    with backend.scope():
        problem, loop = ready(backend, n, rank, dtype)

        def chunk():
            errors = loop.advance(CHUNK)
            backend.synchronize(loop.state)
            return errors

        first = chunk()  # compiles
        describe(benchmark, "iteration", backend, n, rank, dtype, iterations=CHUNK)
        benchmark.pedantic(chunk, rounds=ROUNDS[n], warmup_rounds=1)
        record_speed(benchmark, problem.A.shape, rank)
    expected = nmf(matrix(n, dtype), rank, max_iter=CHUNK, backend="numpy").errors
    np.testing.assert_allclose(first[:, 0], expected, rtol=SAME[dtype])


def test_products(benchmark, backend, n, rank, dtype):
    """WᵀA, AHᵀ, WᵀW, HHᵀ, (WᵀW)H and W(HHᵀ) on the very arrays of the loop."""
    with backend.scope():
        problem, loop = ready(backend, n, rank, dtype)
        transpose, A = backend.xp.matrix_transpose, problem.A
        H, Wt, _ = (x[0, ...] for x in loop.state)

        def six(state, A):
            H, Wt = state
            G, K = backend.matmul(Wt, transpose(Wt)), backend.matmul(H, transpose(H))
            with_A = backend.matmul(Wt, A), backend.matmul(H, transpose(A))
            return *with_A, G, K, backend.matmul(G, H), backend.matmul(K, Wt)

        run = compiled(backend, six)

        def chunk():
            for _ in range(CHUNK):
                products = run((H, Wt), A)
                backend.synchronize(products)  # each time, or JAX would run several at once
            return products

        products = chunk()
        describe(benchmark, "products", backend, n, rank, dtype, iterations=CHUNK)
        benchmark.pedantic(chunk, rounds=ROUNDS[n], warmup_rounds=1)
        record_speed(benchmark, problem.A.shape, rank)
        expected = backend.to_numpy(Wt) @ backend.to_numpy(A)
        np.testing.assert_allclose(backend.to_numpy(products[0]), expected, rtol=1e-4)


def compiled(backend, function):
    """`function` as the backend runs a step: under ``jit`` on JAX."""
    if backend.name != "jax":
        return function
    import jax

    return jax.jit(function)


def test_sklearn(benchmark, n, rank, dtype):
    """Its solver="mu" from the same start; CHUNK iterations more than those of `overhead`."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    backend, A = backends.get("numpy"), matrix(n, dtype)
    W0, H0 = (x.astype(dtype) for x in random_start(A.shape, rank, 0, float(A.mean(dtype=float))))
    options = {"n_components": rank, "init": "custom", "solver": "mu", "tol": 0}

    def fit(max_iter):
        model = decomposition.NMF(max_iter=max_iter, **options)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            W = model.fit_transform(A, W=W0.copy(), H=H0.copy())
        return time.perf_counter() - started, W @ model.components_

    fit(1)
    # What it does before the first iteration is no part of one.
    overhead = float(np.median([fit(1)[0] for _ in range(ROUNDS[n])]))
    more = {"iterations": CHUNK, "overhead": overhead}
    describe(benchmark, "sklearn", backend, n, rank, dtype, **more)
    _, WH = benchmark.pedantic(fit, args=(CHUNK + 1,), rounds=ROUNDS[n], warmup_rounds=1)
    record_speed(benchmark, A.shape, rank)
    # It updates W before H, so its path to a similar fit is another one.
    expected = nmf(A, rank, max_iter=CHUNK + 1, backend="numpy").error
    assert np.linalg.norm(A - WH) == pytest.approx(expected, rel=0.1)
