"""The columns of a factor in blocks give what they give at once; threads share them out."""

import threading

import numpy as np
import pytest
from conftest import blas_threads

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.losses import Quadratic
from nmf_accel.matrices import Dense

pytestmark = pytest.mark.usefixtures("no_walks", "three_threads")
NUMPY = backends.get("numpy")
RNG = np.random.default_rng(5)
A = RNG.random((7, 50))

VARIANTS = [
    {"solver": "mu"},
    {"solver": "hals"},
    {"solver": "hals", "stop": "descent", "tol": 1e-9},
    {"solver": "hals", "stop": "kkt", "tol": 1e-9, "l1_H": 0.01, "l2_W": 0.1},
    {"solver": "hals", "inner": 4},
    {"solver": "apg", "stop": "kkt", "tol": 1e-9},
    {"solver": "bpp"},
]


def dense(A):
    return Dense(A, NUMPY)


@pytest.fixture
def blocks_of(monkeypatch):
    """Sets the blocks that all iterations take."""

    def of(shares, width):
        monkeypatch.setattr(ways, "by_columns", lambda *a: ways.ByColumns(shares, width))

    return of


@pytest.mark.parametrize("blocks", [(1, 7), (3, 100), (3, 4)])
@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_results_are_those_of_all_columns_at_once(settings, blocks, blocks_of):
    expected = nmf(A, 3, max_iter=60, backend="numpy", **settings)
    blocks_of(*blocks)
    result = nmf(A, 3, max_iter=60, backend="numpy", **settings)
    assert result.n_iter == expected.n_iter
    for name in ("W", "H", "errors"):
        found, wanted = getattr(result, name), getattr(expected, name)
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-12)
    assert result.kkt == pytest.approx(expected.kkt, rel=1e-6)


def moved(shares, width, n=50, function=None):
    """What `over_columns` gives, and the columns and thread of each call."""
    seen, X = [], np.arange(2.0 * n).reshape(1, 2, n)

    def move(X, along):
        seen.append((X.shape[-1], threading.get_ident(), blas_threads()))
        if function is not None:
            function()
        total = along.array.sum() if isinstance(along, Dense) else along.N.sum()
        return X + 1, (np.asarray([total]), (np.ones(1),))

    with ways.ByColumns(shares, width).at_work(dense(A)):
        for along in (dense(np.arange(n * 3.0).reshape(3, n)), Quadratic(X, np.eye(2)[None])):
            new, (total, (count,)) = NUMPY.over_columns(move, X, along)
            np.testing.assert_array_equal(new, X + 1)
            whole = along.array.sum() if isinstance(along, Dense) else along.N.sum()
            np.testing.assert_allclose(total, [whole])
    return seen, count


def test_every_column_is_moved_once_and_sums_are_of_all():
    for n in (4, 50, 51):
        for shares, width in ((1, 1), (1, 1000), (3, 5), (3, 1000)):
            seen, count = moved(shares, width, n)
            assert count == len(seen) / 2
            assert sum(size for size, *_ in seen) == 2 * n


def test_threads_share_them_with_blas_on_one():
    meeting = threading.Barrier(3)
    seen, _ = moved(3, 10, 30, lambda: meeting.wait(timeout=30))
    assert {size for size, *_ in seen} == {10}
    assert len({thread for _, thread, _ in seen}) == 3
    assert {blas for *_, blas in seen} == {1}
    assert blas_threads() == 3


def test_a_share_that_fails_fails_the_call():
    def fail():
        if threading.current_thread() is not threading.main_thread():
            raise FloatingPointError("a share")

    with pytest.raises(FloatingPointError, match="a share"):
        moved(3, 10, 30, fail)
    assert blas_threads() == 3


def test_the_callers_errstate_holds_in_every_share():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        moved(3, 10, 30, lambda: np.asarray([1e308]) * 10)


def test_a_result_is_the_same_each_time(blocks_of):
    blocks_of(3, 5)
    first, second = (nmf(A, 3, solver="hals", max_iter=30, backend="numpy") for _ in range(2))
    assert np.array_equal(first.W, second.W)
    assert np.array_equal(first.errors, second.errors)
