"""The NumPy backend's threads, each with runs of its own."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from conftest import assert_parity
from scipy.sparse import csr_array
from test_sweep import assert_equals_single_runs
from threadpoolctl import threadpool_info, threadpool_limits

from nmf_accel import backends, nmf, sweep
from nmf_accel.backends import numpy_backend
from nmf_accel.backends.base import Backend
from nmf_accel.sparse import Sparse

THREADS = 3


def blas_threads():
    return max(x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas")


@pytest.fixture(autouse=True)
def _three_threads(monkeypatch):
    """Threads as on a machine with three cores, for factors of any size."""
    monkeypatch.setattr(numpy_backend, "LEAST_SHARE", 1)
    monkeypatch.setattr(numpy_backend, "LEAST_WORK", 1)
    with threadpool_limits(THREADS, "blas"):
        assert blas_threads() == THREADS
        yield


@pytest.fixture
def shares(monkeypatch):
    """The runs of every call of the loop: (thread, how many, threads of its BLAS)."""
    seen = []
    iterate = Backend.iterate

    def watched(self, step, state, constants, count):
        seen.append((threading.get_ident(), state[0].shape[0], blas_threads()))
        return iterate(self, step, state, constants, count)

    monkeypatch.setattr(Backend, "iterate", watched)
    return seen


@dataclass(frozen=True)
class Step:
    """Adds one to each run of a state (x,), and does something besides."""

    also: Any = lambda x: None
    measures: int = 1

    def __call__(self, state, amount):
        (x,) = state
        self.also(x)
        return (x + amount,), x[:, 0, 0][None]


def state(runs):
    return (np.arange(float(runs))[:, None, None] * np.ones((runs, 2, 5)),)


def test_each_thread_iterates_its_share(shares):
    (x,), measured = backends.get("numpy").iterate(Step(), state(6), (1.0,), 4)
    np.testing.assert_array_equal(x, state(6)[0] + 4)
    np.testing.assert_array_equal(measured[:, 0], np.arange(4.0)[:, None] + np.arange(6.0))
    assert [(runs, threads) for _, runs, threads in shares] == [(2, 1)] * 3
    assert threading.get_ident() not in {thread for thread, _, _ in shares}
    assert blas_threads() == THREADS


@pytest.mark.parametrize("limit", [1, THREADS])
def test_few_runs_or_one_thread_go_as_ever(shares, limit):
    with threadpool_limits(limit, "blas"):
        backends.get("numpy").iterate(Step(), state(2), (1.0,), 4)
    assert shares == [(threading.get_ident(), 2, limit)]


@pytest.mark.parametrize(
    ("runs", "together"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 6), (8, 6), (20, 20)]
)
def test_runs_that_would_keep_threads_waiting_are_a_batch_of_their_own(runs, together):
    assert backends.get("numpy").together(runs, 100) == together


@pytest.mark.parametrize("solver", ["mu", "hals", "bpp"])
def test_results_are_those_of_single_runs(sprites, shares, solver):
    A = sprites[:, :40]
    settings = {"max_iter": 40, "tol": 1e-3, "solver": solver}
    result = sweep(A, [4], seeds=7, backend="numpy", keep="all", **settings)
    assert {runs for _, runs, _ in shares} >= {1, 2}, "threads had none or all of the runs"
    assert_equals_single_runs(result, A, "numpy", **settings)


@pytest.mark.parametrize("shape", [(300, 70), (70, 300), (2, 1)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("density", [0.1, 0.01])
def test_threads_share_a_product_with_a_sparse_matrix(shape, transposed, density):
    rng = np.random.default_rng(0)
    dense = rng.random(shape) * (rng.random(shape) < density)
    A = Sparse(*backends.get("numpy").sparse(csr_array(dense)))
    with ThreadPoolExecutor(THREADS) as pool:
        shared = numpy_backend.split(A, pool, THREADS)
        assert len(shared.blocks) <= THREADS
        if density * shape[0] * shape[1] > 1000:
            assert len(shared.blocks) == THREADS
            stored = [block.nnz for _, block in shared.blocks]
            assert max(stored) < 1.5 * min(stored)
        if transposed:
            shared, dense = shared.T, dense.T
        Y = rng.random((5, dense.shape[0]))
        np.testing.assert_allclose(shared.rmatmul(Y), Y @ dense, rtol=1e-13)


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_a_sparse_matrix_gives_what_a_dense_one_does(sprites, solver, monkeypatch):
    calls = []
    split = numpy_backend.split
    monkeypatch.setattr(numpy_backend, "split", lambda *a: calls.append(1) or split(*a))
    A = sprites[:, :40]
    for given in (A, A.T):
        sparse, dense = (nmf(X, 4, max_iter=40, solver=solver) for X in (csr_array(given), given))
        assert calls
        assert_parity(sparse.W, dense.W, 1e-10)
        assert_parity(sparse.H, dense.H, 1e-10)
    assert blas_threads() == THREADS


def test_a_share_that_fails_fails_the_call():
    def fail(x):
        if x[0, 0, 0] == 2:
            raise MemoryError("the second share")

    with pytest.raises(MemoryError, match="the second share"):
        backends.get("numpy").iterate(Step(fail), state(6), (1.0,), 1)
    assert blas_threads() == THREADS


def test_ctrl_c_is_heard():
    def interrupt(x):
        if x[0, 0, 0] == 2:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        backends.get("numpy").iterate(Step(interrupt), state(6), (1.0,), 1)
    assert blas_threads() == THREADS


def test_the_callers_errstate_holds_in_every_share():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        backends.get("numpy").iterate(Step(lambda x: x * 1e308 * 1e308), state(6), (1.0,), 1)
