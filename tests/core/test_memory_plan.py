"""What a batch is said to take beside A is at least what it takes; the plan, term by term."""

import gc
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from nmf_accel import backends, sweep
from nmf_accel.backends.numpy_backend import threads, walk
from nmf_accel.core import bytes_needed, memory_for
from nmf_accel.intake import Given, hold, prepare
from nmf_accel.options import Options
from nmf_accel.progress import Progress
from nmf_accel.sweeps import Packing, packing
from nmf_accel.sweeps.memory import runs_per_batch

RUNS, RANK = 3, 24
M, N = 150, 220
RNG = np.random.default_rng(0)
DENSE = RNG.random((M, N))
SOME = np.where(RNG.random((M, N)) < 0.2, np.nan, DENSE)
FEW = sp.random_array((M, N), density=0.1, rng=RNG, format="csr")
KNOWN = RNG.random((M, 8))

CASES = {
    "dense": (DENSE, {}, {"solver": "hals"}),
    "dense, certified": (DENSE, {}, {"solver": "hals", "stop": "kkt", "tol": 1e-9}),
    "extrapolated": (DENSE, {}, {"solver": "hals", "extrapolate": True}),
    "apg": (DENSE, {}, {"solver": "apg"}),
    "svd": (DENSE, {}, {"solver": "hals", "init": "nndsvda"}),
    "weighted": (SOME, {"missing": np.nan}, {"solver": "hals"}),
    "folds": (DENSE, {}, {"solver": "hals", "folds": 3}),
    "counts": (DENSE, {}, {"loss": "kullback-leibler"}),
    "weighted counts": (SOME, {"missing": np.nan}, {"loss": "kullback-leibler"}),
    "spectra": (DENSE + 0.1, {}, {"loss": "itakura-saito"}),
    "sparse": (FEW, {}, {"solver": "hals"}),
    "sparse counts": (FEW, {}, {"loss": "kullback-leibler"}),
    "ratings": (FEW, {"zeros": "missing"}, {"solver": "hals"}),
    "ratings as counts": (FEW, {"zeros": "missing"}, {"loss": "kullback-leibler"}),
    "held": (DENSE, {"held": KNOWN}, {"solver": "hals"}),
}


