"""Consensus matrices, their cophenetic correlation and dispersion, and the heat map of them."""

import numpy as np
import pytest
from known_ranks import data

from nmf_accel import RankChoice, SweepResult, nmf, sweep
from nmf_accel.selection import Agreement, agreement, stability

pytest.importorskip("scipy")
FEW = {"max_iter": 20, "backend": "numpy"}


@pytest.fixture(scope="module")
def A():
    return data("Poisson, S", 0, (20, 15))


@pytest.fixture(scope="module")
def result(A):
    return sweep(A, [1, 3], 5, keep="all", **FEW)


def by_loops(A, rank, seeds):
    """The consensus matrix, by the definition."""
    consensus = np.zeros((A.shape[1],) * 2)
    for seed in range(seeds):
        fit = nmf(A, rank, seed=seed, **FEW)
        added = [[fit.W[:, k].sum() * fit.H[k, j] for k in range(rank)] for j in range(A.shape[1])]
        largest = [int(np.argmax(x)) for x in added]
        for i, one in enumerate(largest):
            for j, other in enumerate(largest):
                consensus[i, j] += (one == other) / seeds
    return consensus


def test_the_consensus_matrix_is_that_of_the_definition(A, result):
    found = agreement(result, 3)
    np.testing.assert_allclose(found.consensus, by_loops(A, 3, 5), rtol=1e-12)
    assert found.runs == 5
    assert not np.isin(found.consensus, [0, 1]).all()  # some runs differ


def test_the_numbers_are_those_of_their_formulas(result):
    from scipy.cluster.hierarchy import cophenet, linkage

    found = agreement(result, 3)
    pairs = np.array([1 - x[k + 1 :] for k, x in enumerate(found.consensus)], dtype=object)
    given = np.concatenate(pairs).astype(float)
    in_the_tree = cophenet(linkage(given, "average"))
    assert found.cophenetic == pytest.approx(np.corrcoef(given, in_the_tree)[0, 1], rel=1e-12)
    n = len(found.consensus)
    expected = sum(4 * (c - 0.5) ** 2 for c in found.consensus.flat) / n**2
    assert found.dispersion == pytest.approx(expected, rel=1e-12)


def of(consensus, rank=2):
    return Agreement(rank, 4, np.array(consensus, dtype=float), None)


def test_runs_that_agree_have_both_numbers_1():
    two = np.kron(np.eye(2), np.ones((3, 3)))
    assert of(two).cophenetic == pytest.approx(1)
    assert of(two).dispersion == 1
    together = of(np.ones((4, 4)))
    assert (together.cophenetic, together.dispersion) == (1, 1)


def test_pairs_that_are_tossed_for_have_no_dispersion():
    assert of(np.full((4, 4), 0.5)).dispersion == 0


def test_one_component_has_all_samples(result):
    found = agreement(result, 1)
    assert (found.consensus == 1).all()
    assert (found.cophenetic, found.dispersion) == (1, 1)
    assert (found.clusters == 0).all()


def test_the_order_and_the_clusters_put_together_what_is_alike():
    mixed = np.array([0, 1, 0, 1, 1, 0])
    found = of(mixed[:, None] == mixed)
    assert sorted(found.order) == list(range(6))
    assert len(np.flatnonzero(np.diff(mixed[found.order]))) == 1
    assert len(set(found.clusters)) == 2
    np.testing.assert_array_equal(found.clusters == found.clusters[0], mixed == 0)


def test_how_the_size_is_shared_between_the_factors_does_not_matter(A, result):
    from dataclasses import replace

    sizes = np.array([1e-3, 1.0, 1e3])
    fits = {
        key: replace(x, W=x.W * sizes, H=x.H / sizes[:, None])
        for key, x in result.factorizations.items()
        if key[0] == 3
    }
    table = [row for row in result.table if row["rank"] == 3]
    moved = agreement(SweepResult(table, fits), 3)
    np.testing.assert_array_equal(moved.consensus, agreement(result, 3).consensus)


def test_samples_that_are_zero_belong_to_each_other_alone(A):
    A = np.hstack([A, np.zeros((20, 2))])
    found = agreement(sweep(A, [3], 4, keep="all", **FEW), 3).consensus
    np.testing.assert_array_equal(found[-1, -2:], 1)
    assert not found[-2:, :-2].any()


def test_it_comes_from_a_folder_as_well_and_of_a_part_of_the_samples(A, result, tmp_path):
    stored = sweep(A, [3], 5, keep="all", store=tmp_path / "runs", **FEW)
    whole = agreement(result, 3).consensus
    np.testing.assert_array_equal(agreement(stored, 3).consensus, whole)
    for samples in (slice(None, None, 4), [2, 7, 3], np.arange(15) > 8):
        part = agreement(result, 3, samples)
        chosen = np.arange(15)[samples]
        np.testing.assert_array_equal(part.consensus, whole[np.ix_(chosen, chosen)])


