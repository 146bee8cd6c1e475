"""A sweep beside scikit-learn's solver="mu" in a loop and under joblib.

``pytest bench/test_sweep.py`` takes 10 minutes on 2 cores, half of it NumPy; ``-k`` picks cases.
"""

import warnings

import numpy as np
import pytest
from conftest import timed
from data import matrix
from test_iteration import describe

from nmf_accel import backends, sweep
from nmf_accel.intake import Given, prepare
from nmf_accel.starts import random_start
from nmf_accel.timing import Rates

MAX_ITER = 100
BRIEF = {"MAX_ITER": 5}
ROUNDS = 3
CASES = {
    "ranks 16 to 256, 5 seeds": ([16, 32, 64, 128, 256], 5),
    "rank 4, 32 seeds": ([4], 32),
    "rank 8, 32 seeds": ([8], 32),
}
GPU_CASES = {
    "ranks 16 to 256, 5 seeds": CASES["ranks 16 to 256, 5 seeds"],
    "ranks 16 to 512, 20 seeds": ([16, 32, 64, 128, 256, 512], 20),
}


def fit_one(A, rank, seed):
    """One scikit-learn run from the library's start; a function of its own for joblib."""
    from sklearn.decomposition import NMF

    starts = random_start(A.shape, rank, seed, float(A.mean(dtype=float)))
    W0, H0 = (x.astype(A.dtype) for x in starts)
    model = NMF(rank, init="custom", solver="mu", tol=0, max_iter=MAX_ITER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge
        model.fit_transform(A, W=W0, H=H0)
    return model.reconstruction_err_


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_sweep(benchmark, beside, backend, case, dtype):
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("sklearn")
    ranks, seeds = CASES[case]
    A = np.array(matrix(500, dtype))
    runs = [(rank, seed) for rank in ranks for seed in range(seeds)]

    def ours():
        options = {"max_iter": MAX_ITER, "backend": backend.name, "keep": "none"}
        return sweep(A, ranks, seeds, **options).table

    def in_a_loop():
        return [fit_one(A, rank, seed) for rank, seed in runs]

    def in_two_processes():
        return joblib.Parallel(n_jobs=2)(joblib.delayed(fit_one)(A, *run) for run in runs)

    others = {"scikit-learn": timed(in_a_loop), "scikit-learn, joblib": timed(in_two_processes)}
    table = beside(ours, others, ROUNDS)
    describe(benchmark, backend, 500, dtype, ranks=ranks, seeds=seeds, max_iter=MAX_ITER)
    assert [(row["rank"], row["seed"]) for row in table] == runs
    assert all(row["iterations"] == MAX_ITER for row in table)
    # It updates W before H, so its path to a similar fit is another one.
    assert fit_one(A, *runs[0]) == pytest.approx(table[0]["error"], rel=0.1)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [500, 10_000])
@pytest.mark.parametrize("name", ["cupy", "jax"])
@pytest.mark.parametrize("case", GPU_CASES)
def test_gpu_sweep(benchmark, case, name, n, dtype):
    """Also records the share of the least time that its operations and bytes could take."""
    found = backends.probe(name)
    if not (found.usable and found.accelerated):
        pytest.skip(found.reason or f"{name} has no GPU here")
    ranks, seeds = GPU_CASES[case]
    A = matrix(n, dtype)
    m, size = int(A.any(axis=1).sum()), np.dtype(dtype).itemsize
    flops = sum(4 * m * n * d + 4 * (m + n) * d**2 for d in ranks) * seeds * MAX_ITER
    # As `Problem.moved`, for each batch of one rank.
    moved = sum(2 * m * n + 3 * (m + n) * d * seeds for d in ranks) * MAX_ITER * size
    describe(benchmark, backends.get(name), n, dtype, ranks=ranks, seeds=seeds, max_iter=MAX_ITER)
    benchmark.extra_info.update(flops=flops, bytes=moved)
    options = {"seeds": seeds, "max_iter": MAX_ITER, "backend": name, "keep": "none"}
    run = benchmark.pedantic(sweep, args=(A, ranks), kwargs=options, rounds=ROUNDS, warmup_rounds=1)
    assert len(run.table) == len(ranks) * seeds
    if benchmark.stats:
        rates = Rates(prepare(Given(A), backend=name))
        floor = max(flops / rates.operations, moved / rates.bytes)
        share = floor / benchmark.stats.stats.median
        benchmark.extra_info.update(rates=[rates.operations, rates.bytes], share_of_floor=share)
