"""What 'auto' takes, beside every solver, on the ten matrices of ``test_typical.py``.

Seconds to an error, from the same starts, `nmf`'s own random ones, of 5 to 31 seeds, with the
kernels that numba compiles. The errors are that of scikit-learn's call with its defaults, to one in
a thousand, and one percent above the best that any of ours reached from that start in the time that
all had. Of the seeds the median counts: which minimum a run comes to is luck. Those that are fast
run again, in turns, and the least time of each seed counts: the errors they pass are the same.
``pytest bench/test_auto.py`` takes 20 minutes on 2 cores.
"""

import math
import statistics
import time
import warnings

import pytest
from conftest import machine
from test_time_to_error import ours, reached
from test_typical import CASES, data

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.intake import Given, prepare

KEYS = ("solver", "inner", "extrapolate")
SOLVERS = {
    "mu": ("mu", 1, False),
    "mu, inner 10": ("mu", 10, False),
    "hals": ("hals", 1, False),
    "hals, inner 2": ("hals", 2, False),
    "hals, inner 5": ("hals", 5, False),
    "extrapolated": ("hals", 1, True),
    "extrapolated, inner 2": ("hals", 2, True),
    "extrapolated, inner 3": ("hals", 3, True),
    "extrapolated, inner 5": ("hals", 5, True),
    "apg": ("apg", 10, False),
    "bpp": ("bpp", 1, False),
}
"""All that 'auto' may take, and what it is held against."""
LONGEST = 2.5
"""Seconds of a run; else one and a half times what scikit-learn takes."""
BETWEEN = 0.002
"""Seconds between two records of the error, about."""
SCIKIT, BEST = "scikit-learn's error", "1.01 of the best"
ALIKE = 1.001
"""From other starts, scikit-learn's minima differ by more; its `tol` leaves as much."""
SEEDS = {0.3: 31, 0.6: 15, 1.2: 9, LONGEST: 5}
"""How many, where runs take up to so many seconds."""
TURNS = 3
"""In how many turns those run that take at most `CLOSE` times as long as the first."""
CLOSE = 1.6


def by_default(X, rank):
    """Seconds and error of scikit-learn's call with its defaults."""
    from sklearn.decomposition import NMF

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge
        NMF(rank, random_state=0, max_iter=1).fit(X)  # loads libraries
        started = time.perf_counter()
        model = NMF(rank, random_state=0).fit(X)
    return time.perf_counter() - started, float(model.reconstruction_err_)


def curves(A, rank, labels, seeds, limit, until):
    """The curves of some solvers, from each seed, in turns; until so small an error."""
    found = {label: [] for label in labels}
    for seed in seeds:
        for label in labels:
            options = {**dict(zip(KEYS, SOLVERS[label], strict=True)), "dtype": A.dtype.name}
            one = nmf(A, rank, max_iter=4, backend="numpy", **options)
            every = min(max(round(BETWEEN / one.seconds_per_iteration), 2), 50)
            more = {"backend": "numpy", "max_iter": 10**6, "check_every": every, "seed": seed}
            found[label].append(ours(A, rank, **options, **more, until=until[seed], limit=limit))
    return found


def median(seconds):
    """Of some seconds, infinite if that is the median."""
    return statistics.median(math.inf if x is None else x for x in seconds)


def least(turns, label, errors):
    """Seconds to the errors of the seeds, the median of what each took in its fastest turn."""
    every = [
        [reached(*x) for x in zip(turn[label], errors, strict=True)]
        for turn in turns
        if label in turn
    ]
    return median(
        min((x for x in seed if x is not None), default=None) for seed in zip(*every, strict=True)
    )


def measure(A, rank, error, limit, seeds, chosen, turns):
    """The errors asked for, of each seed, and each solver's seconds to them and last errors."""
    every = [curves(A, rank, SOLVERS, seeds, limit, dict.fromkeys(seeds, 0))]
    ends = {label: [x[-1][1] for x in every[0][label]] for label in SOLVERS}
    best = [min(ends[label][k] for label in SOLVERS) for k in seeds]
    targets = {SCIKIT: [ALIKE * error for _ in seeds], BEST: [1.01 * x for x in best]}
    until = dict(zip(seeds, map(min, *targets.values()), strict=True))

    def seconds():
        return {
            target: {label: least(every, label, errors) for label in SOLVERS}
            for target, errors in targets.items()
        }

    close = {
        label
        for row in seconds().values()
        for label in SOLVERS
        if row[label] <= CLOSE * min(row.values()) or label == chosen
    }
    again = [x for x in SOLVERS if x in close]
    every += [curves(A, rank, again, seeds, limit, until) for _ in range(turns - 1)]
    literal = {label: [reached(x, error) for x in every[0][label]] for label in SOLVERS}
    return best, seconds(), ends, literal


@pytest.mark.parametrize("name", CASES)
def test_auto(benchmark, name, request):
    pytest.importorskip("sklearn")
    if not numpy_backend.compiled_kernels():
        pytest.skip("numba is not installed")
    X, rank = data(name), CASES[name][1]
    seconds, error = by_default(X, rank)
    limit = min(1.5 * seconds, LONGEST)
    brief = request.config.getoption("--brief")
    seeds = range(1 if brief else next(x for upto, x in SEEDS.items() if limit <= upto))
    taken = nmf(X.T, rank, solver="auto", max_iter=1, dtype=X.dtype.name, backend="numpy").settings
    chosen = next(x for x in SOLVERS if SOLVERS[x] == tuple(taken[key] for key in KEYS))
    asked = (X.T, rank, error, limit, seeds, chosen, 2 if brief else TURNS)
    best, found, ends, literal = benchmark.pedantic(measure, args=asked, rounds=1)
    print(f"\n{name}, rank {rank}: {limit:.2f} s each; auto takes {chosen}: {taken['why_solver']}")
    ratios = {}
    for target, row in found.items():
        order = [x for x in sorted(row, key=row.get) if row[x] < math.inf]
        print(f" to {target}: " + ", ".join(f"{x} {row[x]:.3f}" for x in order))
        assert order, "nobody came there"
        ratios[f"{order[0]} to {target}"] = row[chosen] / row[order[0]]
    benchmark.extra_info.update(
        name=name,
        rank=rank,
        limit=limit,
        seeds=len(seeds),
        scikit_learn=seconds,
        errors={SCIKIT: error, "best": best},
        chosen={x: taken[x] for x in (*KEYS, "why_solver", "dtype")},
        products=prepare(Given(X.T), backend="numpy").products_to_repeat(rank),
        seconds_to={
            target: {x: s for x, s in row.items() if s < math.inf} for target, row in found.items()
        },
        ends=ends,
        literal=literal,
        ratios=ratios,
        **machine(backends.get("numpy")),
    )
