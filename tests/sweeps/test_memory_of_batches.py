"""Batches fit into the memory that was planned for them, and are halved where it is short."""

import tracemalloc

import numpy as np
import pytest
from conftest import CUPY, VARIANTS, assert_equals_single_runs

from nmf_accel import backends, nmf, sweep
from nmf_accel.core import bytes_needed
from nmf_accel.core.loop import Loop
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.progress import Progress
from nmf_accel.sweeps import packing

RUNS, RANK = 4, 40


def planned(A, backend, dtype, solver, inner):
    """The packing of some runs, the runs, and the bytes that they may take beside A."""
    problem = prepare(Given(A), dtype, backend)
    options = {"rank": RANK, "max_iter": 3, "solver": solver, "inner": inner}
    runs = [Options(seed=seed, **options) for seed in range(RUNS)]
    return packing.Packing(problem), runs, bytes_needed(problem, runs[0], RUNS)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).random((150, 220))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("backend", ["numpy", "strict"])
@pytest.mark.parametrize(("solver", "inner"), VARIANTS)
def test_the_plan_holds(noise, backend, dtype, solver, inner):
    pack, runs, plan = planned(noise, backend, dtype, solver, inner)
    list(pack.run(runs, Progress()))  # imports, kernels, caches
    tracemalloc.start()
    list(pack.run(runs, Progress()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= plan


@pytest.mark.standin
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("solver", "inner"), VARIANTS)
def test_the_plan_holds_on_a_gpu(noise, dtype, solver, inner, cupy, ledger, monkeypatch):
    from nmf_accel.backends import replaying
    from nmf_accel.backends.cupy_backend import workspace

    monkeypatch.setattr(replaying, "WARM_UP", 0)
    monkeypatch.setattr(replaying, "SHORTEST", 1)
    monkeypatch.setattr("test_memory_of_batches.RANK", 20)
    pack, runs, plan = planned(noise[:20, :30], "cupy", dtype, solver, inner)
    list(pack.run(runs[:1], Progress()))
    backends.get("cupy").release_memory()
    free, total = cupy.cuda.Device().mem_info
    # cuBLAS's workspaces come beside it, one for each graph.
    allowed = plan + 2 * workspace.CAPTURED
    monkeypatch.setattr(ledger.machine, "memory", total - free + allowed)
    assert len(next(pack.run(runs, Progress()))) == RUNS, "the batch was halved"


class Total(Progress):
    """How much was done, all in all."""

    def __init__(self):
        self.done = 0.0

    def add(self, work, note=""):
        self.done += work


@pytest.fixture
def started(monkeypatch):
    """The sizes of the batches tried; there is no memory for one of more than two runs."""
    sizes = []
    start = packing.Packing.start

    def start_if_small(self, runs, size):
        batch = start(self, runs, size)
        sizes.append(batch.records.going.size)
        if sizes[-1] > 2:
            next(iter(batch))  # so far it went
            raise MemoryError("all is taken")
        return batch

    monkeypatch.setattr(packing.Packing, "start", start_if_small)
    return sizes


def test_a_batch_that_finds_no_memory_is_halved(backend, sprites, started):
    A = sprites[:, :30]
    result = sweep(A, [3], seeds=5, max_iter=20, backend=backend, keep="all")
    padded = backends.get(backend).recompiles_for_shapes  # with runs to throw away
    assert started == ([5, 3, 2, 2, 3, 2] if padded else [5, 3, 2, 1, 2])
    assert_equals_single_runs(result, A, backend, max_iter=20)


def test_the_bar_counts_what_was_done_once(sprites, started):
    problem, bar = prepare(Given(sprites[:, :30]), backend="numpy"), Total()
    runs = [Options(rank=3, seed=seed, max_iter=20) for seed in range(5)]
    pack = packing.Packing(problem)
    assert sum(map(len, pack.run(runs, bar))) == 5
    assert bar.done == pytest.approx(sum(map(pack.cost, runs)))


NEEDS = r"a run of rank 3 with solver='hals' takes about [\d,]+ bytes .* but [\d,]+ are free on "


@pytest.mark.parametrize("run", [nmf, sweep])
def test_a_single_run_says_what_it_needs(run, sprites, monkeypatch):
    def advance(self, count):
        raise MemoryError

    monkeypatch.setattr(Loop, "advance", advance)
    ranks = 3 if run is nmf else [3]
    with pytest.raises(MemoryError, match=NEEDS + ".*; take dtype='float32' or a smaller rank"):
        run(sprites[:, :30], ranks, solver="hals", backend="numpy")
    with pytest.raises(MemoryError, match="; take a smaller rank"):
        run(sprites[:, :30], ranks, solver="hals", backend="numpy", dtype="float32")


@pytest.mark.parametrize("run", [nmf, sweep])
def test_other_errors_stay_what_they_are(run, sprites, monkeypatch):
    def advance(self, count):
        raise RuntimeError("something else")

    monkeypatch.setattr(Loop, "advance", advance)
    with pytest.raises(RuntimeError, match="something else"):
        run(sprites[:, :30], 3 if run is nmf else [3], backend="numpy")


@pytest.mark.standin
@pytest.mark.parametrize("backend", [CUPY])
def test_a_device_that_is_fuller_than_it_seemed(backend, sprites, cupy, ledger, monkeypatch):
    A = sprites[:, :30]
    options = {"max_iter": 20, "backend": backend}
    expected = sweep(A, [20], seeds=8, keep="all", **options)
    one = bytes_needed(prepare(Given(A), backend=backend), Options(rank=20))
    sizes, start = [], packing.Packing.start

    def noted(self, runs, size):
        sizes.append(size)
        return start(self, runs, size)

    monkeypatch.setattr(packing.Packing, "start", noted)
    monkeypatch.setattr(packing, "runs_per_batch", lambda problem, run, count, *more: count)
    backends.get(backend).release_memory()
    free, total = cupy.cuda.Device().mem_info
    monkeypatch.setattr(ledger.machine, "memory", total - free + A.nbytes + one)
    found = sweep(A, [20], seeds=8, keep="all", **options)
    assert sizes[0] == 8
    assert max(sizes[1:], default=8) < 8
    for key, result in found.factorizations.items():
        np.testing.assert_allclose(result.W, expected.factorizations[key].W, rtol=1e-10)
    ones = cupy.ones((4, 4))
    monkeypatch.setattr(ledger.machine, "memory", total)
    backends.get(backend).release_memory()
    free, total = cupy.cuda.Device().mem_info
    monkeypatch.setattr(ledger.machine, "memory", total - free + 4000)
    with pytest.raises(MemoryError, match=r"a run of rank 2000 .* are free on Stand-in"):
        nmf(ones, 2000, max_iter=20)
