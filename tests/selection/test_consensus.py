"""`consensus` finds the programs that repeat, leaves out what stands alone, and says so."""

import builtins

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from cnmf_objects import simulated
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import euclidean_distances

from nmf_accel import Consensus, Factorization, consensus, project, sweep
from nmf_accel.selection.spectra import Spectra
from nmf_accel.sweeps import SweepResult

FAST = {"solver": "auto", "stop": "kkt", "tol": 1e-3, "backend": "numpy"}
RANK, SEEDS = 4, 12
COUNTS, TRUTH = simulated(200, 100, RANK, 4000)
A = COUNTS.T / COUNTS.std().to_numpy()[:, None]  # genes × cells, each gene with deviation 1


@pytest.fixture(scope="module")
def found():
    return consensus(A, RANK, SEEDS, **FAST)


@pytest.fixture(scope="module")
def at_six():
    """More programs than there are: some components stand alone."""
    return sweep(A, [6], SEEDS, keep="all", **FAST)


def as_cnmf(spectra, rank, runs, threshold, part):
    """The densities, and medians, of merged spectra, as the code of cNMF 1.7.1 has them."""
    n = int(part * spectra.shape[0] / rank)
    unit = (spectra.T / np.sqrt((spectra**2).sum(axis=1))).T
    distances = euclidean_distances(unit)
    nearest = np.argpartition(distances, n + 1)[:, : n + 1]
    density = distances[np.arange(len(unit))[:, None], nearest].sum(1) / n
    unit = unit[density < threshold]
    labels = KMeans(n_clusters=rank, n_init=10, random_state=1).fit(unit).labels_
    medians = pd.DataFrame(unit).groupby(labels).median().to_numpy()
    return density, medians / medians.sum(axis=1, keepdims=True), silhouette_score(unit, labels)


@pytest.mark.parametrize("threshold", [0.5, 0.15])
def test_it_is_what_cnmf_defines(at_six, threshold):
    merged = np.concatenate([at_six.factorization(6, seed).to_arrays()[0].T for seed in range(12)])
    density, medians, silhouette = as_cnmf(merged, 6, SEEDS, threshold, 0.3)
    result = Consensus.of(A, at_six, 6, density_threshold=threshold)
    np.testing.assert_allclose([row["density"] for row in result.components], density, atol=1e-7)
    assert len(result.left_out) == (density >= threshold).sum()
    assert (len(result.left_out) > 0) == (threshold == 0.15)
    W, H = result.factorization.to_arrays()
    order = [np.abs(medians - w).sum(axis=1).argmin() for w in W.T]
    assert sorted(order) == list(range(6))
    np.testing.assert_allclose(W.T, medians[order], atol=1e-12)
    np.testing.assert_allclose(W.sum(axis=0), 1)
    assert result.silhouette == pytest.approx(silhouette, abs=1e-6)
    np.testing.assert_allclose(H, project(A.to_numpy(), W), rtol=1e-8, atol=1e-8 * H.max())
    usage = (H / H.sum(axis=0)).sum(axis=1)
    assert (np.diff(usage) <= 0).all()
    np.testing.assert_allclose([row["usage"] for row in result.table], usage / A.shape[1])


def test_it_finds_the_programs_behind_the_data(found):
    scaled = TRUTH / COUNTS.std().to_numpy()
    likeness = np.corrcoef(found.programs.T, scaled)[:RANK, RANK:]
    assert sorted(likeness.argmax(axis=1)) == list(range(RANK))
    assert likeness.max(axis=1).min() > 0.94  # so much is noise with 200 cells


def test_its_parts_fit_together(found):
    assert (found.rank, found.runs, found.left_out) == (RANK, SEEDS, [])
    assert found.programs.index.tolist() == A.index.tolist()
    assert found.usage.index.tolist() == A.columns.tolist()
    names = ["c1", "c2", "c3", "c4"]
    assert found.programs.columns.tolist() == found.usage.columns.tolist() == names
    error = np.linalg.norm(A - found.programs.to_numpy() @ found.usage.T.to_numpy())
    assert found.factorization.error == pytest.approx(error, rel=1e-9)
    assert found.factorization.kkt < 1e-6
    assert [row["components"] for row in found.table] == [SEEDS] * RANK
    for row in found.components:
        W, _ = found.sweep.factorization(RANK, row["seed"]).to_frames()
        likeness = found.programs.corrwith(W[row["component"]])
        assert likeness.idxmax() == row["program"]
    assert {row["seed"] for row in found.components} == set(range(SEEDS))


def test_its_factorization_can_be_kept(found, tmp_path):
    found.factorization.save(tmp_path / "programs.npz")
    loaded = Factorization.load(tmp_path / "programs.npz")
    told = {"runs": SEEDS, "left_out": 0, "density_threshold": 0.5, "local_neighborhood_size": 0.3}
    assert loaded.settings["consensus"] == told
    assert (found.factorization.H0, loaded.settings.get("seed")) == (None, None)
    assert loaded.stopped_because == f"it is the consensus of {SEEDS} runs"
    np.testing.assert_array_equal(loaded.to_frames()[0], found.programs)


