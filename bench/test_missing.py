"""Missing entries: `hals` beside `mu` on a dense matrix, and beside an exact descent on ratings.

``pytest bench/test_missing.py`` takes 6 minutes on 2 cores.

Of a dense matrix: seconds to an error that is one percent above the best that any of ours but `mu`
reached, from the same starts, in turns, medians over seeds. `mu` does not see which entries are
missing but through a matrix that is filled up, so it is held beside weighted multiplicative updates
as well, in NumPy, whose errors are not on their clock.

Of ratings: the error of what was held out, beside a descent that is exact for each column, from the
same starts; the iterations and seconds that take either one within two percent of the best that
the exact one came to; and the memory. Ours is looked at after some numbers of iterations, each a
call with all that is in it; the exact one after each, which is not on its clock. It has one thread.
"""

import math
import statistics
import time
import tracemalloc

import numpy as np
import pytest
from conftest import machine
from test_auto import median
from test_time_to_error import ours, reached
from threadpoolctl import threadpool_limits

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.starts import random_start

SHAPE, RANK, SECONDS, LONGEST, SEEDS = (600, 500), 16, 2.0, 15.0, range(3)
RATINGS, DENSITY, EXACT = (6040, 3706), 0.045, 40
COUNTS = (20, 40, 50, 60, 70, 80, 90, 100, 120, 160)
BRIEF = {"SECONDS": 0.3, "LONGEST": 0.5, "SEEDS": range(1), "RATINGS": (604, 370)}
BRIEF |= {"COUNTS": (2, 4), "EXACT": 2}
FAST = {
    "hals": {"inner": 1, "extrapolate": False},
    "hals, inner 3": {"inner": 3, "extrapolate": False},
    "extrapolated": {"inner": 1, "extrapolate": True},
    "extrapolated, inner 3": {"inner": 3, "extrapolate": True},
}
MU, WEIGHTED_MU = "mu", "weighted mu"
WITHIN = 1.02


def weighted_mu(A, M, rank, seed, until, limit):
    """Seconds and errors of W ∘ (M ∘ A) Hᵀ ⊘ (M ∘ W H) Hᵀ and the like, every 5 iterations."""
    known, spent, curve = M * A, 0.0, []
    W, H = random_start(A.shape, rank, seed, known.sum() / M.sum())
    while spent < limit and (not curve or curve[-1][1] > until):
        started = time.perf_counter()
        for _ in range(5):
            H = H * (W.T @ known) / (W.T @ (M * (W @ H)) + 1e-12)
            W = W * (known @ H.T) / ((M * (W @ H)) @ H.T + 1e-12)
        spent += time.perf_counter() - started
        curve.append((spent, math.sqrt((M * (A - W @ H) ** 2).sum())))
    return curve


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_missing(benchmark, part):
    """A matrix with noise, of which a part is missing."""
    rng = np.random.default_rng(0)
    (m, n), d = SHAPE, RANK
    W = rng.gamma(0.6, 1, (m, d)) * (rng.random((m, d)) < 0.6)
    A = np.maximum(0, W @ rng.gamma(0.6, 1, (d, n)) + 0.2 * rng.normal(size=(m, n)))
    known = rng.random((m, n)) >= part
    M = known.astype(float)
    more = {"weights": known, "max_iter": 10**6, "check_every": 2}

    def curves():
        found, targets = {label: [] for label in (*FAST, MU, WEIGHTED_MU)}, []
        for seed in SEEDS:
            for label, options in FAST.items():
                options = {**options, **more, "seed": seed}
                inner = options.pop("inner")
                found[label].append(ours(A, d, "hals", inner, "numpy", 0, SECONDS, **options))
            targets.append(1.01 * min(found[label][-1][-1][1] for label in FAST))
            until, options = targets[-1], {**more, "seed": seed}
            found[MU].append(ours(A, d, "mu", 1, "numpy", until, LONGEST, **options))
            found[WEIGHTED_MU].append(weighted_mu(A, M, d, seed, until, LONGEST))
        return found, targets

    found, targets = benchmark.pedantic(curves, rounds=1)
    every = {
        label: [reached(x, error) for x, error in zip(found[label], targets, strict=True)]
        for label in found
    }
    seconds = {label: median(times) for label, times in every.items()}
    print(f"\n{part:.0%} missing, to 1.01 of the best: {seconds}")
    told = {label: s for label, s in seconds.items() if s < math.inf}
    benchmark.extra_info.update(part=part, seconds_to=told, every=every, shape=SHAPE, rank=RANK)
    benchmark.extra_info.update(
        ends={label: statistics.median(x[-1][1] for x in found[label]) for label in FAST},
        limits={"fast": SECONDS, "mu": LONGEST},
        ratios={  # at most that, where the other one did not come there
            f"{label} / {other}": told[label] / told.get(other, LONGEST)
            for label in FAST
            if label in told
            for other in (MU, WEIGHTED_MU)
        },
        **machine(backends.get("numpy")),
    )
    assert set(told) & set(FAST), "nobody came there"