def prepared(A, dtype, options, held=None, **how):
    """A problem, and runs of it."""
    given, runs = Given(A, **how), [Options(rank=RANK, seed=k, **options) for k in range(RUNS)]
    first = {"objective": runs[0].objective, "folds": runs[0].folds}
    problem = prepare(given, dtype, "numpy", drop=held is None, **first)
    return hold(problem, [RANK], held, None, given), runs


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_the_peak_is_within_the_plan(case, dtype):
    A, how, options = CASES[case]
    problem, runs = prepared(A, dtype, {"max_iter": 4, "check_every": 2, **options}, **how)
    plan = bytes_needed(problem, runs[0], RUNS)
    list(Packing(problem).run(runs, Progress()))  # imports, kernels, what is known of A
    gc.collect()
    tracemalloc.start()
    list(Packing(problem).run(runs, Progress()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= plan <= 6 * peak  # some forms need less than others: with numba, a half


def of(A=DENSE, dtype="float64", runs=RUNS, how=None, **options):
    """The plan for some runs."""
    problem, (first, *_) = prepared(A, dtype, options, **(how or {}))
    return bytes_needed(problem, first, runs)


FACTORS = RUNS * RANK * (M + N)
"""Numbers of both factors of all runs."""


def test_a_plan_term_by_term():
    at_once, solver = backends.get("numpy").states_at_once, {"solver": "hals"}
    plain = of(**solver)
    scratch = RUNS * 3 * RANK**2 + Options(rank=RANK, **solver).method.scratch(RUNS, RANK, N)
    blocks = 2 * RUNS * M * N
    assert plain == FACTORS * (8 * at_once + 8) + (scratch + blocks) * 8
    assert of(dtype="float32", **solver) == FACTORS * (4 * at_once + 8) + (scratch + blocks) * 4
    assert of(extrapolate=True, **solver) - plain == FACTORS * 8 * (at_once // 2)
    assert of(how={"held": KNOWN}, **solver) - plain == FACTORS * 8 * 2
    tall = np.ones((2**17, 3))
    entries = backends.get("numpy").block_entries
    of_factors = RUNS * RANK * (2**17 + 3) * (8 * at_once + 8)
    more = Options(rank=RANK, **solver).method.scratch(RUNS, RANK, 2**17)
    assert of(tall, **solver) == of_factors + (RUNS * 3 * RANK**2 + more + 2 * entries) * 8


def test_a_sparse_matrix_is_walked_in_blocks_where_a_loss_needs_all_of_w_h():
    """Of least squares the residual alone, which is no more than that of a dense one."""
    at_once, solver = backends.get("numpy").states_at_once, {"solver": "hals"}
    scratch = RUNS * 3 * RANK**2 + Options(rank=RANK, **solver).method.scratch(RUNS, RANK, N)
    for A in (FEW, FEW.tocsc()):
        problem, _ = prepared(A, "float64", solver)
        block = 2 * max(RUNS * M * N, RUNS * N * problem.A.least_block(M))
        assert of(A, **solver) == FACTORS * (8 * at_once + 8) + (scratch + block) * 8


def test_a_loss_of_counts_takes_no_more_of_a_large_matrix_than_blocks(monkeypatch):
    kind = type(backends.get("numpy"))
    monkeypatch.setattr(kind, "least_space", 0)  # which is more, with many threads
    plain = of(DENSE, loss=1)
    monkeypatch.setattr(kind, "block_entries", property(lambda self: RUNS * M * N * 2 // 3))
    blocks = Options(rank=RANK, loss=1).objective.blocks_at_once
    assert plain - of(DENSE, loss=1) == blocks * 8 * (RUNS * M * N // 3)


def test_what_a_rule_keeps_is_counted():
    scratch = Options(rank=RANK, solver="bpp").method.scratch(RUNS, RANK, N)
    assert of(solver="bpp") - of(solver="mu") == 8 * scratch > 0


def test_a_block_has_a_least_height(monkeypatch):
    kind, plain = type(backends.get("numpy")), of(solver="hals")
    monkeypatch.setattr(kind, "block_entries", property(lambda self: 10))
    problem, _ = prepared(DENSE, "float64", {})
    least = RUNS * N * problem.A.least_block(M)
    assert plain - of(solver="hals") == 8 * 2 * (RUNS * M * N - least)


def test_a_walk_has_a_least_space_for_each_thread(monkeypatch):
    small, how = SOME[:20, :30], {"missing": np.nan}
    before = of(small, how=how)
    have = threads.available()
    monkeypatch.setattr(threads, "available", lambda: have + 1)
    assert of(small, how=how) - before == walk.SPACE


def test_ratings_are_made_at_once_and_gathered_in_pieces(monkeypatch):
    ratings, stored = {"zeros": "missing"}, FEW.nnz
    before = of(FEW, how=ratings, solver="hals")
    entries = backends.get("numpy").block_entries
    kind = type(backends.get("numpy"))
    monkeypatch.setattr(kind, "block_entries", property(lambda self: entries // 4))
    gathered = RUNS * RANK * stored
    fewer = min(entries, gathered) - min(entries // 4, gathered)
    assert before - of(FEW, how=ratings, solver="hals") == 2 * fewer * 8 > 0
    more = sp.csr_array(FEW + sp.eye_array(M, N))
    grown = of(more, how=ratings, solver="hals") - of(FEW, how=ratings, solver="hals")
    assert grown == 4 * RUNS * (more.nnz - stored) * 8


@pytest.mark.parametrize(("dtype", "cure"), [("float64", "dtype='float32' or "), ("float32", "")])
def test_a_run_that_finds_too_little_says_what_it_needs(dtype, cure, monkeypatch):
    problem, (run, *_) = prepared(DENSE, dtype, {"solver": "hals"})
    monkeypatch.setattr(type(problem.backend), "free_memory", lambda self: 12_345)
    need = bytes_needed(problem, run, 1)
    said = f"about {need:,} bytes beside A, but 12,345 are free on .*; take {cure}a smaller rank$"
    with pytest.raises(MemoryError, match=said), memory_for(problem, run):
        raise MemoryError("no")
    with pytest.raises(KeyError), memory_for(problem, run):
        raise KeyError("of another kind")


@pytest.mark.parametrize("beside", [0, 10_000])
@pytest.mark.parametrize("kept", [0, 30_000])
def test_what_is_there_beside_the_runs_is_counted(beside, kept):
    problem, (run, *_) = prepared(DENSE, "float64", {})
    of_two = problem.A.nbytes + bytes_needed(problem, run, 2) + beside + kept
    assert runs_per_batch(problem, run, 4, of_two, beside, kept) == 2
    assert runs_per_batch(problem, run, 4, of_two - 1, beside, kept) == 1
    with pytest.raises(ValueError, match="memory is"):
        runs_per_batch(problem, run, 4, problem.A.nbytes + beside + kept, beside, kept)


def test_what_is_free_is_less_by_what_results_take(monkeypatch):
    problem, (run, *_) = prepared(DENSE, "float64", {})
    need = bytes_needed(problem, run, 2)
    monkeypatch.setattr(type(problem.backend), "free_memory", lambda self: 1.25 * need + 2)
    assert runs_per_batch(problem, run, 2, None, beside=10**9) == 2
    assert runs_per_batch(problem, run, 2, None, kept=1000) == 1


@pytest.mark.parametrize(
    ("keep", "store", "ranks"),
    [("best", None, 5), ("all", None, 15), ("none", None, 0), ("all", "s", 0)],
)
def test_a_sweep_counts_its_reference_and_what_it_keeps(keep, store, ranks, tmp_path, monkeypatch):
    seen = []

    def noted(problem, run, count, memory, beside, kept, sharing):
        seen.append((beside, kept))
        return 1

    monkeypatch.setattr(packing, "runs_per_batch", noted)
    where = None if store is None else tmp_path / store
    options = {"max_iter": 2, "backend": "numpy", "keep": keep, "store": where}
    sweep(DENSE, [2, 3], 3, reference=DENSE, dtype="float32", **options)
    assert seen == [(4 * M * N, ranks * (M + N) * 4)] * 2
    seen.clear()
    sweep(DENSE, [2, 3], 3, **{**options, "store": None})
    assert {beside for beside, _ in seen} == {0}
