"""`nmf_accel.cnmf.factorize` does what ``cNMF.factorize`` does, with the real package."""

import gc
import warnings
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cnmf_objects import prepared, simulated, their_words
from sklearn.exceptions import ConvergenceWarning

from nmf_accel import cnmf as cnmf_room
from nmf_accel.cnmf import factorize
from nmf_accel.files import make_folder
from nmf_accel.matrices import is_sparse

RANKS, RUNS = [3, 4], 6
LOSSES = ["frobenius", "kullback-leibler"]


def files_of(cnmf, obj):
    """The files of the runs, in the order of cNMF's ledger."""
    ledger = cnmf.load_df_from_npz(obj.paths["nmf_replicate_parameters"])
    pairs = zip(ledger.n_components, ledger.iter, strict=True)
    return [Path(obj.paths["iter_spectra"] % pair) for pair in pairs]


def spectra_of(cnmf, obj):
    return [cnmf.load_df_from_npz(path) for path in files_of(cnmf, obj)]


def selected(cnmf, obj):
    """The table of its `k_selection_plot`, which reads what `combine` made."""
    with their_words():
        obj.combine()
        obj.k_selection_plot(close_fig=True)
    return cnmf.load_df_from_npz(obj.paths["k_selection_stats"]).astype(float)


def programs(cnmf, obj, rank):
    """The spectra of its consensus, rank × genes."""
    with their_words():
        obj.consensus(rank, density_threshold=0.5, show_clustering=False, build_ref=False)
    return cnmf.load_df_from_npz(obj.paths["consensus_spectra"] % (rank, "0_5"))


def least_correlation(found, expected):
    """Of each program with the one that is most like it, the least."""
    return np.corrcoef(found, expected)[: len(found), len(found) :].max(axis=1).min()


@pytest.fixture(scope="module", params=LOSSES)
def both(cnmf, tmp_path_factory, request):
    """One prepared object factorized by cNMF, and its like, not yet factorized."""
    counts, _ = simulated(120, 100, 4, 500)
    folders = [tmp_path_factory.mktemp(name) for name in ("theirs", "ours")]
    penalties = {"alpha_usage": 0.001, "alpha_spectra": 0.002}
    theirs, ours = (
        prepared(cnmf, folder, counts, RANKS, RUNS, beta_loss=request.param, **penalties)
        for folder in folders
    )
    with their_words():
        theirs.factorize()
    return theirs, ours


@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-11), ("float32", 2e-3)])
def test_the_files_are_those_of_cnmf(cnmf, both, dtype, atol):
    theirs, ours = both
    assert factorize(ours, dtype=dtype) is None
    for mine, expected in zip(spectra_of(cnmf, ours), spectra_of(cnmf, theirs), strict=True):
        pd.testing.assert_frame_equal(mine, expected, rtol=0, atol=atol)


def test_what_follows_goes_on_unchanged(cnmf, both):
    theirs, ours = both
    factorize(ours)
    table, expected = (selected(cnmf, obj) for obj in (ours, theirs))
    assert table.k.tolist() == RANKS
    np.testing.assert_allclose(table, expected, rtol=1e-9)
    assert least_correlation(programs(cnmf, ours, 4), programs(cnmf, theirs, 4)) >= 0.999999


@pytest.fixture
def obj(cnmf, tmp_path):
    """An object that is prepared, with the counts dense, and small."""
    counts, _ = simulated(40, 30, 3, 300)
    return prepared(cnmf, tmp_path, counts, RANKS, RUNS, densify=True)


def changed(obj, **parameters):
    """The object with other parameters for scikit-learn's function."""
    path = Path(obj.paths["nmf_run_parameters"])
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **parameters}))
    return obj


def test_workers_do_the_parts_that_cnmfs_do(cnmf, obj):
    for worker in (1, 0):
        factorize(obj, worker, 2)
        there = [path.exists() for path in files_of(cnmf, obj)]
        assert there == [worker == 0 or k % 2 == 1 for k in range(len(RANKS) * RUNS)]
    first = spectra_of(cnmf, obj)
    factorize(obj)
    for part, whole in zip(first, spectra_of(cnmf, obj), strict=True):
        pd.testing.assert_frame_equal(part, whole, rtol=0, atol=1e-10)


