"""Who works in an iteration: what is chosen on machines of many kinds."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import shared, threads, ways
from nmf_accel.backends.numpy_backend.ways import (
    ByBLAS,
    ByColumns,
    ByProducts,
    ByRuns,
    ByWalks,
    Machine,
)
from nmf_accel.matrices import Dense, RawSparse, weigh

NUMPY = backends.get("numpy")
SILENT = Machine(64, holds=False)
MANY = [Machine(count) for count in (1, 2, 3, 8, 64, 256)]


def dense(m, n, dtype="float64"):
    """Of no memory: all entries are one."""
    return Dense(np.broadcast_to(np.ones((), dtype), (m, n)), NUMPY)


def sparse(m, n, entries):
    rows, places = np.divmod(np.arange(entries), -(-entries // m))
    A = csr_array((np.ones(entries), (rows, (rows + places) % n)), (m, n))
    return NUMPY.matrix(RawSparse(A, NUMPY))


def chosen(A, runs, rank, machine):
    return ways.way_for(A, np.broadcast_to(0.0, (runs, rank, 1)), machine)


PUNKS = dense(1700, 500)
TINY = dense(60, 40)
LARGE = dense(3000, 10_000)
TEXT = sparse(10_000, 4_000, 400_000)


@pytest.mark.parametrize("machine", [Machine(1), Machine(1, holds=False)])
def test_on_one_core_there_is_nothing_to_share(machine):
    for A in (PUNKS, TINY, TEXT):
        for runs in (1, 40):
            assert chosen(A, runs, 16, machine) == ByBLAS(1)
    # A large A is read once all the same.
    assert chosen(LARGE, 1, 16, Machine(1)) == ByColumns(1, 128)


def test_on_two_cores():
    two = Machine(2)
    assert chosen(PUNKS, 1, 64, two) == ByBLAS(2)
    assert chosen(PUNKS, 1, 4, two) == ByBLAS(1)  # 7·10⁶ operations
    assert chosen(TINY, 1000, 5, two) == ByRuns(2)
    assert chosen(TINY, 10, 5, two) == ByBLAS(1)  # 5,000 entries: all in Python
    assert chosen(PUNKS, 4, 32, two) == ByRuns(2)
    assert chosen(PUNKS, 2, 32, two) == ByBLAS(2)  # to read A for 32 rows does not pay
    assert chosen(LARGE, 1, 16, two) == ByColumns(2, 128)
    assert chosen(LARGE, 2, 128, two) == ByRuns(2)
    assert chosen(dense(3000, 1000), 1, 64, two) == ByBLAS(2)  # its sums are large
    assert chosen(TEXT, 1, 16, two) == ByProducts(2)
    assert chosen(TEXT, 1, 500, two) == ByBLAS(2)  # most work is between the products with A
    assert chosen(sparse(50, 40, 60), 1, 1, two) == ByBLAS(1)


def walked(A, runs, rank, machine):
    factors = np.broadcast_to(0.0, (runs, rank, 1))
    walks = ways.is_worth_a_walk(A, factors, 2**20)
    return ways.way_for(A, factors, machine, walks=walks)


def test_what_is_small_goes_through_compiled_loops():
    def small(A, rank, runs=1):
        return ways.is_small(A, np.broadcast_to(0.0, (runs, rank, 1)))

    assert small(by_rows(60, 40), 5)
    assert small(by_rows(64, 1797), 12)
    assert small(by_rows(60, 40), 5, 1000)
    assert small(by_rows(800, 800), 4)
    assert not small(by_rows(800, 800), 4, 2)  # which share BLAS's products
    assert not small(by_rows(900, 1400), 8)  # of 8·10⁷ operations
    assert not small(by_rows(30, 40), 33)  # of so many rows BLAS makes as much
    assert not small(by_rows(2, 40_000), 1)  # all of it is memory
    assert not small(dense(60, 40), 5)  # in no order
    assert not small(sparse(50, 40, 60), 1)


def by_rows(m, n, dtype="float64"):
    return Dense(np.zeros((m, n), dtype), NUMPY)


def test_thin_factors_walk_where_there_is_a_walk():
    two, many = Machine(2), Machine(64)
    A, narrow = by_rows(1000, 3000), by_rows(10_000, 200)
    assert chosen(A, 1, 16, two) == ByColumns(2, 262)
    assert walked(A, 1, 16, two) == ByWalks(2)
    assert walked(A, 1, 33, two) == chosen(A, 1, 33, two)  # of so many rows BLAS makes as much
    assert walked(by_rows(1000, 3000, "float32"), 1, 16, two) == ByWalks(2)
    assert walked(by_rows(1000, 3000, "float32"), 1, 17, two) == ByBLAS(2)
    assert walked(A, 40, 16, two) == ByRuns(2)
    assert walked(A, 2, 8, two) == chosen(A, 2, 8, two)  # each would read A by itself
    assert walked(by_rows(300, 300), 1, 11, two) == ByBLAS(1)  # 990,000 multiplications
    assert walked(by_rows(64, 1800), 1, 12, two) == ByWalks(1)  # 1.4·10⁶ multiplications
    assert walked(by_rows(15, 3000), 1, 12, two) == ByBLAS(1)
    assert walked(by_rows(3000, 100), 1, 12, two) == ByBLAS(1)
    assert walked(narrow, 1, 12, two) == ByBLAS(2)  # which has no columns for another thread
    assert walked(by_rows(3000, 200), 1, 12, two) == ByWalks(1)
    assert walked(A, 1, 16, many) == ByWalks(12)
    assert walked(A, 1, 4, many) == ByWalks(3)
    assert walked(dense(1700, 500), 1, 16, two) == ByBLAS(2)  # in no order
    assert walked(TEXT, 1, 16, two) == ByProducts(2)


def test_beside_a_sparse_matrix_blas_has_threads_for_products_of_factors_alone():
    """Its own products, of what is known, are not BLAS's, whose threads would be in the way."""
    known, _ = weigh(sparse(6_000, 4_000, 900_000), 1.0)
    assert chosen(known, 1, 16, Machine(2)) == ByBLAS(1)
    assert chosen(known, 1, 64, Machine(64)) == ByBLAS(5)


