"""Error against seconds: every solver, and scikit-learn's, from the same starts; and extrapolated.

``pytest bench/test_time_to_error.py --curves DIR`` prints, for each size, the time in which each
reaches what 1,000 iterations of 'mu' and 200 of scikit-learn's 'cd' (50 at rank 256) reach, and
draws the curves. With NumPy on 2 cores a size takes half a minute to three minutes a dtype.

``-k extrapolated`` gives every run of 'hals' the same seconds, from five seeds. It prints how soon
an extrapolated one reaches the error with which the better plain one (inner 1 or 5) ends, after all
of the seconds and a quarter of them, and that of scikit-learn's 'cd': the time of the one divided
by that of the other, medians; and how many end in a worse minimum. A size takes 1 to 5 minutes.
"""

import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from data import matrix
from test_iteration import describe

from nmf_accel import nmf
from nmf_accel.starts import random_start

SOLVERS = [("mu", 1), ("mu", 20), ("hals", 1), ("hals", 2), ("hals", 5), ("apg", 10), ("bpp", 1)]
SMALL, MEDIUM = 500 * 64, 10_000 * 64
LARGEST = {("mu", 20): SMALL, ("hals", 2): SMALL, ("bpp", 1): SMALL, ("apg", 10): MEDIUM}
"""Columns times rank at which it is still worth waiting for a solver."""
FITS = {
    (500, 64): ([10, 50, 200], [100, 1000]),
    (10_000, 64): ([50, 200], []),
    (10_000, 256): ([50], []),
}
"""Iterations of the fits of scikit-learn's cd, of which the last one is a target, and of its mu."""
MU_ITERATIONS, CD_ITERATIONS = 1000, 200

SEEDS = range(5)
SECONDS = {(500, 64): 3, (5000, 64): 6, (500, 256): 4, (5000, 256): 8}
"""Of each run of ours."""
BESIDE_CD = (64,)
"""The ranks at which 'cd' does not take longer than all else."""
PLAIN, EXTRAPOLATED = (1, 5), (1, 3)
"""The inner repeats of either."""

BRIEF = {
    "MU_ITERATIONS": 50,
    "CD_ITERATIONS": 5,
    "FITS": dict.fromkeys(FITS, ([5], [])),
    "SEEDS": range(2),
    "SECONDS": dict.fromkeys(SECONDS, 0.5),
}


def ours(A, rank, solver, inner, backend, until, limit, **more):
    """Seconds and errors of a run that ends at the error `until` or after `limit` seconds."""
    curve = []
    plain_mu = (solver, inner) == ("mu", 1)
    options = {"solver": solver, "inner": inner, "backend": backend, "dtype": A.dtype.name}
    options |= {"check_every": 10 if plain_mu else 2}
    options |= {"max_iter": MU_ITERATIONS if plain_mu else 100_000, **more}
    nmf(A[:, :500], rank, **{**options, "max_iter": 2})  # loads libraries
    if backend == "jax":
        nmf(A, rank, **{**options, "max_iter": 2})  # compiles
    started = time.perf_counter()

    def record(iteration, error):
        curve.append((time.perf_counter() - started, error))
        return error <= until or curve[-1][0] > limit

    nmf(A, rank, callback=record, **options)
    return curve


def sklearns(A, rank, solver, iterations, seed=0):
    """Seconds and errors of fits of so many iterations, each from the start."""
    from sklearn.decomposition import NMF

    mean = float(A.mean(dtype=float))
    W0, H0 = (x.astype(A.dtype) for x in random_start(A.shape, rank, seed, mean))
    curve = []
    for max_iter in iterations:
        model = NMF(rank, init="custom", solver=solver, tol=0, max_iter=max_iter)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge
            W = model.fit_transform(A, W=W0.copy(), H=H0.copy())
        seconds = time.perf_counter() - started
        curve.append((seconds, float(np.linalg.norm(A - W @ model.components_))))
    return curve


def reached(curve, error):
    """Seconds until the error; None if never."""
    return next((seconds for seconds, found in curve if found <= error), None)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "rank"), FITS, ids=str)
def test_time_to_error(benchmark, backend, n, rank, dtype, request):
    pytest.importorskip("sklearn")
    A, name = matrix(n, dtype), backend.name

    def compare():
        curves = {"mu": ours(A, rank, "mu", 1, name, 0, np.inf)}
        for solver, fits in zip(("cd", "mu"), FITS[n, rank], strict=True):
            if fits:
                curves[f"scikit-learn {solver}"] = sklearns(A, rank, solver, fits)
        until = min(curves["mu"][-1][1], curves["scikit-learn cd"][-1][1])
        limit = max(curves["mu"][-1][0], curves["scikit-learn cd"][-1][0])
        for solver, inner in SOLVERS[1:]:
            if n * rank <= LARGEST.get((solver, inner), n * rank):
                label = f"{solver}, inner {inner}"
                curves[label] = ours(A, rank, solver, inner, name, until, limit)
        return curves

    curves = benchmark.pedantic(compare, rounds=1)
    targets = {
        f"mu, {MU_ITERATIONS} iterations": curves["mu"][-1][1],
        f"scikit-learn cd, {FITS[n, rank][0][-1]} iterations": curves["scikit-learn cd"][-1][1],
    }
    rows = [
        {"solver": label, **{target: reached(curve, error) for target, error in targets.items()}}
        for label, curve in curves.items()
    ]
    describe(benchmark, backend, n, dtype, rank=rank, errors=targets, seconds_to=rows)
    echo(rows, targets, f"{name} N={n} d={rank} {dtype}")
    if folder := request.config.getoption("--curves"):
        save(Path(folder), f"{name}-{n}-{rank}-{dtype}", curves, benchmark.extra_info)
    assert reached(curves["hals, inner 1"], curves["mu"][-1][1]) is not None