def test_what_is_complete_is_left_alone_and_what_is_damaged_done_again(cnmf, obj):
    factorize(obj)
    before = spectra_of(cnmf, obj)
    gone, cut, kept, *_, other = paths = files_of(cnmf, obj)
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:300])
    other.write_bytes(kept.read_bytes())  # that of another rank
    times = [path.stat().st_mtime_ns for path in paths[2:-1]]
    factorize(obj, skip_completed_runs=True)
    assert times == [path.stat().st_mtime_ns for path in paths[2:-1]]
    for again, whole in zip(spectra_of(cnmf, obj), before, strict=True):
        pd.testing.assert_frame_equal(again, whole, rtol=0, atol=1e-10)
    # What the ledger calls complete is not looked at, as there.
    with their_words():
        obj.update_nmf_iter_params()
    kept.unlink()
    factorize(obj, skip_completed_runs=True)
    assert not kept.exists()
    factorize(obj)
    assert kept.exists()


def test_what_is_done_when_it_is_interrupted_stays(cnmf, obj, monkeypatch):
    """Files appear batch by batch, each whole; the same call does the rest."""
    written = cnmf_room.Run.write

    def stop_at_the_second_rank(run, *args):
        if run.rank == RANKS[1]:
            raise KeyboardInterrupt
        written(run, *args)

    monkeypatch.setattr(cnmf_room.Run, "write", stop_at_the_second_rank)
    with pytest.raises(KeyboardInterrupt):
        factorize(obj)
    monkeypatch.undo()
    paths = files_of(cnmf, obj)
    assert [path.exists() for path in paths] == [True] * RUNS + [False] * RUNS
    times = [path.stat().st_mtime_ns for path in paths[:RUNS]]
    factorize(obj, skip_completed_runs=True)
    assert all(path.exists() for path in paths)
    assert times == [path.stat().st_mtime_ns for path in paths[:RUNS]]
    assert {path.name.rpartition(".k_")[0] for path in paths} == {"it.spectra"}


def test_a_gene_without_counts_counts_for_tol_as_in_cnmf(cnmf, obj):
    """Its spectra fall at once, by what scikit-learn's first violation is larger."""
    import anndata

    cells = anndata.read_h5ad(obj.paths["normalized_counts"])
    cells.X[:, 3] = 0
    cells.write_h5ad(obj.paths["normalized_counts"])
    with their_words():
        obj.factorize()
    expected = spectra_of(cnmf, obj)
    factorize(obj)
    for mine, theirs in zip(spectra_of(cnmf, obj), expected, strict=True):
        pd.testing.assert_frame_equal(mine, theirs, rtol=0, atol=1e-11)


def test_a_sparse_matrix_with_few_entries_stays_sparse(cnmf, tmp_path):
    counts, _ = simulated(60, 200, 3, 15)
    counts = counts.loc[:, counts.any()]
    sparse, dense = (
        prepared(cnmf, make_folder(tmp_path / name), counts, [3], 3, densify=name == "dense")
        for name in ("sparse", "dense")
    )
    kinds = [is_sparse(cnmf_room.Prepared.of(obj).counts().X) for obj in (sparse, dense)]
    assert kinds == [True, False]
    for obj in (sparse, dense):
        factorize(obj)
    for one, other in zip(spectra_of(cnmf, sparse), spectra_of(cnmf, dense), strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-6)


