"""Many fits of small matrices, one by one and in one packed sweep, beside scikit-learn's.

A thousand of 60 × 40, and sixty of 800 × 800 counts, as for a consensus of three ranks. In a sweep
they have scikit-learn's starts and its rule to stop. ``pytest bench/test_small.py`` takes 2 minutes
on 2 cores.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from conftest import machine, timed

from nmf_accel import backends, sweep

ROUNDS = 3
TINY, COUNTS = (1000, 200), (20, 1000)
"""Starts at each rank, and most iterations."""
BRIEF = {"TINY": (2, 20), "COUNTS": (2, 300)}


class Fits(NamedTuple):
    """Fits of a matrix, at each rank from so many starts."""

    X: np.ndarray
    ranks: list[int]
    starts: int
    max_iter: int

    def one_by_one(self, NMF):
        """The iterations of each."""
        options = {"init": "random", "max_iter": self.max_iter}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that some did not converge
            return [
                NMF(rank, random_state=seed, **options).fit(self.X).n_iter_
                for rank in self.ranks
                for seed in range(self.starts)
            ]

    def packed(self):
        """The iterations of each, in one sweep."""
        options = {"solver": "hals", "stop": "descent", "tol": 1e-4, "check_every": 1}
        options |= {"init": "sklearn", "max_iter": self.max_iter, "backend": "numpy"}
        table = sweep(self.X.T, self.ranks, self.starts, **options).table
        return [row["iterations"] for row in table]


def tiny():
    return Fits(np.random.default_rng(0).random((60, 40)), [5], *TINY)


def counts():
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, size=(800, 6)) @ rng.gamma(0.5, size=(6, 800))
    return Fits(rng.poisson(2 * rates).astype(float), [4, 6, 8], *COUNTS)


@pytest.mark.parametrize(
    ("make", "way"), [(tiny, "one by one"), (tiny, "packed"), (counts, "packed")]
)
def test_many_fits(benchmark, beside, make, way):
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    fits = make()
    ways = {"one by one": lambda: fits.one_by_one(NMF), "packed": fits.packed}
    theirs = timed(fits.one_by_one, decomposition.NMF)
    iterations = beside(ways[way], {"scikit-learn": theirs}, ROUNDS)
    about = {"way": way, "shape": fits.X.shape, "ranks": fits.ranks, "fits": len(iterations)}
    about |= {"iterations": sum(iterations), **machine(backends.get("numpy"))}
    benchmark.extra_info.update(about)
    # Rounding may make a run stop one iteration sooner or later.
    assert sum(iterations) == pytest.approx(sum(fits.one_by_one(decomposition.NMF)), rel=0.01)
