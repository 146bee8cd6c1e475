"""How often criteria find a rank that is known: ``python bench/which_rank.py``.

Written into ``results/``: the rank that each criterion gives for each of 27 data sets, and the
seconds it took; and what cross-validation gives where it misleads. ``docs/which-rank.md`` has the
tables. It takes some fifteen minutes on one core.
"""

from __future__ import annotations

import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

import nmf_accel
from nmf_accel import SweepResult, choose_rank, sweep
from nmf_accel.selection import Stability, agreement, bi_cross_validation, stability

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from known_ranks import NOISE, SHAPE, data, rank_of

RANKS = list(range(1, 13))
SEEDS, RUNS = 3, 12
"""Data sets of a kind; runs of a criterion that looks at several."""
HOW: dict[str, Any] = {"solver": "hals", "max_iter": 150, "backend": "numpy"}
DISTURBED, REPEATING = 0.015, 0.8
"""By how much NMFk disturbs A; above which silhouette components are taken to repeat."""

Found = dict[str, int]


def held_out_entries(A: np.ndarray) -> Found:
    """Wold's cross-validation, 5 folds and 3 starts."""
    choice = choose_rank(A, RANKS, **HOW)
    return {
        "held-out entries, one standard error": choice.rank,
        "held-out entries, lowest": choice.lowest,
    }


def held_out_blocks(A: np.ndarray) -> Found:
    """Owen and Perry's, 2 × 2 blocks drawn twice."""
    found = bi_cross_validation(A, RANKS, **HOW)
    return {
        "bi-cross-validation, one standard error": found.rank,
        "bi-cross-validation, lowest": found.lowest,
    }


def disturbed(A: np.ndarray) -> Found:
    """NMFk's silhouettes: each run has another A, every entry of which is disturbed."""
    rng = np.random.default_rng(0)
    runs = [
        sweep(A * rng.uniform(1 - DISTURBED, 1 + DISTURBED, A.shape), RANKS, [seed], **HOW)
        for seed in range(RUNS)
    ]
    found = [Stability.of(run.best(rank).W for run in runs) for rank in RANKS]
    return {"silhouette, A disturbed (NMFk)": last([x.silhouette for x in found])}


def last(silhouettes: list[float]) -> int:
    """The largest rank all of whose components repeat."""
    return max(rank for rank, x in zip(RANKS, silhouettes, strict=True) if x >= REPEATING)


def of_seeds(A: np.ndarray) -> Found:
    """What compares runs from different seeds, all of it from one sweep."""
    result = sweep(A, RANKS, RUNS, keep="all", **HOW)
    agreements = [agreement(result, rank) for rank in RANKS]
    cophenetic = [x.cophenetic for x in agreements]
    return {
        "silhouette over seeds": last([stability(result, rank).silhouette for rank in RANKS]),
        "silhouette of k-means (cNMF)": highest([of_k_means(result, rank) for rank in RANKS]),
        "cophenetic correlation, first drop": first_drop(cophenetic),
        "cophenetic correlation, highest": highest(cophenetic),
        "dispersion, highest": highest([x.dispersion for x in agreements]),
    }


def of_k_means(result: SweepResult, rank: int) -> float:
    """The mean silhouette of all components of all runs in `rank` clusters, as of cNMF."""
    if rank == 1:
        return 1.0
    W = np.hstack([fit.to_arrays()[0] for fit in result.kept(rank)])
    units = (W / np.maximum(np.linalg.norm(W, axis=0), 1e-300)).T
    clusters = KMeans(rank, n_init=10, random_state=1).fit_predict(units)
    return float(silhouette_score(units, clusters))


def first_drop(values: list[float]) -> int:
    """The rank, above 1, after which they fall for the first time (Brunet et al. 2004)."""
    for k in range(2, len(RANKS)):
        if values[k] < values[k - 1] - 1e-6:
            return RANKS[k - 1]
    return RANKS[-1]


def highest(values: list[float]) -> int:
    """The rank, above 1, where they are largest; of rank 1 they are 1 in any case."""
    return RANKS[1 + int(np.argmax(values[1:]))]


CRITERIA: dict[str, Callable[[np.ndarray], Found]] = {
    "held-out entries": held_out_entries,
    "bi-cross-validation": held_out_blocks,
    "NMFk": disturbed,
    "seeds": of_seeds,
}
"""What is timed by itself: some give several criteria."""