def ratings():
    """Simulated: users and items with means of their own, and tastes; from 1 to 5."""
    sparse, rng = pytest.importorskip("scipy.sparse"), np.random.default_rng(0)
    m, n = RATINGS
    count = int(DENSITY * m * n)
    users, items = (np.minimum((s * rng.random(count) ** 1.5).astype(int), s - 1) for s in (m, n))
    users, items = np.unique([users, items], axis=1)
    extra = np.arange(max(m, n))  # each at least once
    users, items = np.append(users, extra % m), np.append(items, extra % n)
    users, items = np.unique([users, items], axis=1)
    U, V = rng.normal(size=(m, 8)), rng.normal(size=(n, 8))
    values = 3.6 + rng.normal(0, 0.4, m)[users] + rng.normal(0, 0.5, n)[items]
    values += 0.25 * (U[users] * V[items]).sum(1) + 0.5 * rng.normal(size=len(users))
    values = np.clip(np.round(values), 1, 5)
    test = (rng.random(len(users)) < 0.1) & (np.arange(len(users)) % 7 > 0)
    test &= np.bincount(users, minlength=m)[users] > 5
    test &= np.bincount(items, minlength=n)[items] > 5
    train = sparse.csr_array((values[~test], (users[~test], items[~test])), shape=(m, n))
    return train, (users[test], items[test], values[test])


def exact_descent(train, test, W, H, l2, iterations):
    """Weighted coordinate descent, exact for each column: seconds, error of what was held out."""
    numba = pytest.importorskip("numba")

    @numba.njit(fastmath=True)
    def through(indptr, indices, data, X, Y, l2):
        rest = np.empty(np.max(indptr[1:] - indptr[:-1]))
        for i in range(len(indptr) - 1):
            s, e = indptr[i], indptr[i + 1]
            for t in range(s, e):
                rest[t - s] = data[t] - np.dot(X[i], Y[indices[t]])
            for k in range(X.shape[1]):
                g, h = -l2 * X[i, k], l2
                for t in range(s, e):
                    y = Y[indices[t], k]
                    g += y * rest[t - s]
                    h += y * y
                step = max(0.0, X[i, k] + g / h) - X[i, k]
                X[i, k] += step
                for t in range(s, e):
                    rest[t - s] -= step * Y[indices[t], k]

    W, H, other = W.copy(), H.T.copy(), train.T.tocsr()
    through(train.indptr, train.indices, train.data, W.copy(), H, l2)  # compiles
    curve, spent = [], 0.0
    for _ in range(iterations):
        started = time.perf_counter()
        through(other.indptr, other.indices, other.data, H, W, l2)
        through(train.indptr, train.indices, train.data, W, H, l2)
        spent += time.perf_counter() - started
        curve.append((spent, held_out(W, H.T, test)))
    return curve


def held_out(W, H, test):
    users, items, values = test
    found = np.clip((W[users] * H.T[items]).sum(1), 1, 5)
    return float(np.sqrt(((found - values) ** 2).mean()))


def memory_of(train, rank, options):
    """Bytes at the peak of a call, A and the factors among them, to those of A and the factors."""
    tracemalloc.start()
    result = nmf(train, rank, **{**options, "max_iter": 5})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stored = train.data.nbytes + train.indices.nbytes + train.indptr.nbytes
    return (stored + peak) / (stored + result.W.nbytes + result.H.nbytes)


def first(iterations, curve, error):
    """The first numbers of iterations and seconds with that error; None, None if none."""
    met = (x for x in zip(iterations, curve, strict=True) if x[1][1] <= error)
    count, (seconds, _) = next(met, (None, (None, None)))
    return count, seconds


@pytest.mark.parametrize("threads", [1, None])
def test_ratings(benchmark, threads, monkeypatch):
    train, test = ratings()
    rank, l2, mean = 16, 5.0, train.data.mean()
    options = {"solver": "hals", "inner": 3, "extrapolate": True, "zeros": "missing"}
    options |= {"l2_W": l2, "l2_H": l2, "backend": "numpy"}
    runs = []

    def curves():
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            W0, H0 = (
                np.sqrt(mean / rank) * rng.uniform(0.5, 1.5, shape)
                for shape in ((RATINGS[0], rank), (rank, RATINGS[1]))
            )
            exact, own = exact_descent(train, test, W0, H0, l2, EXACT), []
            with threadpool_limits(threads, "blas"):
                nmf(train, rank, W0=W0, H0=H0, max_iter=2, **options)  # loads libraries
                for max_iter in COUNTS:
                    started = time.perf_counter()
                    result = nmf(train, rank, W0=W0, H0=H0, max_iter=max_iter, **options)
                    seconds = time.perf_counter() - started
                    own.append((seconds, held_out(result.W, result.H, test)))
            runs.append((exact, own))

    benchmark.pedantic(curves, rounds=1)
    best = [min(error for _, error in exact) for exact, _ in runs]
    ends = [own[-1][1] for _, own in runs]
    met = [
        (first(range(1, EXACT + 1), exact, WITHIN * b), first(COUNTS, own, WITHIN * b))
        for b, (exact, own) in zip(best, runs, strict=True)
    ]
    # Iterations and seconds of the exact one, then of ours.
    within = [median(numbers) for numbers in zip(*(a + b for a, b in met), strict=True)]
    memory = {"compiled": memory_of(train, rank, options)}
    monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    memory["NumPy's own"] = memory_of(train, rank, options)
    ratios = {"held out": statistics.median(e / b for e, b in zip(ends, best, strict=True))}
    if max(within) < math.inf:
        ratios |= {"iterations": within[2] / within[0], "seconds": within[3] / within[1]}
    benchmark.extra_info.update(
        threads=threads or "all",
        shape=RATINGS,
        rank=rank,
        stored=train.nnz,
        held_out={"exact, best": best, f"after {COUNTS[-1]} iterations": ends},
        mean=float(np.sqrt(((test[2] - mean) ** 2).mean())),
        within=within if max(within) < math.inf else None,
        curves=[
            {"exact": exact, "own": dict(zip(COUNTS, own, strict=True))} for exact, own in runs
        ],
        memory=memory,
        ratios=ratios,
        **machine(backends.get("numpy")),
    )
