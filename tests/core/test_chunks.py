"""How many iterations a loop makes between two looks at it, by a clock that is played."""

import numpy as np
import pytest

from nmf_accel.backends.base import LONGEST_CHUNK, UNROLLED
from nmf_accel.core import loop as module
from nmf_accel.core.loop import MOST_CHECKS, chunks


class Played:
    """A loop whose iterations take a given time of a clock that stands still otherwise."""

    def __init__(self, takes, record_every=1, elsewhere=1.0):
        self.now, self.takes, self.record_every = 100.0, takes, record_every
        self.elsewhere = elsewhere  # by what a clock of another process is faster
        self.at, self.before = ((), 0), None

    def perf_counter(self):
        return self.now

    def agreed(self, seconds):
        return seconds * self.elsewhere

    def advance(self, count):
        assert self.before == self.at, "there is a way back to where the chunk began"
        self.now += count * self.takes
        self.at = (), self.at[1] + count
        return np.zeros((-(-count // self.record_every), 1, 1))


@pytest.fixture
def lengths(monkeypatch):
    """``lengths(max_iter, takes, record_every, …)``: the lengths of all chunks."""

    def of(max_iter, takes=0.001, record_every=1, outside=0.0, elsewhere=1.0, **options):
        loop, found = Played(takes, record_every, elsewhere), []
        monkeypatch.setattr(module, "time", loop)
        for count, recorded in chunks(loop, max_iter, **options):
            assert len(recorded) == -(-count // record_every) <= LONGEST_CHUNK
            found.append(count)
            loop.now += outside
        assert sum(found) == max_iter == loop.at[1]
        return found

    return of


def test_without_checks_a_chunk_takes_about_the_seconds_asked_for(lengths):
    found = lengths(1000, seconds=0.1)
    assert found[:2] == [1, 10], "it grows tenfold at most"
    whole = 100 // UNROLLED * UNROLLED
    assert found[2:-1] == [whole] * (len(found) - 3)
    assert lengths(20, takes=0.04) == [1, *[2] * 9, 1], "of 0.1 seconds by default"
    assert lengths(4, takes=1.0) == [1] * 4, "one takes longer than asked for"
    assert lengths(4, takes=0.0) == [1, 3]


def test_what_is_done_between_chunks_counts(lengths):
    assert max(lengths(200, seconds=0.1)) == 96
    assert max(lengths(200, seconds=0.1, outside=0.05)[:-1]) < 60


def test_chunks_longer_than_a_backend_prepares_at_once_are_multiples_of_that(lengths):
    for iterations, whole in ((15, 15), (16, 16), (17, 16), (40, 32)):
        some = lengths(300, takes=2**-10, seconds=iterations * 2**-10)[3:-1]
        assert set(some) == {whole}, "it is 16"
    assert UNROLLED == 16


@pytest.mark.parametrize("record_every", [1, 3, 7])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 20, 5000])
def test_a_chunk_is_of_whole_records_but_for_the_last(lengths, record_every, max_iter):
    for every in (None, 2, 5, 900):
        found = lengths(max_iter, takes=1e-9, record_every=record_every, every=every)
        starts = np.cumsum([0, *found])[:-1]
        assert not (starts % record_every).any()
        assert max(found) <= LONGEST_CHUNK * record_every


def test_with_checks_a_chunk_ends_at_each(lengths):
    assert lengths(20, every=6) == [6, 6, 6, 2]
    assert lengths(600, every=300) == [256, 44] * 2
    assert lengths(9, record_every=2, every=3) == [2, 2, 2, 2, 1]


def test_a_chunk_goes_ahead_of_as_many_checks_as_the_time_allows(lengths):
    found = lengths(5000, every=2, ahead=1.0)
    assert found[:5] == [2, 8, 32, 128, 2 * MOST_CHECKS], "four times as many each time"
    assert set(found[4:-1]) == {2 * MOST_CHECKS}
    assert max(lengths(500, every=3, ahead=0.02)) == 18
    assert set(lengths(30, every=3, ahead=0.0029)) == {3}
    assert lengths(20, takes=0.0, every=2, ahead=1e9) == [2, 8, 10]


@pytest.mark.parametrize("options", [{}, {"every": 5, "ahead": 0.053}], ids=["free", "checked"])
def test_chunks_are_as_long_as_all_processes_agree(lengths, options):
    agreed = lengths(200, takes=0.004, elsewhere=0.25, **options)
    assert agreed == lengths(200, takes=0.001, **options) != lengths(200, takes=0.004, **options)
