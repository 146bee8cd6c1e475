"""How components repeat over runs is what plain computations find."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from nmf_accel import nmf, sweep
from nmf_accel.selection import Stability, stability
from nmf_accel.selection.repetition import matched

RNG = np.random.default_rng(8)
FEW = {"solver": "hals", "max_iter": 30, "backend": "numpy"}


def disturbed(runs, d, m=40, noise=0.5):
    """The same components in other orders, of other sizes, and with noise."""
    base = RNG.gamma(1, 1, (m, d))
    return [
        (base[:, RNG.permutation(d)] + noise * RNG.random((m, d))) * RNG.gamma(2, 1, d)
        for _ in range(runs)
    ]


@pytest.mark.parametrize(("runs", "d"), [(2, 2), (7, 5), (12, 3)])
@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_silhouettes_are_those_of_scikit_learn(runs, d, noise):
    factors = disturbed(runs, d, noise=noise)
    U = matched(np.stack([(W / np.linalg.norm(W, axis=0)).T for W in factors]))
    flat, labels = U.reshape(runs * d, -1), np.tile(np.arange(d), runs)
    distances = np.maximum(1 - flat @ flat.T, 0)
    np.fill_diagonal(distances, 0)
    expected = silhouette_samples(distances, labels, metric="precomputed")
    found = Stability.of(U.mT)
    np.testing.assert_allclose(found.silhouettes, [expected[labels == k].mean() for k in range(d)])
    between = [[U[r, k] @ U[s, k] for r in range(runs) for s in range(r)] for k in range(d)]
    np.testing.assert_allclose(found.cosines, np.mean(between, axis=1))
    assert found.silhouette == found.silhouettes.min()
    assert found.cosine == found.cosines.min()
    assert found.repeating == (d if noise < 1 else (found.silhouettes >= 0.71).sum())


def test_neither_order_nor_size_of_components_matters():
    found = Stability.of(disturbed(5, 4, noise=0))
    np.testing.assert_allclose(found.cosines, 1)
    np.testing.assert_allclose(found.silhouettes, 1)


@pytest.mark.parametrize("size", [1e-300, 1e200])
def test_nor_does_their_size_where_squares_are_no_numbers(size):
    factors = disturbed(3, 3)
    found, expected = Stability.of([W * size for W in factors]), Stability.of(factors)
    np.testing.assert_allclose(found.silhouettes, expected.silhouettes)
    assert found != expected  # which compares nothing: they hold arrays


def test_one_component_has_no_other_to_be_like():
    assert Stability.of(disturbed(3, 1)).silhouettes.tolist() == [1]


def test_components_that_are_zero_do_not_repeat():
    dead = [np.concatenate([W, np.zeros((40, 1))], axis=1) for W in disturbed(4, 2, noise=0)]
    found = Stability.of(dead)
    assert sorted(found.silhouettes.round(9).tolist()) == [0, 1, 1]
    assert found.repeating == 2
    assert found.cosine == 0


def test_of_a_sweep_it_is_of_the_factors_that_were_kept(tmp_path):
    A = RNG.gamma(1, 1, (20, 3)) @ RNG.gamma(1, 1, (3, 25))
    expected = Stability.of(nmf(A, 3, seed=seed, **FEW).W for seed in range(4))
    for store in (None, tmp_path / "runs"):
        found = stability(sweep(A, [3], 4, keep="all", store=store, **FEW), 3)
        np.testing.assert_allclose(found.silhouettes, expected.silhouettes, rtol=1e-6)
    best = sweep(A, [3], 4, **FEW)
    with pytest.raises(ValueError, match=r"components of 1 runs.*keep='all' and seeds=2"):
        stability(best, 3)
