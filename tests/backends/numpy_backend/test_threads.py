"""NumPy's threads share out the runs of a batch, and every run makes every iteration."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from conftest import THREADS, assert_equals_single_runs, blas_threads
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from nmf_accel import backends, sweep
from nmf_accel.backends.numpy_backend import runs, threads, ways
from nmf_accel.core import Loop
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS
from nmf_accel.matrices import Dense, RawSparse
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.types import NO_WALKS, Walks

pytestmark = pytest.mark.usefixtures("no_walks", "three_threads")
NUMPY = backends.get("numpy")


def dense(A):
    return Dense(A, NUMPY)


def sparse(A):
    return NUMPY.matrix(RawSparse(csr_array(A), NUMPY))


@dataclass(frozen=True)
class Step:
    """Adds A[0, 0] to each run of a state (x,), and does something besides."""

    also: Any = lambda x: None
    measures: int = 1
    walks: Walks = NO_WALKS

    def __call__(self, state, A):
        (x,) = state
        self.also(x)
        return (x + A.array[0, 0],), (x[:, 0, 0],)

    def unmeasured(self, state, A):
        return self(state, A)[0]


def iterate(runs, also, count, record_every=None):
    """Run r of the start is r everywhere."""
    x = np.arange(float(runs))[:, None, None] * np.ones((runs, 2, 5))
    return NUMPY.iterate(Step(also), (x,), (dense(np.ones((3, 5))),), count, record_every)


@pytest.fixture
def seen():
    """What `look` saw of every step: (thread, first run, how many, threads of its BLAS)."""
    return []


@pytest.fixture
def look(seen):
    def also(x):
        seen.append((threading.get_ident(), x[0, 0, 0], x.shape[0], blas_threads()))

    return also


def test_each_thread_iterates_its_share(seen, look):
    (x,), measured = iterate(6, look, 4)
    np.testing.assert_array_equal(x[:, 1, 2], np.arange(6) + 4)
    np.testing.assert_array_equal(measured[:, 0], np.arange(4)[:, None] + np.arange(6))
    firsts = sorted(step[1] for step in seen)
    assert firsts == sorted([*range(4), *range(2, 6), *range(4, 8)])
    assert {step[2:] for step in seen} == {(2, 1)}
    assert len({step[0] for step in seen}) <= THREADS
    assert blas_threads() == THREADS


@pytest.mark.parametrize("meeting", [1, 60, 10**9])
@pytest.mark.parametrize("limit", [1, THREADS])
def test_few_runs_have_the_threads_of_blas_that_their_products_are_worth(
    seen, look, limit, meeting, monkeypatch
):
    # A product of 2 runs of 2 rows with 15 entries is 120 operations.
    monkeypatch.setattr(ways, "here", lambda: ways.Machine(limit, meeting=meeting, python=10**9))
    with threadpool_limits(limit, "blas"):
        iterate(2, look, 4)
    allowed = min(limit, {1: THREADS, 60: 2, 10**9: 1}[meeting])
    assert seen == [(threading.get_ident(), k, 2, allowed) for k in range(4)]
    assert blas_threads() == THREADS


def test_a_second_caller_goes_without_and_leaves_the_threads_of_blas(seen, look):
    with threads.crew(THREADS) as crew:
        assert crew is not None
        with threadpool_limits(THREADS, "blas"):
            other = threading.Thread(target=iterate, args=(6, look, 1))
            other.start()
            other.join()
    assert seen == [(other.ident, 0, 6, THREADS)]
    assert blas_threads() == THREADS


def test_a_call_within_a_call_knows_how_many_threads_there_are(seen, look):
    with NUMPY.sized_for(1):
        assert blas_threads() == 1
        iterate(6, look, 1)
        assert blas_threads() == 1
    assert len(seen) == THREADS
    assert blas_threads() == THREADS


def test_threads_that_are_kept_serve_one_crew_after_another_and_end():
    def of_a_crew():
        with threads.crew(THREADS) as crew:
            crew.each(lambda _: time.sleep(0.01), range(THREADS))
            return set(crew.pool._threads)

    with threads.keeping():
        first = of_a_crew()
        with threads.keeping():
            assert of_a_crew() == first
        assert all(x.is_alive() for x in first)
        with threads.crew(THREADS):
            assert not of_a_crew() & first  # a crew within a crew has its own
        later = of_a_crew()
    assert not any(x.is_alive() for x in first | later)
    assert blas_threads() == THREADS


def test_a_batch_of_a_sweep_keeps_its_threads(monkeypatch):
    made = []

    def pool(*args, **options):
        made.append(ThreadPoolExecutor(*args, **options))
        return made[-1]

    monkeypatch.setattr(threads, "ThreadPoolExecutor", pool)
    A = np.random.default_rng(0).random((20, 30))
    sweep(A, [2], 12, max_iter=6, tol=1e-9, check_every=1, backend="numpy")
    assert len(made) == 1
    assert not any(x.is_alive() for x in made[0]._threads)
    assert blas_threads() == THREADS


@pytest.mark.parametrize(("count", "stride"), [(1, None), (2, 1), (7, None), (1, 2), (4, 10)])
@pytest.mark.parametrize(("runs", "size"), [(4, 1), (5, 1), (7, 2), (8, 2), (9, 3), (10, 3)])
def test_every_run_makes_every_iteration(seen, look, runs, size, count, stride):
    (x,), measured = iterate(runs, look, count, stride)
    stride = stride or 1
    np.testing.assert_array_equal(x[:, 1, 2], np.arange(runs) + count * stride)
    times = np.arange(1, count + 1)[:, None] * stride - 1
    np.testing.assert_array_equal(measured[:, 0], times + np.arange(runs))
    assert {step[3] for step in seen} == {1}
    assert max(step[2] for step in seen) == size


def test_a_run_left_over_is_passed_on():
    """Fails as long as a thread of its own waits for all of a run."""
    meeting = threading.Barrier(THREADS)

    def meet(x):
        # Of four runs in 30 iterations each, three at a time are under way to the end.
        meeting.wait(timeout=30)

    (x,), _ = iterate(4, meet, 30)
    np.testing.assert_array_equal(x[:, 0, 0], np.arange(4) + 30)


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_the_bits_do_not_depend_on_where_chunks_end(sprites, solver):
    problem = prepare(Given(sprites[:, :40]), backend="numpy")
    starts = [problem.draw(4, seed, "random") for seed in range(7)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    found = []
    for chunks in ([20], [1] * 20, [3, 5, 12]):
        start = problem.start(FROBENIUS, W0, H0)
        loop = Loop(problem, Quiet(SOLVERS[solver].make(1)), start, 1e-9, loss=FROBENIUS)
        measured = np.concatenate([loop.advance(count) for count in chunks])
        found.append((measured, *loop.state))
    for other in found[1:]:
        assert all(np.array_equal(x, y) for x, y in zip(found[0], other, strict=True))


@pytest.mark.parametrize("solver", ["mu", "hals", "bpp"])
def test_results_are_those_of_single_runs(sprites, solver, monkeypatch):
    stacks, iterate = [], runs.iterate

    def watched(crew, step, state, *more):
        stacks.append(runs.stacks(state[0].shape[0], crew.several))
        return iterate(crew, step, state, *more)

    monkeypatch.setattr(runs, "iterate", watched)
    A = sprites[:, :40]
    settings = {"max_iter": 40, "tol": 1e-3, "solver": solver}
    result = sweep(A, [4], seeds=7, backend="numpy", keep="all", **settings)
    assert 4 in stacks
    assert_equals_single_runs(result, A, "numpy", **settings)


def test_results_are_those_of_single_runs_on_punks(punks):
    settings = {"max_iter": 1000}
    result = sweep(punks, [16], seeds=7, backend="numpy", keep="all", **settings)
    with threadpool_limits(1, "blas"):  # three on two cores would take turns at every product
        assert_equals_single_runs(result, punks, "numpy", **settings)


@pytest.mark.parametrize("size", [1, 2])
def test_a_run_that_fails_fails_the_call_at_once(size):
    steps = []

    def fail(x):
        steps.append(1)
        if x.shape[0] == size and x[0, 0, 0] == 5:
            raise MemoryError("this run")
        time.sleep(0.001)

    with pytest.raises(MemoryError, match="this run"):
        iterate(7, fail, 1000)  # one run, and three stacks of two
    assert len(steps) < 300, "the others went on"
    assert blas_threads() == THREADS


@pytest.mark.parametrize("runs", [6, 7])
def test_ctrl_c_ends_the_other_shares_too(runs):
    steps = []

    def interrupt(x):
        steps.append(1)
        if len(steps) == 3:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        iterate(runs, interrupt, 200)
    assert len(steps) < 300, "the shares went on to their end"
    assert blas_threads() == THREADS
    assert len(iterate(6, steps.append, 1)[0][0]) == 6


def test_the_callers_errstate_holds_in_every_share():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        iterate(6, lambda x: (x + 1) * 1e308 * 10, 1)
