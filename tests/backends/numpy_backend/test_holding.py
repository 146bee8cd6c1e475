"""BLAS has as many threads after a call as before it, whatever happens meanwhile."""

import os
import threading

import numpy as np
import pytest
from conftest import THREADS, blas_threads, run_python

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import columns, threads

pytestmark = pytest.mark.usefixtures("three_threads")
NUMPY = backends.get("numpy")


def test_columns_are_not_shared_while_another_caller_holds_blas(monkeypatch):
    """Threads of ours that started then would leave BLAS with one for ever."""
    threads.helpers.cache_clear()
    monkeypatch.setattr(columns, "blocks_for", lambda *a: columns.Blocks(THREADS, 5))
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
        done.set()
        thread.join()
        return over(*args)

    monkeypatch.setattr(columns, "over_columns", let_go)
    nmf(np.ones((4, 60)), 2, max_iter=2, solver="hals", backend="numpy")
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