def test_names_go_with_their_samples(A):
    pandas = pytest.importorskip("pandas")
    names = [f"p{k}" for k in range(15)]
    named = sweep(pandas.DataFrame(A, columns=names), [3], 2, keep="all", **FEW)
    assert agreement(named, 3).samples.tolist() == names
    assert agreement(named, 3, [4, 1]).samples.tolist() == ["p4", "p1"]


def test_it_prints_its_numbers(result):
    found = agreement(result, 3)
    assert str(found) == (
        f"Rank 3, 5 runs: cophenetic correlation {found.cophenetic:.3f}, "
        f"dispersion {found.dispersion:.3f}"
    )


@pytest.mark.parametrize("samples", [5, "a", [0, 999], [0.5, 1], ["c0"], np.ones(3, bool), None])
def test_samples_that_are_no_places_are_refused(samples, result):
    with pytest.raises(ValueError, match=r"samples is .*; it must be a slice, places from 0 to "):
        agreement(result, 3, samples)


@pytest.mark.parametrize(
    "ask", [RankChoice.of, lambda x: stability(x, 3), lambda x: agreement(x, 3)]
)
@pytest.mark.parametrize("given", ["rank/", None, np.ones((2, 2))], ids=["path", "none", "array"])
def test_what_is_no_sweep_is_refused(ask, given):
    said = f"a {type(given).__name__} is no SweepResult; SweepResult.read"
    with pytest.raises(TypeError, match=said):
        ask(given)


def test_what_is_missing_is_said(A, result):
    for ask in (agreement, stability):
        with pytest.raises(KeyError, match=r"no run of rank 2; there are ranks \[1, 3\]"):
            ask(result, 2)
    with pytest.raises(ValueError, match="factors of 0 runs of rank 3 are there"):
        agreement(sweep(A, [3], 2, keep="none", **FEW), 3)
    for how in ({"seeds": 3}, {"seeds": 1, "keep": "all"}):
        with pytest.raises(ValueError, match="1 runs of rank 3 are there; "):
            agreement(sweep(A, [3], **how, **FEW), 3)
    with pytest.raises(ValueError, match=rf"samples leaves 1 of {A.shape[1]} samples; two are"):
        agreement(result, 3, [2])


def test_more_samples_than_memory_holds_are_refused(result, monkeypatch):
    from nmf_accel.backends import get

    monkeypatch.setattr(type(get("numpy")), "free_memory", lambda self: 5000)
    with pytest.raises(ValueError, match=r"slice\(None, None, 2\)"):
        agreement(result, 3)
    assert len(agreement(result, 3, slice(None, None, 2)).consensus) == 8


def drawn(found):
    (ax, _) = found.plot().axes
    return ax


def test_the_heat_map_draws_the_matrix_in_its_order_with_the_names():
    pytest.importorskip("matplotlib")
    mixed = np.array([0, 1, 0, 1])
    names = np.array(["a$", "b", "c", "a name that is longer than a page"])
    found = Agreement(2, 3, (mixed[:, None] == mixed).astype(float), names)
    ax = drawn(found)
    np.testing.assert_array_equal(ax.images[0].get_array(), np.kron(np.eye(2), np.ones((2, 2))))
    formatter = ax.yaxis.get_major_formatter()
    ticks = [formatter(k) for k in ax.get_yticks()]
    assert [ticks[list(found.order).index(k)] for k in (0, 1)] == [r"a\$", "b"]
    assert max(map(len, ticks)) <= 24
    assert ax.get_title() == str(found)


def test_a_heat_map_of_many_samples_draws_means_and_counts_places():
    pytest.importorskip("matplotlib")
    n = 1601  # three samples share a pixel, the last two are alone
    rng = np.random.default_rng(0)
    consensus = np.kron(np.eye(1), rng.random((n, n)) < 0.5).astype(float)
    consensus = np.maximum(consensus, consensus.T)
    from nmf_accel.plots import consensus_map

    (ax, _) = consensus_map(consensus, np.arange(n), None, "").axes
    image = ax.images[0].get_array()
    assert image.shape == (534, 534)
    assert image[0, 1] == pytest.approx(consensus[:3, 3:6].mean())
    assert image[-1, 0] == pytest.approx(consensus[-2:, :3].mean())
    assert ax.get_xlim() == (-0.5, n - 0.5)
    assert "in the order" in ax.get_xlabel()
