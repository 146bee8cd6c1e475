"""One iteration beside its six matrix products alone, scikit-learn's, and NumPy's.

``pytest bench/`` on a quiet machine; ``pytest bench -m gpu`` for GPUs. The ratios come last.
"""

import time
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import machine, timed
from data import matrix, source

from nmf_accel import backends, nmf
from nmf_accel.core import Loop
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS
from nmf_accel.solvers import Quiet
from nmf_accel.solvers.multiplicative import lee_seung
from nmf_accel.starts import random_start

CHUNK = {500: 100, 10_000: 10}
ROUNDS = {500: 15, 10_000: 5}
SAME = {"float64": 1e-10, "float32": 1e-5}
CASES = [(500, 64), (10_000, 64), (10_000, 256)]


def describe(benchmark, backend, n, dtype, **more):
    """Everything needed to understand a timing later."""
    about = {"n": n, "dtype": dtype, "data": source(), **machine(backend), **more}
    benchmark.extra_info.update(about)


def iterations(backend, n, rank, dtype):
    """A function that runs a chunk of iterations and returns their errors, and its loop."""
    A = matrix(n, dtype)
    with backend.scope():
        problem = prepare(Given(A), dtype, backend.name)
        W0, H0 = random_start(A.shape, rank, 0, problem.mean)
        start = problem.start(FROBENIUS, W0[None], H0[None])
        loop = Loop(problem, Quiet(lee_seung), start, 1e-9, loss=FROBENIUS)

    def chunk():
        with backend.scope():
            errors = loop.advance(CHUNK[n])
            backend.synchronize(loop.state)
        return errors

    return chunk, loop


def six_products(backend, loop, count):
    """WᵀA, AHᵀ, WᵀW, HHᵀ, (WᵀW)H and W(HHᵀ), as many times, on the very arrays of the loop."""
    matmul, A = backend.matmul, loop.problem.A.array  # all of it, also where rows are folded

    def six(state, A):
        H, Wt = state
        G, K = matmul(Wt, Wt.mT), matmul(H, H.mT)
        return matmul(Wt, A), matmul(H, A.mT), G, K, matmul(G, H), matmul(K, Wt)

    if backend.name == "jax":
        import jax

        six = jax.jit(six)

    def chunk():
        with backend.scope():
            H, Wt, _ = (x[0, ...] for x in loop.state)
            for _ in range(count):
                products = six((H, Wt), A)
                backend.synchronize(products)  # each time, or JAX would run several at once
            return products

    return chunk


def sklearn_iterations(n, rank, dtype):
    """Seconds of a chunk of iterations of scikit-learn's solver="mu", from the same start."""
    from sklearn import decomposition

    A = matrix(n, dtype)
    W0, H0 = (x.astype(dtype) for x in random_start(A.shape, rank, 0, float(A.mean(dtype=float))))
    options = {"n_components": rank, "init": "custom", "solver": "mu", "tol": 0}

    def fit(max_iter):
        model = decomposition.NMF(max_iter=max_iter, **options)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            model.fit_transform(A, W=W0.copy(), H=H0.copy())
        return time.perf_counter() - started

    # What it does before its first iteration is no part of one.
    return lambda: fit(CHUNK[n] + 1) - fit(1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "rank"), CASES, ids=str)
def test_iteration(benchmark, beside, backend, n, rank, dtype):
    chunk, loop = iterations(backend, n, rank, dtype)
    first = chunk()  # compiles
    products = six_products(backend, loop, CHUNK[n])
    others = {"products": timed(products)}
    if find_spec("sklearn"):
        others["scikit-learn"] = sklearn_iterations(n, rank, dtype)
    if backend.name != "numpy":
        others["numpy"] = timed(iterations(backends.get("numpy"), n, rank, dtype)[0])
    beside(chunk, others, ROUNDS[n])
    m, kept = loop.problem.A.shape
    entries = loop.problem.A.entries
    more = {"shape": [m, kept], "entries_multiplied": entries, "rank": rank}
    describe(benchmark, backend, n, dtype, iterations=CHUNK[n], **more)
    if benchmark.stats:
        flops = CHUNK[n] * loop.problem.flops(rank)
        benchmark.extra_info["gflops"] = flops / benchmark.stats.stats.median / 1e9
    expected = nmf(matrix(n, dtype), rank, max_iter=CHUNK[n], backend="numpy").errors
    np.testing.assert_allclose(first[:, 0, 0], expected, rtol=SAME[dtype])
