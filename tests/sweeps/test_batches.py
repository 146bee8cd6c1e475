"""Runs are cut into batches that are few and equal, and the bar tells how far they are."""

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.core import bytes_needed
from nmf_accel.core.loop import Loop
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.progress import Progress
from nmf_accel.sweeps.memory import kept_bytes, runs_per_batch
from nmf_accel.sweeps.packing import Packing

A = np.random.default_rng(0).random((12, 9))


class Told(Progress):
    """What a bar was told: work, and notes without repeats."""

    def __init__(self):
        self.done, self.notes = 0.0, []

    def add(self, work, note=""):
        self.done += work
        if note not in self.notes[-1:]:
            self.notes.append(note)


@pytest.fixture
def problem():
    """A, ready for the loop."""
    return prepare(Given(A), backend="numpy")


def runs_of(*ranks, seeds=5, **options):
    """Runs of these ranks."""
    return [Options(rank=d, seed=s, max_iter=20, **options) for d in ranks for s in range(seeds)]


@pytest.mark.parametrize(
    ("count", "fit", "size"),
    [(1, 1, 1), (4, 3, 2), (5, 2, 2), (7, 3, 3), (7, 4, 4), (7, 6, 4), (7, 7, 7), (6, 9, 6)],
)
def test_batches_are_few_and_about_equal(problem, count, fit, size):
    """Of seven runs, of which six would fit at once: four and three."""
    (run,) = runs_of(3, seeds=1)
    memory = problem.A.nbytes + bytes_needed(problem, run, fit)
    assert runs_per_batch(problem, run, count, memory) == size


def test_a_byte_less_holds_a_run_less(problem):
    """Nothing is taken beside what is said."""
    (run,) = runs_of(3, seeds=1)
    memory = problem.A.nbytes + bytes_needed(problem, run, 2)
    assert runs_per_batch(problem, run, 2, memory) == 2
    assert runs_per_batch(problem, run, 2, memory - 1) == 1


def test_a_run_is_tried_where_what_is_free_seems_too_little(problem, monkeypatch):
    """Since that is an estimate; what the caller set is none."""
    (run,) = runs_of(3, seeds=1)
    monkeypatch.setattr(type(problem.backend), "free_memory", lambda self: 1)
    assert runs_per_batch(problem, run, 4, None) == 1
    need = problem.A.nbytes + bytes_needed(problem, run, 1) + 70 + 50
    message = f"^memory is 1,000 bytes, but a run of rank 3 takes {need:,} here$"
    with pytest.raises(ValueError, match=message):
        runs_per_batch(problem, run, 4, 1000, beside=70, kept=50)
    assert runs_per_batch(problem, run, 4, need, beside=70, kept=50) == 1


def test_factors_that_are_kept_take_their_numbers(problem):
    """Those of both sides of A, of each run its rank."""
    assert kept_bytes(problem, runs_of(2, 5, seeds=3)) == 3 * (2 + 5) * (12 + 9) * 8
    small = prepare(Given(A), "float32", "numpy")
    assert kept_bytes(small, runs_of(2, seeds=1)) == 2 * (12 + 9) * 4


def packed(problem, run, count, **more):
    """A packing with room for so many runs like one."""
    return Packing(problem, problem.A.nbytes + bytes_needed(problem, run, count), **more)


def test_runs_of_a_rank_go_together_in_their_order(problem):
    """However ranks are mixed, and the last batch may be smaller."""
    runs = runs_of(3, 2)
    mixed = [runs[k] for k in (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)]
    packing = packed(problem, runs[0], 3)
    found = [[(x.rank, x.seed) for x in batch] for batch, _ in packing.batches(mixed)]
    assert found[:2] == [[(3, 0), (3, 1), (3, 2)], [(3, 3), (3, 4)]]
    assert [x for batch in found[2:] for x in batch] == [(2, k) for k in range(5)]


