"""The runs of a sweep are those of `nmf`, packed together within the memory allowed."""

import tracemalloc

import numpy as np
import pytest
from conftest import SETTINGS, assert_equals_single_runs, assert_parity

from nmf_accel import backends, nmf, sweep
from nmf_accel.datasets import add_noise
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.sweeps import best_rank
from nmf_accel.sweeps.memory import runs_per_batch

RTOL = 1e-10


@pytest.fixture(scope="module")
def A(sprites):
    return sprites[:, :40]


@pytest.mark.parametrize("max_iter", [1, 10, 35])
def test_packed_runs_equal_single_runs(A, backend, max_iter):
    result = sweep(A, [2, 5], seeds=3, max_iter=max_iter, backend=backend, keep="all")
    assert [(row["rank"], row["seed"]) for row in result.table] == [
        (rank, seed) for rank in (2, 5) for seed in range(3)
    ]
    assert_equals_single_runs(result, A, backend, max_iter=max_iter)


def test_packed_runs_equal_single_runs_on_punks(punks, backend):
    if backend == "strict":
        pytest.skip("a thousand iterations take too long there; sprites are tested")
    result = sweep(punks, [16], seeds=3, max_iter=1000, backend=backend, keep="all")
    assert_equals_single_runs(result, punks, backend, max_iter=1000)


def test_each_run_stops_by_itself(A, backend):
    settings = {"max_iter": 400, "tol": 1e-3}
    result = sweep(A, [4], seeds=6, backend=backend, keep="all", **settings)
    iterations = [row["iterations"] for row in result.table]
    assert len(set(iterations)) > 2, "the runs should stop at different times for this test"
    assert max(iterations) < 400
    assert all(row["converged"] for row in result.table)
    assert_equals_single_runs(result, A, backend, **settings)


def test_several_batches_give_the_same(A, backend):
    whole = sweep(A, [3], seeds=5, max_iter=20, backend=backend, keep="all")
    problem = prepare(Given(A), backend=backend)
    memory = next(
        k for k in range(10**6, 10**9, 10**5) if fits(problem, memory=k) and fits(problem, k) == 2
    )
    parts = sweep(A, [3], seeds=5, max_iter=20, backend=backend, keep="all", memory=memory)
    for key, factorization in whole.factorizations.items():
        assert_parity(parts.factorizations[key].W, factorization.W, RTOL)
        assert_parity(parts.factorizations[key].H, factorization.H, RTOL)


def fits(problem, memory, rank=3, count=5):
    try:
        return runs_per_batch(problem, Options(rank=rank), count, memory)
    except ValueError:
        return 0


def test_one_compilation_per_rank_on_jax(sprites):
    compiled = backends.get("jax").compiled
    compiled.clear_cache()  # or it may be cleared when it is full, and nothing counted
    before = compiled._cache_size()
    A = sprites[:, :37]  # a shape of this test's own
    for max_iter in (30, 45, 41):  # the last two end with a shorter stride
        sweep(A, [2, 3], seeds=4, max_iter=max_iter, backend="jax")
    sweep(A, [2, 3], seeds=[7, 8, 9, 10], max_iter=30, delta=1e-8, backend="jax")
    assert compiled._cache_size() - before == 2


def test_a_last_batch_that_is_smaller_compiles_nothing_on_jax(sprites):
    A = sprites[:, :38]
    problem = prepare(Given(A), backend="jax")
    memory = next(k for k in range(10**6, 10**9, 10**5) if fits(problem, k) == 3)
    backends.get("jax").compiled.clear_cache()
    before = backends.get("jax").compiled._cache_size()
    result = sweep(A, [3], seeds=5, max_iter=20, backend="jax", memory=memory)
    assert backends.get("jax").compiled._cache_size() - before == 1
    assert [row["seed"] for row in result.table] == list(range(5))


def test_three_programs_per_rank_on_jax(sprites, caplog):
    """The start, the loop and a run's factors; outside of them every operation would be one."""
    jax = pytest.importorskip("jax")
    A = sprites[:, :36]
    options = {"seeds": 3, "max_iter": 20, "backend": "jax", "keep": "all"}
    sweep(A, [2], **options)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        sweep(A, [4, 6], **options)
    messages = [record.getMessage() for record in caplog.records]
    compiled = [text.split()[4] for text in messages if "Finished XLA compilation of" in text]
    names = ("jit(first_state)", "jit(run)", "jit(factors_of)")
    assert sorted(compiled) == sorted(2 * names)


def test_memory_stays_within_the_cap(sprites):
    sweep(sprites, [8], seeds=1, max_iter=1, backend="numpy")  # imports, caches
    memory = 200_000_000
    problem = prepare(Given(sprites), backend="numpy")
    size = runs_per_batch(problem, Options(rank=64), 200, memory)
    assert 10 < size < 100, "several batches of several runs, or this test says nothing"
    tracemalloc.start()
    sweep(sprites, [64], seeds=2 * size, max_iter=20, backend="numpy", memory=memory)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory / 3 < peak <= memory


def test_a_cap_below_one_run_is_refused(A):
    with pytest.raises(ValueError, match=r"memory is 1,000 bytes, but a run of rank 3 takes"):
        sweep(A, [3], seeds=1, memory=1000)


