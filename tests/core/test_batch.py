"""What a batch measures, keeps and tells of its runs, whatever the solver."""

import numpy as np
import pytest
from reference import kkt_residual, squares
from scipy.sparse import csr_array

from nmf_accel import nmf
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.core import Batch, Loop
from nmf_accel.core import batch as module
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options

RNG = np.random.default_rng(0)
A = RNG.random((9, 7)) @ RNG.random((7, 8)) + RNG.random((9, 8))


def batch_of(A=A, runs=1, rank=2, dtype=None, record_every=1, checked=False, weights=None, **more):
    """A batch of runs of A."""
    problem = prepare(Given(A, weights=weights), dtype, backend="numpy")
    starts = [problem.draw(rank, seed, "random") for seed in range(runs)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    options = Options(rank=rank, **more)
    return Batch(problem, options, W0, H0, record_every=record_every, checked=checked)


@pytest.mark.parametrize("stop", ["error", "descent"])
def test_without_tol_nothing_is_measured_for_it(stop):
    batch = batch_of(solver="hals", stop=stop, max_iter=6, record_every=3)
    assert batch.watch is None
    assert batch.records.first is None
    assert list(batch) == [3, 3]
    result = batch.result()
    assert result.errors.size == 2
    assert result.stride == 3
    assert result.kkt is None


def test_what_is_relative_to_the_first_iteration_is_recorded_from_there():
    options = {"solver": "hals", "stop": "descent", "max_iter": 6, "tol": 1e-9, "record_every": 3}
    assert batch_of(**options).records.every == 1
    assert batch_of(**{**options, "stop": "kkt"}).records.every == 3
    assert batch_of(**{**options, "stop": "error"}).records.every == 3


def test_a_residual_is_told_where_one_was_measured():
    batch = batch_of(solver="hals", stop="kkt", max_iter=4, tol=1e-9)
    list(batch)
    assert batch.result().kkt == batch.records.watched[0] > 0
    other = batch_of(solver="hals", stop="descent", max_iter=4, tol=1e-9)
    list(other)
    assert other.result().kkt is None, "what descent met is none"


def test_the_residual_of_the_end_is_that_of_the_objective_with_its_penalties():
    penalties = {"l1_H": 0.2, "l2_H": 0.3, "l1_W": 0.1, "l2_W": 0.05}
    batch = batch_of(solver="hals", max_iter=5, **penalties)
    list(batch)
    result = batch.certified()
    expected = kkt_residual(result.W, result.H, squares(A), None, ((0.2, 0.3), (0.1, 0.05)))
    assert result.kkt == pytest.approx(expected, rel=1e-8)


def test_a_chunk_ends_at_each_check_where_somebody_looks():
    assert list(batch_of(max_iter=7, check_every=3, checked=True)) == [3, 3, 1]
    assert list(batch_of(max_iter=7, check_every=3))[:2] == [1, 6], "nobody does"


def test_seconds_are_those_of_the_loop_and_not_of_who_looks_at_it(monkeypatch):
    class Clock:
        now = 50.0

        def perf_counter(self):
            return self.now

    clock, advance = Clock(), Loop.advance

    def slow(loop, count):
        clock.now += count * loop.state[0].shape[0]  # one second for each run
        return advance(loop, count)

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Loop, "advance", slow)
    batch = batch_of(runs=3, max_iter=5, check_every=2, checked=True)
    for _ in batch:
        clock.now += 1000
    assert batch.records.seconds.tolist() == [5.0, 5.0, 5.0]
    assert [batch.result(r).seconds for r in range(3)] == [5.0, 5.0, 5.0]
    assert batch.result(1).seconds_per_iteration == 1.0


class TestOverflow:
    """It is said, with the iteration before; what was recorded in vain does not count."""

    @pytest.fixture
    def spoil(self, monkeypatch):
        """``spoil(chunk, record)``: what the loop records there is no number."""
        advance = Loop.advance

        def at(chunk, record):
            left = [chunk]

            def spoilt(loop, count):
                recorded = advance(loop, count)
                left[0] -= 1
                if left[0] == 0:
                    recorded[record] = np.inf
                return recorded

            monkeypatch.setattr(Loop, "advance", spoilt)

        return at

    @pytest.mark.parametrize("record_every", [1, 2, 4])
    def test_it_names_the_last_iteration_that_was_seen_to_be_right(self, spoil, record_every):
        spoil(2, -1)
        batch = batch_of(max_iter=8, check_every=4, checked=True, record_every=record_every)
        with pytest.raises(FloatingPointError, match="overflowed float64 after iteration 4; scale"):
            list(batch)

    @pytest.mark.parametrize("record_every", [1, 2, 3])
    def test_a_last_record_that_is_shorter_counts_too(self, spoil, record_every):
        spoil(1, -1)
        batch = batch_of(max_iter=5, tol=1e-300, check_every=5, record_every=record_every)
        with pytest.raises(FloatingPointError, match="after iteration 0; scale"):
            list(batch)