@pytest.mark.parametrize(("beside", "kept"), [(1, 0), (0, 1)])
def test_what_is_taken_already_makes_batches_smaller(problem, beside, kept):
    """By a byte, here."""
    runs = runs_of(3, seeds=4)
    plain = packed(problem, runs[0], 4)
    assert [size for _, size in plain.batches(runs)] == [4]
    assert [size for _, size in Packing(problem, plain.memory - 1).batches(runs)] == [2, 2]
    packing = packed(problem, runs[0], 4, beside=beside, kept=kept)
    assert [size for _, size in packing.batches(runs)] == [2, 2]


def test_the_bar_says_how_many_runs_are_done_and_of_which_rank_is_next(problem):
    """And before that, of what."""
    runs, bar = runs_of(3, seeds=5) + runs_of(2, seeds=1), Told()
    for results in packed(problem, runs[0], 3).run(runs, bar, "x: "):
        assert len(results) in (1, 2, 3)
    assert bar.notes == [f"x: {k}/6 runs done, rank {d}" for k, d in ((0, 3), (3, 3), (5, 2))]
    other = Told()
    list(packed(problem, runs[0], 5).run(runs[:1], other))
    assert other.notes == ["0/1 runs done, rank 3"]


def test_the_bar_is_full_where_runs_stop_by_themselves(problem):
    """What they leave undone is done as well."""
    runs, bar = runs_of(3, seeds=4, tol=0.1, check_every=1, solver="mu"), Told()
    packing = Packing(problem)
    (results,) = packing.run(runs, bar)
    assert max(result.n_iter for result in results) < 20, "or this test says nothing"
    assert bar.done == pytest.approx(sum(map(packing.cost, runs)))


def test_a_batch_that_finds_no_memory_on_its_way_is_given_back_and_halved(problem, monkeypatch):
    """What was counted of it is counted no more, and its memory is free before the next one."""
    events, advance, kind = [], Loop.advance, type(problem.backend)

    def short(loop, count):
        size = len(loop.state[0])
        events.append(size)
        if size > 2 and events.count(size) > 1:
            raise MemoryError
        return advance(loop, count)

    monkeypatch.setattr(Loop, "advance", short)
    monkeypatch.setattr(kind, "release_memory", lambda self: events.append("released"))
    runs, bar = runs_of(3, seeds=5, tol=1e-9, check_every=5), Told()
    results = [x for batch in Packing(problem).run(runs, bar) for x in batch]
    firsts = [x for k, x in enumerate(events) if x not in events[max(k - 1, 0) : k]]
    assert firsts == [5, "released", 3, "released", 2, 1, 2]
    assert bar.notes[0] == "0/5 runs done, rank 3"
    assert bar.done == pytest.approx(sum(map(Packing(problem).cost, runs)))
    for result, run in zip(results, runs, strict=True):
        single = nmf(A, 3, seed=run.seed, max_iter=20, tol=1e-9, check_every=5, backend="numpy")
        np.testing.assert_allclose(result.W, single.W, rtol=1e-9)


def test_where_shapes_are_compiled_all_batches_are_of_one_size(problem, monkeypatch):
    """The last one is filled up with runs of which nobody hears."""
    monkeypatch.setattr(type(problem.backend), "recompiles_for_shapes", True)
    runs = runs_of(3, seeds=5)
    packing, sizes, start = packed(problem, runs[0], 3), [], Packing.start

    def noted(packing, runs, size):
        batch = start(packing, runs, size)
        sizes.append(len(batch.loop.state[0]))
        return batch

    monkeypatch.setattr(Packing, "start", noted)
    results = [x for batch in packing.run(runs, Progress()) for x in batch]
    assert sizes == [3, 3]
    assert [x.settings["seed"] for x in results] == [0, 1, 2, 3, 4]
    for result, run in zip(results, runs, strict=True):
        single = nmf(A, 3, seed=run.seed, max_iter=20, backend="numpy")
        np.testing.assert_allclose(result.H, single.H, rtol=1e-9)