def test_what_it_prints(found, at_six):
    assert repr(found).startswith("<Consensus of 12 runs, rank 4: 0 of 48 components left out, sil")
    result = Consensus.of(A, at_six, 6, density_threshold=0.15)
    head, density, titles, *rows = str(result).splitlines()
    count = len(result.left_out)
    assert f"12 runs at rank 6: {count} of 72 components left out (density 0.15 and more)" in head
    assert density.startswith("density: median 0.0")
    assert titles.split() == ["program", "components", "runs", "silhouette", "usage"]
    assert [row.split()[0] for row in rows] == ["c1", "c2", "c3", "c4", "c5", "c6"]
    assert sum(int(row.split()[1]) for row in rows) == 72 - count


def test_a_sweep_in_a_folder_serves(found, tmp_path):
    consensus(A, RANK, SEEDS, store=tmp_path / "runs", **FAST)
    stored = SweepResult.read(tmp_path / "runs")
    again = Consensus.of(A, stored, RANK, backend="numpy")
    pd.testing.assert_frame_equal(again.programs, found.programs, atol=1e-12)
    pd.testing.assert_frame_equal(again.usage, found.usage, rtol=1e-6)
    told = r"A is not the matrix of the sweep in .*runs, or is stored otherwise .*; pass that"
    with pytest.raises(ValueError, match=told):
        Consensus.of(A + 1, stored, RANK)


def test_another_matrix_is_refused_also_where_the_sweep_has_no_folder(found):
    weights = np.where(HOLES, 0.5, 1.0)
    weighed = sweep(A, [RANK], 6, keep="all", weights=weights, **FAST)
    Consensus.of(A, weighed, RANK, weights=weights)
    for given, runs in ((A, weighed), (A.iloc[:, :150], found.sweep)):
        with pytest.raises(ValueError, match=r"whose norm is \S+ and not \S+; pass that one, with"):
            Consensus.of(given, runs, RANK)


def test_rows_in_another_order_are_found_by_their_names(found):
    turned = A.iloc[::-1]
    with pytest.warns(UserWarning, match="order"):
        result = Consensus.of(turned, found.sweep, RANK, backend="numpy")
    pd.testing.assert_frame_equal(result.programs.loc[A.index], found.programs, atol=1e-12)
    pd.testing.assert_frame_equal(result.usage, found.usage, rtol=1e-6)


def anndata_of(frame):
    import anndata

    return anndata.AnnData(frame.T)


HOLES = np.random.default_rng(1).random(A.shape) < 0.1
KINDS = {
    "array": (A.to_numpy(), {}),
    "float32": (A.to_numpy(np.float32), {}),
    "sparse": (sp.csr_array(A.to_numpy()), {}),
    "AnnData": (anndata_of(A), {}),
    "missing": (A.mask(HOLES), {"missing": np.nan}),
    "weights": (A, {"weights": np.where(HOLES, 0.5, 1.0)}),
    "Kullback-Leibler": (A, {"loss": "kullback-leibler", "solver": "mu", "stop": "error"}),
    "folds": (A, {"folds": 5}),
}


@pytest.mark.filterwarnings("ignore:.*tol = .* was not met")
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_sweep_takes_it_takes(found, kind):
    given, options = KINDS[kind]
    result = consensus(given, RANK, 6, **{**FAST, **options})
    likeness = np.corrcoef(result.programs.T, found.programs.T)[:RANK, RANK:]
    assert likeness.max(axis=1).min() > 0.98
    assert len(result.usage) == A.shape[1]
    if kind == "AnnData":
        assert result.usage.index.tolist() == A.columns.tolist()


def test_usage_is_fitted_in_the_loss_of_the_runs_without_their_penalties():
    how = {"loss": "kullback-leibler", "l1_H": 100.0, "max_iter": 60, "backend": "numpy"}
    result = consensus(A, RANK, 4, **how)
    W, H = result.factorization.to_arrays()
    expected = project(A.to_numpy(), W, loss="kullback-leibler")
    np.testing.assert_allclose(H, expected, rtol=1e-2, atol=1e-3 * H.max())
    other = project(A.to_numpy(), W)
    assert np.linalg.norm(H - other) > 0.02 * np.linalg.norm(other)
    assert result.factorization.settings["l1_H"] == 100


def test_rank_one():
    result = consensus(A, 1, 5, **FAST)
    assert result.silhouette is None
    assert result.table[0]["usage"] == pytest.approx(1)
    assert "silhouette -" in str(result)