def test_runs_leave_the_loop_once_a_part_of_it_is_done(monkeypatch):
    batch = batch_of(runs=4, max_iter=4)
    monkeypatch.setattr(type(batch.problem.backend), "idle_part", 0.5)
    next(iter(batch))
    factors = [batch.result(r).W for r in range(4)]
    for stopped, left in (([3], [0, 1, 2, 3]), ([3, 1], [0, 2]), ([3, 1, 2], [0])):
        batch.records.going[stopped] = False
        batch._keep_stopped()
        batch._compact()
        assert batch.slots.tolist() == left
        assert batch.loop.state[0].shape[0] == len(left)
        for r in range(4):
            np.testing.assert_array_equal(batch.result(r).W, factors[r])
    assert sorted(batch.kept) == [1, 2, 3]


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "apg"},
        {"solver": "bpp"},
        {"solver": "hals", "inner": 5},
        {"solver": "mu", "inner": 3},
        {"solver": "hals", "extrapolate": True},
        {"solver": "hals", "weights": RNG.random(A.shape)},
        {"loss": 0.5},
    ],
    ids=["apg", "bpp", "repeated", "mu repeated", "extrapolated", "weights", "divergence"],
)
def test_columns_are_in_blocks_where_that_changes_nothing(options, monkeypatch):
    expected = nmf(A, 2, max_iter=8, backend="numpy", **options)
    monkeypatch.setattr(ways, "way_for", lambda *args, **kw: ways.ByColumns(2, 3))
    found = nmf(A, 2, max_iter=8, backend="numpy", **options)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-9)
    np.testing.assert_allclose(found.W, expected.W, rtol=1e-7)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_the_operations_of_an_iteration_are_those_of_its_products(kind):
    """Each product of an (a, b) and a (b, c) matrix is a b c sums and as many products."""
    B = np.array(A)
    B[RNG.random(B.shape) < 0.4] = 0
    B[0], B[:, 0] = 1.5, 2.5  # so no row or column is zero
    (m, n), d = B.shape, 3
    with_A = 2 * d * (m * n if kind is np.asarray else np.count_nonzero(B))
    of_H = with_A + 2 * d * m * d + 2 * d * d * n  # Wᵀ A, Wᵀ W, (Wᵀ W) H
    of_W = with_A + 2 * d * n * d + 2 * m * d * d  # A Hᵀ, H Hᵀ, W (H Hᵀ)
    problem = prepare(Given(kind(B)), backend="numpy")
    assert problem.flops(d) == of_H + of_W
    assert problem.product(d) == with_A
    assert problem.product(d, 5) == 5 * with_A
    result = nmf(kind(B), d, max_iter=1, backend="numpy")
    assert result.flops_per_iteration == of_H + of_W
    # Of moving both factors once, each of whose entries needs d products.
    assert problem.products_to_repeat(d) == with_A / (d * d * (m + n))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_least_bytes_of_an_iteration_are_what_is_read_and_written(dtype):
    (m, n), d, runs, size = A.shape, 3, 4, np.dtype(dtype).itemsize
    problem = prepare(Given(A), dtype, "numpy")
    of_A, of_factors = size * m * n, size * runs * d * (m + n)
    # A is read for each factor; each factor is read twice, and written.
    assert problem.moved(d, runs) == 2 * of_A + 2 * of_factors + of_factors
    assert problem.moved(d) == 2 * of_A + 3 * of_factors / runs


def test_products_with_a_are_given_over_all_of_its_columns():
    B = np.array(A)
    B[2], B[:, 5] = 0, 0
    W = RNG.random((2, 9, 3))
    found = prepare(Given(B), backend="numpy").correlate(W)
    assert found.shape == (2, 3, 8)
    for r in range(2):
        np.testing.assert_allclose(found[r], W[r].T @ B, rtol=1e-12)


def test_what_errors_are_is_written_down_where_entries_have_weights():
    weighted, plain = batch_of(weights=RNG.random(A.shape)), batch_of()
    assert (
        weighted.settings["errors_are"] == Options(rank=2).objective.on(weighted.problem.A).symbol
    )
    assert "errors_are" not in plain.settings