def test_many_cores_are_given_what_keeps_them_at_work():
    many = Machine(64)
    assert chosen(PUNKS, 20, 64, many) == ByBLAS(64)
    assert chosen(PUNKS, 2, 16, many) == ByBLAS(6)
    assert chosen(TINY, 1000, 5, many) == ByRuns(7)
    assert chosen(LARGE, 1, 4, many) == ByColumns(62, 87)  # the sums of more would be large
    assert chosen(TEXT, 1, 64, many) == ByProducts(7)
    # Of these products BLAS does nothing, however many threads it has.
    wide = sparse(100_000, 40_000, 10_000_000)
    for count in (8, 16, 64):
        assert chosen(wide, 1, 64, Machine(count)) == ByProducts(8)
    assert chosen(wide, 1, 64, SILENT) == ByProducts(8)


@pytest.mark.parametrize("A", [PUNKS, TINY, LARGE, TEXT, dense(24, 10**6, "float32")], ids=str)
@pytest.mark.parametrize("rank", [1, 8, 64])
@pytest.mark.parametrize("runs", [1, 7, 100])
def test_nobody_has_too_little_to_do(A, runs, rank):
    for machine in MANY:
        way = chosen(A, runs, rank, machine)
        each = 2 * A.entries * runs * rank / way.several
        assert 1 <= way.several <= machine.threads
        if type(way) is ByBLAS and way.several > 1:
            assert each >= machine.meeting
        if isinstance(way, ByRuns):
            assert way.several <= runs
            assert runs * rank * sum(A.shape) >= way.several**2 * machine.python
        if isinstance(way, ByColumns):
            sums = way.several * runs * rank * (A.shape[0] + rank) * A.dtype.itemsize
            assert sums <= machine.fresh * A.nbytes
            assert way.several * way.width <= A.shape[1]


def test_a_machine_with_more_threads_never_uses_fewer():
    for A in (PUNKS, TINY, LARGE, TEXT):
        for runs in (1, 7, 100):
            for rank in (1, 8, 64):
                several = [chosen(A, runs, rank, machine).several for machine in MANY]
                assert several == sorted(several)


def test_a_blas_that_does_not_tell_is_left_alone():
    for A in (PUNKS, TINY, LARGE):
        for runs in (1, 100):
            assert type(chosen(A, runs, 16, SILENT)) is ByBLAS
    assert chosen(TEXT, 1, 16, SILENT) == ByProducts(2)  # of scipy: one thread


def test_results_with_a_blas_that_does_not_tell(monkeypatch):
    class Silent:
        lib_controllers = ()

        def limit(self, limits):
            return threads.nullcontext()

    rng = np.random.default_rng(0)
    A = rng.random((90, 80)) * (rng.random((90, 80)) < 0.3)
    expected = [nmf(X, 3, max_iter=30, solver="hals", backend="numpy") for X in (A, csr_array(A))]
    monkeypatch.setattr(threads, "_blas", Silent)
    monkeypatch.setattr(threads, "cores", lambda: 4)
    assert ways.here() == Machine(4, holds=False)
    monkeypatch.setattr(ways, "here", lambda: Machine(4, holds=False, handing=1))
    monkeypatch.setattr(shared, "LEAST_ENTRIES", 1)
    found = [nmf(X, 3, max_iter=30, solver="hals", backend="numpy") for X in (A, csr_array(A))]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.W, other.W, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one.errors, other.errors, rtol=1e-12)
