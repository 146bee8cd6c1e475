"""Runs that workers compute are those of a local sweep, whatever a sweep is asked for.

The workers are threads here that are handed pickles, as other processes are; those are in
`test_processes` and `test_dask`.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import assert_parity
from posting import RUN, A, ByPost, assert_same

from nmf_accel import Workers, backends, sweep
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.progress import Progress
from nmf_accel.sweeps import Here, Packing, Store, work
from nmf_accel.sweeps.elsewhere import Elsewhere, Traffic
from nmf_accel.sweeps.memory import runs_per_batch

rng = np.random.default_rng(1)


@pytest.fixture(scope="module")
def post():
    with ByPost(2) as executor:
        yield executor


def frame():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(A, index=[f"g{k}" for k in range(30)], columns=[f"s{k}" for k in range(24)])


def sparse():
    return pytest.importorskip("scipy.sparse").csr_array(np.where(A > 1, A, 0))


HOLES = np.where(rng.random(A.shape) < 0.1, np.nan, A)
ASKED = {
    "best": {"keep": "best"},
    "all": {"keep": "all"},
    "none": {"keep": "none"},
    "a reference": {"reference": A + 0.1},
    "folds": {"folds": 3, "keep": "all"},
    "missing": {"A": lambda: HOLES, "missing": np.nan},
    "a masked array": {"A": lambda: np.ma.masked_greater(A, 1.5)},
    "masked weights": {"weights": np.ma.masked_greater(np.ones(A.shape) + A % 1, 1.5)},
    "weights": {"weights": rng.random(A.shape), "solver": "hals"},
    "held": {"H_fixed": A[:1], "keep": "all"},
    "names": {"A": frame, "W_fixed": lambda: frame().iloc[::-1, :1], "keep": "all"},
    "float32": {"dtype": "float32", "keep": "all"},
    "sparse": {"A": sparse},
    "tol": {"tol": 1e-2, "check_every": 5, "keep": "all"},
    "kullback-leibler": {"loss": "kullback-leibler"},
    "a large scale": {"A": lambda: 1e280 * A, "keep": "all"},
    "memory": {"memory": 10**6, "keep": "all"},
}


@pytest.fixture(scope="module")
def one():
    """One at a time: the stand-in for CuPy has one stream for all threads."""
    with ByPost(1) as executor:
        yield executor


@pytest.mark.filterwarnings("ignore:.*order")
@pytest.mark.parametrize("asked", ASKED)
def test_workers_give_what_a_local_sweep_gives(asked, post):
    options = {k: x() if callable(x) else x for k, x in {"A": A, **RUN, **ASKED[asked]}.items()}
    matrix = options.pop("A")
    expected = sweep(matrix, [2, 3], 5, **options)
    found = sweep(matrix, [2, 3], 5, executor=post, **options)
    assert_same(found, expected, 1e-4 if asked == "float32" else 1e-10)


def test_on_every_backend(backend, one):
    options = {"max_iter": 20, "backend": backend, "keep": "best"}
    expected = sweep(A, [2, 3], 3, **options)
    found = sweep(A, [2, 3], 3, executor=one, **options)
    for key, factorization in expected.factorizations.items():
        assert_parity(found.factorizations[key].W, factorization.W, 1e-10)
    assert {row["backend"] for row in found.table} == {backend}


def test_a_matrix_of_a_device_is_sent_in_its_precision_and_factors_are_of_its_library(backend, one):
    library = backends.get(backend)
    with library.scope():
        there = library.asarray(A, np.dtype("float64"))
    options = {"max_iter": 20, "backend": backend}
    expected = sweep(there, [2], 2, reference=there, **options)
    found = sweep(there, [2], 2, reference=there, executor=one, **options)
    assert backends.owner(found.best(2).W) == backend
    assert_parity(found.best(2).W, expected.best(2).W, 1e-10)
    errors = [[row["reference_error"] for row in result.table] for result in (found, expected)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-10)


def test_auto_is_settled_by_the_caller(post, monkeypatch):
    """Not by each worker for itself."""
    posted = Posted(monkeypatch)
    monkeypatch.setenv(backends.VARIABLE, "strict")
    found = sweep(A, [2], 2, max_iter=5, executor=post)
    assert {row["backend"] for row in found.table} == {"strict"}
    assert posted.last.work.backend == "strict"


class Posted(list):
    """What was submitted: of which class what came with it was."""

    def __init__(self, monkeypatch):
        super().__init__()
        plain = Workers.submit

        def submit(workers, function, *arguments):
            self.append(type(arguments[1]).__name__)
            self.last = arguments[1]
            return plain(workers, function, *arguments)

        monkeypatch.setattr(Workers, "submit", submit)


def test_the_data_goes_once_to_each_worker(post, monkeypatch):
    posted = Posted(monkeypatch)
    sweep(A, range(2, 9), 8, executor=post, **RUN)
    assert len(posted) > 4
    assert posted[:2] == ["Sent", "Sent"]
    assert set(posted[2:]) == {"Known"}


def test_a_worker_that_lacks_the_data_is_sent_it(post, monkeypatch):
    """As one that is new, or that took part in another sweep meanwhile."""
    posted, plain = Posted(monkeypatch), work.Known.open

    def forgotten(parcel):
        if len(posted) % 2:
            work._kept.clear()
        return plain(parcel)

    ranks = range(2, 9)
    expected = sweep(A, ranks, 8, keep="all", **RUN)
    monkeypatch.setattr(work.Known, "open", forgotten)
    found = sweep(A, ranks, 8, executor=post, keep="all", **RUN)
    assert posted.count("Sent") > 2
    assert_same(found, expected)


def test_nothing_stays_with_threads(post):
    with ThreadPoolExecutor(2) as executor:
        sweep(A, [2], 2, executor=executor, **RUN)
    assert work._kept == []


def test_only_the_factors_of_the_best_of_a_batch_come_back(post, monkeypatch):
    came = []
    plain = Elsewhere._taken

    def noted(place, finished):
        came.append([run.result is not None for run in finished])
        return plain(place, finished)

    monkeypatch.setattr(Elsewhere, "_taken", noted)
    sweep(A, [2, 3], 8, executor=Workers(post, count=1), **RUN)
    assert max(map(len, came)) > 1
    assert {sum(batch) for batch in came} == {1}


def test_which_run_is_best_does_not_depend_on_which_comes_first():
    """Of equal ones it is the lowest seed."""
    results = []
    for seeds in ([0, 1], [1, 0]):
        found = sweep(A, [2], [2], **RUN)
        row, result = found.table[0], found.best(2)
        found.table.clear()
        for seed in seeds:
            found.add([{**row, "seed": seed}], {(2, seed): result}, {(2, min(seeds[: seed + 1]))})
        results.append(found.best_row(2)["seed"])
    assert results == [0, 0]


@pytest.mark.parametrize(
    ("ranks", "seeds", "slots", "sizes"),
    [
        ([16], 8, 2, {16: [4, 4]}),  # the rows of 4 read A no slower than those of 8
        ([128], 8, 2, {128: [1] * 8}),  # a quarter of what a worker does is one
        ([64], 8, 2, {64: [2] * 4}),
        ([4], 3, 8, {4: [1] * 3}),  # workers go idle, or runs alone
        ([128, 4], 8, 2, {128: [1] * 8, 4: [8]}),
        ([2], 400, 2, {2: [67, 67, 67, 67, 66, 66]}),
    ],
)
def test_batches_are_parts_of_what_a_worker_is_to_do(ranks, seeds, slots, sizes):
    options = [Options(rank=d, seed=s, max_iter=9) for d in ranks for s in range(seeds)]
    here = Here(Packing(prepare(Given(A), backend="numpy")))
    workers = Workers(ThreadPoolExecutor(1), count=slots)
    place = Elsewhere(here.packing, work=None, workers=workers)
    batches = list(place.batches(options))
    found = {d: [len(x) for x in batches if x[0].rank == d] for d in ranks}
    if ranks == [2]:
        assert max(found[2]) - min(found[2]) <= max(found[2]) // 2
        assert 2 <= len(found[2]) <= 8
    else:
        assert found == sizes
    assert [x[0].rank for x in batches] == sorted((x[0].rank for x in batches), reverse=True)
    assert sorted((x.rank, x.seed) for b in batches for x in b) == sorted(
        (x.rank, x.seed) for x in options
    )


class Told(Progress):
    def __init__(self):
        self.done, self.notes = 0.0, []

    def add(self, work, note=""):
        self.done += work
        self.notes.append(note)


def test_the_bar_says_how_many_runs_are_done_and_who_does_them(post, monkeypatch):
    bar = Told()
    monkeypatch.setattr("nmf_accel.sweeps.sweeping.progress_bar", lambda *a, **k: _within(bar))
    sweep(A, [2, 3], 4, executor=post, store=None, **RUN)
    assert bar.notes[0] == "0/8 runs done, 2 workers of a ByPost, one thread each"
    assert bar.notes[-1] == "8/8 runs done, 2 workers of a ByPost, one thread each"
    here = Here(Packing(prepare(Given(A), backend="numpy")))
    runs = [Options(rank=d, seed=s, max_iter=30) for d in (2, 3) for s in range(4)]
    assert bar.done == pytest.approx(sum(map(here.cost, runs)))


class _within:
    def __init__(self, x):
        self.x = x

    def __enter__(self):
        return self.x

    def __exit__(self, *_):
        return None


def test_a_folder_says_who_did_it_and_goes_on_where_it_was(post, tmp_path, monkeypatch):
    """Here or elsewhere; and nothing is run twice."""
    sweep(A, [2], 3, store=tmp_path, **RUN)
    ran, plain = [], Traffic.send

    def send(traffic, runs):
        ran.extend((run.rank, run.seed) for run in runs)
        plain(traffic, runs)

    monkeypatch.setattr(Traffic, "send", send)
    found = sweep(A, [3, 2], 5, store=tmp_path, executor=Workers(post, threads=2), **RUN)
    assert sorted(ran) == [(2, 3), (2, 4), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]
    assert found.skipped == 3
    assert_same_rows = [(row["rank"], row["seed"]) for row in found.table]
    assert assert_same_rows == [(d, s) for d in (2, 3) for s in range(5)]
    sweep(A, [3, 2], 5, store=tmp_path, **RUN)
    sweep(A, [4], 1, store=tmp_path / "new", executor=Workers(post, threads=2), **RUN)
    assert Store.read(tmp_path / "new").about["workers"] == (
        "2 workers of a ByPost, 2 threads each"
    )


def test_workers_of_one_machine_share_what_is_free(post, monkeypatch):
    """In equal parts; what the caller sets is for each."""
    posted = Posted(monkeypatch)
    sweep(A, [2], 1, executor=post, **RUN)
    assert posted.last.work.here.packing.sharing == 2
    problem, run = prepare(Given(A), backend="numpy"), Options(rank=2)
    from nmf_accel.core import bytes_needed

    free = int(bytes_needed(problem, run, 4) / 0.8) + 2
    monkeypatch.setattr(type(problem.backend), "free_memory", lambda self: 3 * free)
    assert runs_per_batch(problem, run, 100, None, sharing=3) == 4
    memory = problem.A.nbytes + bytes_needed(problem, run, 4)
    assert runs_per_batch(problem, run, 100, memory, sharing=3) == 4