def test_runs_that_do_not_converge_are_counted(obj):
    changed(obj, max_iter=3)
    with pytest.warns(ConvergenceWarning, match=r"12 of 12 runs ended after max_iter = 3 .*larger"):
        factorize(obj)
    with warnings.catch_warnings():  # of max_iter iterations that are asked for
        warnings.simplefilter("error", ConvergenceWarning)
        factorize(changed(obj, tol=0.0))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"beta_loss": "itakura-saito", "solver": "mu"}, "'itakura-saito'.*obj.factorize()"),
        ({"beta_loss": 1.5, "solver": "mu"}, r"beta_loss is 1\.5"),
        ({"shuffle": True}, "shuffle is True, but packed runs"),
        ({"init": None}, "init is None; packed runs take one of random, nndsvd"),
        ({"init": "nndsvd", "solver": "mu"}, "init is 'nndsvd', whose zeros never leave"),
        ({"alpha_W": -1.0}, "'alpha_W' parameter"),
    ],
)
def test_parameters_that_runs_cannot_have_are_refused(obj, parameters, words):
    with pytest.raises(ValueError, match=words), their_words():
        factorize(changed(obj, **parameters))


def test_what_is_no_prepared_object_is_refused(cnmf, obj, tmp_path):
    with pytest.raises(TypeError, match="obj is 'it', which has no paths; pass a"):
        factorize("it")
    with pytest.raises(
        FileNotFoundError, match=r"nmf_params\.df\.npz is not there; call obj.prepare"
    ):
        factorize(cnmf.cNMF(str(tmp_path), "another"))
    with pytest.raises(ValueError, match="worker_i is 2 of total_workers 2; it is counted from 0"):
        factorize(obj, 2, 2)


def test_counts_that_are_not_numbers_are_refused_with_their_place(obj):
    import anndata

    path = obj.paths["normalized_counts"]
    cells = anndata.read_h5ad(path)
    cells.X[2, 1] = np.nan
    cells.write_h5ad(path)
    with pytest.raises(
        ValueError, match=r"norm_counts has 1 NaN entry, first at \(1, 2\), row 'gene.*cell2'"
    ):
        factorize(obj)


def test_a_large_object_gives_what_cnmf_gives(cnmf, tmp_path):
    """As single-cell data of a small study are; its times are in bench/cnmf_factorize.py."""
    counts, truth = simulated(800, 800, 6, 2000)
    theirs, ours = (
        prepared(cnmf, make_folder(tmp_path / name), counts, [4, 6, 8], 20)
        for name in ("theirs", "ours")
    )
    with their_words():
        theirs.factorize()
    expected, wanted = selected(cnmf, theirs), programs(cnmf, theirs, 6)
    assert least_correlation(wanted * counts.std().to_numpy(), truth) >= 0.97
    for dtype in ("float64", "float32"):
        with pytest.warns(ConvergenceWarning, match="of 60 runs ended after max_iter = 1000"):
            factorize(ours, dtype=dtype)
        table, found = selected(cnmf, ours), programs(cnmf, ours, 6)
        Path(ours.paths["local_density_cache"] % 6).unlink()  # cNMF would take it again
        np.testing.assert_allclose(table, expected, rtol=0.01)
        assert least_correlation(found, wanted) >= 0.999


def test_counts_are_held_once_while_it_runs(obj, monkeypatch):
    """And not in float64 beside the float32 that is computed with."""
    held, alive = [], []
    counts, written = cnmf_room.Prepared.counts, cnmf_room.Run.write

    def counted(prepared):
        cells = counts(prepared)
        held[:] = [weakref.ref(cells), weakref.ref(cells.X)]
        return cells

    def write(run, *args):
        gc.collect()
        alive.extend(ref() is not None for ref in held)
        written(run, *args)

    monkeypatch.setattr(cnmf_room.Prepared, "counts", counted)
    monkeypatch.setattr(cnmf_room.Run, "write", write)
    factorize(obj, dtype="float32")
    assert len(alive) == 2 * len(RANKS) * RUNS
    assert not any(alive)


def test_a_seed_that_was_drawn_twice_is_written_twice(cnmf, obj):
    ledger = cnmf.load_df_from_npz(obj.paths["nmf_replicate_parameters"])
    ledger.loc[1, "nmf_seed"] = ledger.loc[0, "nmf_seed"]
    cnmf.save_df_to_npz(ledger, obj.paths["nmf_replicate_parameters"])
    factorize(obj)
    first, second, third, *_ = spectra_of(cnmf, obj)
    pd.testing.assert_frame_equal(first, second)
    assert not np.allclose(first, third)