def correlated(seed: int, width: int) -> np.ndarray:
    """4 components and noise, of which so many rows that follow one another have much in common."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(1, 1, (100, 4)) * (rng.random((100, 4)) < 0.5)
    S = W @ (rng.gamma(1, 1, (4, 120)) * (rng.random((4, 120)) < 0.6))
    noise = rng.normal(size=(100 + width - 1, 120))
    noise = np.lib.stride_tricks.sliding_window_view(noise, width, axis=0).sum(axis=-1)
    return np.maximum(0, S + 0.5 * S.std() * noise / noise.std())


def counts(seed: int, per_sample: float) -> np.ndarray:
    """Poisson counts of 4 programs, of 200 features in 150 samples, so many counts in each."""
    rng = np.random.default_rng(seed)
    programs = rng.lognormal(0, 1.5, (200, 1)) * rng.gamma(0.3, 1, (200, 4))
    shares = rng.dirichlet(np.full(4, 0.3), 150).T
    depth = per_sample * rng.lognormal(0, 0.5, 150)
    A = rng.poisson(programs / programs.sum(axis=0) @ shares * depth).astype(float)
    A = A[A.any(axis=1)]
    return A[:, A.any(axis=0)]


KL: dict[str, Any] = {**HOW, "loss": "kullback-leibler", "solver": "mu", "max_iter": 300}
MISLED: dict[str, tuple[Callable[[int], np.ndarray], int, dict[str, Any]]] = {
    "white noise": (lambda seed: correlated(seed, 1), 4, HOW),
    "noise shared by 5 rows": (lambda seed: correlated(seed, 5), 4, HOW),
    "12 × 10": (lambda seed: data("gaussian 50 %", seed, (12, 10)), 6, HOW),
    "30 × 25": (lambda seed: data("gaussian 50 %", seed, (30, 25)), 6, HOW),
    "50 × 40": (lambda seed: data("gaussian 50 %", seed, (50, 40)), 6, HOW),
    "30 counts, Frobenius": (lambda seed: counts(seed, 30), 4, HOW),
    "30 counts, Kullback-Leibler": (lambda seed: counts(seed, 30), 4, KL),
    "300 counts, Frobenius": (lambda seed: counts(seed, 300), 4, HOW),
    "300 counts, Kullback-Leibler": (lambda seed: counts(seed, 300), 4, KL),
}
"""Where cross-validation may mislead, beside where it does not: data, its rank, how it is run."""


def misled() -> dict[str, Any]:
    """Of each of these the rank by entries and by blocks, and the last whose components repeat."""
    found: dict[str, Any] = {}
    for name, (draw, rank, how) in MISLED.items():
        rows = []
        for seed in range(SEEDS):
            A, ranks = draw(seed), range(1, 9)
            choice, blocks = choose_rank(A, ranks, **how), bi_cross_validation(A, ranks, **how)
            repeat = [row["rank"] for row in choice.table if row["silhouette"] >= REPEATING]
            rows.append({"entries": choice.rank, "blocks": blocks.rank, "repeat": max(repeat)})
        found[name] = {"rank": rank, "of": rows}
        print(name, *rows, flush=True)
    return found


def main(path: Path) -> None:
    """Measure all of it, and write it down after each data set."""
    warnings.simplefilter("ignore")
    about = {
        "shape": SHAPE,
        "ranks": [RANKS[0], RANKS[-1]],
        "runs": RUNS,
        **HOW,
        "processor": platform.processor() or platform.machine(),
        "versions": {x.__name__: x.__version__ for x in (nmf_accel, np, scipy, sklearn)},
    }
    rows: list[dict[str, Any]] = []
    for kind in NOISE:
        for seed in range(SEEDS):
            A, found, seconds = data(kind, seed), {}, {}
            for name, criterion in CRITERIA.items():
                start = time.perf_counter()
                found.update(criterion(A))
                seconds[name] = time.perf_counter() - start
            rows.append(
                {"kind": kind, "seed": seed, "rank": rank_of(kind), "found": found, "s": seconds}
            )
            path.write_text(json.dumps({"about": about, "data": rows}, indent=1) + "\n")
            print(
                kind, seed, *found.values(), *(f"{s:.1f} s" for s in seconds.values()), flush=True
            )


if __name__ == "__main__":
    here = Path(__file__).parent / "results" / "which-rank-2026-11-30.json"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