def echo(rows, targets, title):
    """Print the table."""
    print(f"\n{title}: seconds to the error of")
    print(" " * 18 + "".join(f"{target:>34}" for target in targets))
    for row in rows:
        cells = ["-" if row[t] is None else f"{row[t]:.2f}" for t in targets]
        print(f"{row['solver']:18}" + "".join(f"{cell:>34}" for cell in cells))


def save(folder, name, curves, about):
    """The numbers as JSON and a picture."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    record = {"about": dict(about), "curves": curves}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for label, curve in curves.items():
        style = "o--" if label.startswith("scikit-learn") else "-"
        axes.plot(*zip(*curve, strict=True), style, label=label)
    axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="‖A − WH‖", title=name)
    axes.legend()
    figure.savefig(folder / f"{name}.png", dpi=120)
    plt.close(figure)


def runs(A, rank, seed, backend, seconds):
    """Curves of the runs from a start, by inner repeats: plain ones, extrapolated ones."""
    limits = {"backend": backend, "until": 0, "limit": seconds, "seed": seed}
    return [
        {
            inner: ours(A, rank, "hals", inner, extrapolate=extrapolate, **limits)
            for inner in repeats
        }
        for repeats, extrapolate in ((PLAIN, False), (EXTRAPOLATED, True))
    ]


def five_seeds(A, rank, backend, seconds):
    """The curves from each seed: those of `runs`, and scikit-learn's."""
    records = []
    for seed in SEEDS:
        plain, extrapolated = runs(A, rank, seed, backend, seconds)
        record = {"seed": seed, "plain": plain, "extrapolated": extrapolated}
        if rank in BESIDE_CD:
            record["cd"] = sklearns(A, rank, "cd", [CD_ITERATIONS], seed)
        records.append(record)
    return records


def until(curve, seconds):
    """The part of a curve until then."""
    return [point for point in curve if point[0] <= seconds] or curve[:1]


def others(records, seconds):
    """What extrapolated runs are held against: names, and a curve for each seed.

    Of plain 'hals', the better inner at that time, in the median: the better one of each seed would
    be the luckier of two runs, held against one.
    """
    found = {}
    for part in (seconds / 4, seconds):
        plain = {x: [until(record["plain"][x], part) for record in records] for x in PLAIN}
        ends = {x: statistics.median(curve[-1][1] for curve in plain[x]) for x in PLAIN}
        better = min(ends, key=ends.get)
        found[f"hals, inner {better}, after {part:g} s"] = plain[better]
    if "cd" in records[0]:
        found[f"scikit-learn cd, {CD_ITERATIONS} iterations"] = [record["cd"] for record in records]
    return found


def summary(records, seconds):
    """Beside each other: the time to its end divided by its own, and how many never come there."""
    rows = []
    for name, curves in others(records, seconds).items():
        for inner in EXTRAPOLATED:
            found = [
                (reached(record["extrapolated"][inner], curve[-1][1]) or np.inf)
                / reached(curve, curve[-1][1])
                for record, curve in zip(records, curves, strict=True)
            ]
            never = sum(map(np.isinf, found))
            median, *ratios = (
                float(x) if np.isfinite(x) else None  # JSON has no infinity
                for x in (statistics.median(found), *found)
            )
            row = {"inner": inner, "beside": name, "median": median}
            rows.append({**row, "ratios": ratios, "end worse": int(never)})
    return rows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "rank"), SECONDS, ids=str)
def test_time_to_error_extrapolated(benchmark, backend, n, rank, dtype, request):
    pytest.importorskip("sklearn")
    A, name, seconds = matrix(n, dtype), backend.name, SECONDS[n, rank]
    arguments = (A, rank, name, seconds)
    records = benchmark.pedantic(five_seeds, args=arguments, rounds=1)
    rows = summary(records, seconds)
    about = {"rank": rank, "seconds": seconds, "summary": rows}
    describe(benchmark, backend, n, dtype, **about)
    print(f"\n{name} N={n} d={rank} {dtype}: time of extrapolated hals / time of the other")
    for row in rows:
        ratios = row["median"], *row["ratios"]
        median, *each = ("never" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
        print(f" inner {row['inner']} beside {row['beside']:31} median {median}: {', '.join(each)}")
    if folder := request.config.getoption("--curves"):
        save_runs(Path(folder), f"extrapolated-{n}-{rank}-{dtype}", records, benchmark.extra_info)
    assert len(records) == len(SEEDS)


def save_runs(folder, name, records, about):
    """The numbers as JSON; of the curves 100 points."""

    def thinned(curve):
        return [[round(t, 4), round(e, 5)] for t, e in curve[:: -(-len(curve) // 100)]]

    seeds = [
        {
            **record,
            **{
                kind: {inner: thinned(curve) for inner, curve in record[kind].items()}
                for kind in ("plain", "extrapolated")
            },
        }
        for record in records
    ]
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": dict(about), "seeds": seeds})
    (folder / f"{name}.json").write_text(text + "\n")
