"""BLAS has as many threads after a call as before it, whatever happens meanwhile."""

import os
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import THREADS, blas_threads, run_python

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import columns, threads, ways

pytestmark = pytest.mark.usefixtures("no_walks", "three_threads")
NUMPY = backends.get("numpy")


def test_columns_are_not_shared_while_another_caller_holds_blas(monkeypatch):
    """They would be three on the cores that the other caller's are at."""
    monkeypatch.setattr(ways, "by_columns", lambda *a: ways.ByColumns(THREADS, 5))
    held, done = threading.Event(), threading.Event()

    def other():
        with threads.hold():
            held.set()
            done.wait(timeout=30)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(timeout=30)
    over = columns.over_columns

    def let_go(*args):
        assert done.is_set() or columns.current.get() is None
        done.set()
        thread.join()
        return over(*args)

    monkeypatch.setattr(columns, "over_columns", let_go)
    nmf(np.ones((4, 60)), 2, max_iter=2, solver="hals", backend="numpy")
    assert done.is_set()
    assert blas_threads() == THREADS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_anew():
    done = run_python(  # a process without JAX, which warns of forks
        """
import os, numpy
from threadpoolctl import threadpool_info, threadpool_limits
from nmf_accel.backends.numpy_backend import threads

def blas():
    return max(x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas")

threadpool_limits(3, "blas")
with threads.hold():
    child = os.fork()
    if not child:
        free = blas() == threads.available() == 3
        with threads.hold() as held:
            os._exit(0 if free and held and blas() == 1 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), blas())
"""
    )
    assert done.stdout.split() == ["0", "3"], done.stderr


def test_threads_of_blas_are_as_they_were_after_an_error():
    with pytest.raises(MemoryError), NUMPY.sized_for(1):
        raise MemoryError
    assert blas_threads() == THREADS


class Counting:
    """A BLAS that counts its threads for each of ours, as MKL may."""

    def __init__(self, threads):
        self.mine = threading.local()
        self.threads, self.lib_controllers = threads, [self]

    @property
    def num_threads(self):
        return getattr(self.mine, "threads", self.threads)

    @contextmanager
    def at(self, before, limits):
        yield
        self.mine.threads = before

    def limit(self, limits):
        before, self.mine.threads = self.num_threads, limits
        return self.at(before, limits)


def test_each_of_ours_holds_a_blas_that_counts_for_each(monkeypatch):
    blas = Counting(4)
    monkeypatch.setattr(threads, "_blas", lambda: blas)
    meeting = threading.Barrier(4)

    def look(part):
        meeting.wait(timeout=30)
        return blas.num_threads, threading.get_ident()

    with threads.crew(4) as crew:
        found = crew.each(look, range(4))
        assert threads.available() == 4
    assert {told for told, _ in found} == {1}
    assert len({thread for _, thread in found}) == 4
    assert blas.num_threads == 4


def test_blas_is_held_to_as_many_as_are_asked_for():
    with threads.hold(2):
        assert (blas_threads(), threads.available()) == (2, THREADS)
        with threads.hold():
            assert (blas_threads(), threads.available()) == (1, THREADS)
        assert blas_threads() == 2
    assert blas_threads() == THREADS


def test_a_worker_uses_no_more_than_it_is_told():
    """Nor do those within; and no more than there are."""
    with threads.at_most(2):
        assert (blas_threads(), threads.available()) == (2, 2)
        with threads.at_most(1):
            assert (blas_threads(), threads.available()) == (1, 1)
    with threads.at_most(9):
        assert (blas_threads(), threads.available()) == (THREADS, THREADS)
    assert (blas_threads(), threads.available()) == (THREADS, THREADS)
