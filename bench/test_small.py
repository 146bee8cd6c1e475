"""A thousand fits of a 60 × 40 matrix, one by one and in one packed sweep, beside scikit-learn's.

``pytest bench/test_small.py`` takes about 3 minutes on 2 cores.
"""

import warnings

import numpy as np
import pytest
from conftest import machine, timed

from nmf_accel import backends, sweep

SHAPE, RANK, FITS, ROUNDS = (60, 40), 5, 1000, 3
BRIEF = {"FITS": 20}
X = np.random.default_rng(0).random(SHAPE)


def one_by_one(make):
    """The iterations of fits from as many starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some did not converge
        return [make(RANK, init="random", random_state=k).fit(X).n_iter_ for k in range(FITS)]


def packed():
    """The same rule, from starts of the library's own."""
    options = {"solver": "hals", "stop": "descent", "tol": 1e-4, "check_every": 1}
    table = sweep(X.T, [RANK], FITS, max_iter=200, backend="numpy", **options).table
    return [row["iterations"] for row in table]


@pytest.mark.parametrize("way", ["one by one", "packed"])
def test_a_thousand_fits(benchmark, beside, way):
    decomposition = pytest.importorskip("sklearn.decomposition")
    from nmf_accel.sklearn import NMF

    ways = {"one by one": lambda: one_by_one(NMF), "packed": packed}
    theirs = timed(one_by_one, decomposition.NMF)
    iterations = beside(ways[way], {"scikit-learn": theirs}, ROUNDS)
    about = {"way": way, "shape": SHAPE, "rank": RANK, "fits": FITS}
    about |= {"iterations": sum(iterations), **machine(backends.get("numpy"))}
    benchmark.extra_info.update(about)
    assert len(iterations) == FITS