def test_reference_error_is_measured_against_the_reference(A, backend):
    noisy = add_noise(A, 0.2, seed=1)
    result = sweep(noisy, [3, 6], seeds=2, max_iter=20, reference=A, backend=backend, keep="all")
    for row in result.table:
        kept = result.factorizations[row["rank"], row["seed"]]
        direct = np.linalg.norm(A - kept.W @ kept.H)
        assert row["reference_error"] == pytest.approx(direct, rel=1e-12)
        assert abs(row["reference_error"] - row["error"]) > 0.01
    assert best_rank(result.summary()) in (3, 6)


def test_float32_and_noisy_runs_agree_with_single_ones(A, backend):
    result = sweep(A, [4], seeds=2, max_iter=30, dtype="float32", backend=backend, keep="all")
    for row in result.table:
        kept = result.factorizations[row["rank"], row["seed"]]
        assert kept.W.dtype == np.float32
        single = nmf(A, 4, seed=row["seed"], max_iter=30, dtype="float32", backend=backend)
        assert row["error"] == pytest.approx(single.error, rel=1e-4)


def test_best_and_summary(A):
    result = sweep(A, [2, 4], seeds=[5, 1, 3], max_iter=20)
    for rank in (2, 4):
        errors = {row["seed"]: row["error"] for row in result.table if row["rank"] == rank}
        best = result.best(rank)
        assert best.error == min(errors.values())
        assert best.settings["seed"] == min(errors, key=errors.get)
        (row,) = [row for row in result.summary() if row["rank"] == rank]
        assert row["runs"] == 3
        assert row["error_median"] == np.median(list(errors.values()))
        assert row["error_min"] == min(errors.values())
        assert row["error_max"] == max(errors.values())
    assert len(result.factorizations) == 2
    with pytest.raises(KeyError, match=r"no run of rank 3; there are ranks \[2, 4\]"):
        result.best(3)
    with pytest.raises(KeyError, match="were not kept"):
        sweep(A, [2], seeds=1, max_iter=2, keep="none").best(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ranks": []}, "ranks is empty"),
        ({"ranks": [2, 3, 2]}, "ranks has 2 more than once"),
        ({"ranks": [0]}, "rank is 0; it must be at least 1"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": []}, "seeds is empty"),
        ({"seeds": [1, 1]}, "seeds has 1 more than once"),
        ({"seeds": [-1]}, "seed is -1; it must be at least 0"),
        ({"keep": "some"}, "keep is 'some'; it must be one of best, all, none"),
        ({"reference": np.ones((2, 2))}, r"reference has shape \(2, 2\)"),
        ({"reference": -np.ones((1728, 40))}, "reference has 69120 negative entries"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"delta": -1.0}, "delta is -1.0"),
    ],
)
def test_bad_input_is_refused(A, arguments, message):
    with pytest.raises(ValueError, match=message):
        sweep(A, **{"ranks": [2], "max_iter": 1, **arguments})


@SETTINGS
def test_a_sweep_is_its_single_runs(backend, solver, inner, sprites):
    options = {"solver": solver, "inner": inner, "max_iter": 20, "backend": backend}
    A = sprites[:, :40]
    result = sweep(A, [3, 5], seeds=3, keep="all", **options)
    for (rank, seed), packed in result.factorizations.items():
        single = nmf(A, rank, seed=seed, **options)
        assert_parity(packed.W, single.W, 1e-10)
        assert_parity(packed.H, single.H, 1e-10)
        assert packed.error == pytest.approx(single.error, rel=1e-10)


def test_one_batch_is_gone_before_the_next(sprites):
    """The peak of many batches is that of one."""
    A = sprites[:, :150]
    sweep(A, [8], seeds=1, max_iter=1, backend="numpy")  # imports, caches
    problem = prepare(Given(A), backend="numpy")
    memory = next(k for k in range(10**6, 10**9, 10**6) if fits(problem, k, 64, 24) == 6)
    peaks = []
    for seeds in (6, 24):
        tracemalloc.start()
        options = {"max_iter": 3, "backend": "numpy", "memory": memory, "keep": "none"}
        sweep(A, [64], seeds=seeds, **options)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    one_run = 8 * 64 * sum(A.shape)
    assert peaks[1] < peaks[0] + one_run


def test_factors_that_were_not_kept_are_told_from_runs_that_were_not_made(A):
    result = sweep(A, [3], seeds=2, max_iter=5, keep="best", backend="numpy")
    other = 1 - result.best_row(3)["seed"]
    with pytest.raises(KeyError, match="rank 3 were not kept; sweep with keep='all'"):
        result.factorization(3, other)
    with pytest.raises(KeyError, match="no run of rank 3 and seed 7"):
        result.factorization(3, 7)
    nothing = sweep(A, [3], seeds=1, max_iter=5, keep="none", backend="numpy")
    with pytest.raises(KeyError, match="rank 3 were not kept; sweep with keep='best'"):
        nothing.best(3)


def test_a_reference_is_not_read_for_a_fingerprint_that_nobody_asks_for(A, monkeypatch):
    asked = []
    plain = Given.fingerprint.find
    monkeypatch.setattr(
        Given, "fingerprint", property(lambda given: asked.append(given.name) or plain(given))
    )
    sweep(A, [2], seeds=1, max_iter=1, reference=A, backend="numpy")
    assert asked == []