def test_samples_and_components_that_are_zero():
    empty = A.copy()
    empty.iloc[:, 3] = 0
    result = consensus(empty, RANK, 6, **FAST)
    assert (result.usage.iloc[3] == 0).all()
    assert sum(row["usage"] for row in result.table) == pytest.approx(1)
    # As a penalty leaves some: these are no programs, and nobody's neighbours.
    dead = [replaced(result.sweep, seed, zero=seed == 0) for seed in range(6)]
    spectra = Spectra.of(dead, RANK)
    density = spectra.density(0.3)
    assert np.flatnonzero(np.isinf(density)).tolist() == [0]
    _, labels, silhouettes = spectra.clusters(density < 0.5)
    assert labels[0] == -1
    assert np.isnan(silhouettes[0])
    assert np.isfinite(silhouettes[1:]).all()


def replaced(found, seed, zero):
    """A run, its first component zero if so."""
    from dataclasses import replace

    run = found.factorization(RANK, seed)
    W, _ = run.to_arrays()
    return replace(run, W=W * (np.arange(RANK) > 0) if zero else W)


def test_memory_of_distances_is_bounded(found, monkeypatch):
    """They are looked at in parts, as scikit-learn is told."""
    from sklearn import config_context

    runs = [found.sweep.factorization(RANK, seed) for seed in range(SEEDS)]
    whole = Spectra.of(runs, RANK).density(0.3)
    with config_context(working_memory=0.002):  # MiB: some five rows at a time
        np.testing.assert_allclose(Spectra.of(runs, RANK).density(0.3), whole, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": 3}, r"seeds are 3, and 0\.3 of that is no neighbour; take at least 4 seeds"),
        ({"seeds": 0}, "seeds is 0; at least one"),
        ({"rank": 0}, "rank is 0; it must be at least 1"),
        ({"density_threshold": 0}, r"density_threshold is 0\.0; it must be > 0"),
        ({"density_threshold": np.nan}, "density_threshold is nan"),
        ({"local_neighborhood_size": 1}, r"size is 1\.0; it must be between 0 and 1"),
        ({"H_fixed": np.ones((1, 200))}, "H_fixed holds usage, which a consensus fits anew"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(options, words, monkeypatch):
    monkeypatch.setattr("nmf_accel.selection.from_seeds.sweep", None)
    with pytest.raises(ValueError, match=words):
        consensus(A, **{"rank": RANK, "seeds": SEEDS, **options})


def test_outliers_all(found):
    with pytest.raises(ValueError, match=r"0 different components of 48 are left, fewer than rank"):
        Consensus.of(A, found.sweep, RANK, density_threshold=1e-9)


def test_fewer_different_components_than_programs():
    found = sweep(A, [RANK], 6, keep="all", init="nndsvda", **FAST)
    same = {(RANK, seed): found.factorization(RANK, 0) for seed in range(6)}
    alike = SweepResult(found.table, same, options=found.options)
    assert Consensus.of(A, alike, RANK).silhouette == pytest.approx(1)
    points = np.repeat(np.eye(3, 8), 4, axis=0)
    with pytest.raises(
        ValueError, match="3 different components of 12 are left, fewer than rank 4"
    ):
        Spectra(4, 3, points, np.arange(12)).clusters(np.ones(12, bool))


def test_components_that_have_nothing_in_common():
    points = np.concatenate([np.eye(5, 8), np.eye(8)[[7, 7, 7]]])
    with pytest.raises(ValueError, match="the median of 5 components of rank 2 is zero"):
        Spectra(2, 4, points, np.arange(8)).clusters(np.ones(8, bool))


def test_what_a_sweep_has_not(found):
    with pytest.raises(KeyError, match=r"no run of rank 5; there are ranks \[4\]"):
        Consensus.of(A, found.sweep, 5)
    with pytest.raises(TypeError, match=r"SweepResult\.read"):
        Consensus.of(A, "runs", RANK)
    bare = sweep(A, [RANK], 4, max_iter=5)
    with pytest.raises(KeyError, match="sweep with keep='all'"):
        Consensus.of(A, bare, RANK)
    with pytest.raises(TypeError, match=r"keyword argument 'loss'; it takes density_thr"):
        Consensus.of(A, found.sweep, RANK, loss="frobenius")
    with pytest.raises(TypeError, match=r"consensus\(\) takes no keep, for it needs"):
        consensus(A, RANK, SEEDS, keep="best")


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args):
        if name == "sklearn":
            raise ImportError("No module named 'sklearn'", name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'nmf-accel\[sklearn\]'"):
        consensus(A, RANK, SEEDS)


def test_a_program_that_is_known_is_held():
    held = A.iloc[:, :1].rename(columns={"cell0": "known"})
    result = consensus(A, 3, 6, W_fixed=held, **FAST)
    likeness = result.programs.corrwith(held["known"])
    assert likeness.max() == pytest.approx(1)
    assert likeness.index.tolist() == ["c1", "c2", "c3"]  # "known" would name whichever is first
