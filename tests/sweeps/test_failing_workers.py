"""Workers that are interrupted, lost, or cannot take part: what is done stays, and is told."""

import re
import signal
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from posting import RUN, A, ByPost

from nmf_accel import Interrupted, WorkerError, Workers, sweep
from nmf_accel.backends.numpy_backend import threads
from nmf_accel.core.loop import Loop
from nmf_accel.sweeps import elsewhere, work
from nmf_accel.sweeps.elsewhere import Traffic


@pytest.fixture(scope="module")
def post():
    with ByPost(2) as executor:
        yield executor


def interrupting(monkeypatch, after, act):
    """In place of waiting for batches: act once so many have come back."""
    plain, waits = elsewhere.wait, []

    def wait(futures, **options):
        waits.append(len(futures))
        if len(waits) > after:
            plain(futures)  # so that some are done that nobody has taken in
            act()
        return plain(futures, **options)

    monkeypatch.setattr(elsewhere, "wait", wait)


@pytest.mark.parametrize("where", [None, "s"])
def test_ctrl_c_leaves_what_is_done_and_cancels_the_rest(where, tmp_path, monkeypatch):
    store, sent, plain = where and tmp_path / where, [], Traffic.send

    def send(traffic, runs):
        sent.extend((run.rank, run.seed) for run in runs)
        plain(traffic, runs)

    monkeypatch.setattr(Traffic, "send", send)
    interrupting(monkeypatch, 1, lambda: signal.raise_signal(signal.SIGINT))
    with ByPost(1) as executor, pytest.raises(Interrupted, match=r"^interrupted after ") as caught:
        sweep(A, range(2, 9), 8, executor=executor, store=store, **RUN)
    result = caught.value.result
    kept = [(row["rank"], row["seed"]) for row in result.table]
    assert 0 < len(kept) < 56
    assert kept == sorted(sent)  # also those that were finished when it came
    assert str(caught.value) == f"interrupted after {len(kept)} of 56 runs"
    assert result.best(kept[0][0]).rank == kept[0][0]
    monkeypatch.undo()
    with ByPost(1) as executor:
        whole = sweep(A, range(2, 9), 8, executor=executor, store=store, **RUN)
    assert whole.skipped == (len(kept) if where else 0)
    assert len(whole.table) == 56


def test_ctrl_c_while_a_batch_is_taken_in_cancels_the_rest(monkeypatch):
    begun, stopped, compute, stop = [], threading.Event(), work.Work.compute, Traffic.stopped

    def held_up(self, runs):
        begun.append(runs)
        if len(begun) > 1:
            stopped.wait(timeout=30)
        return compute(self, runs)

    def told(traffic):
        done = stop(traffic)
        stopped.set()
        return done

    def take_in(self, finished):
        raise KeyboardInterrupt

    monkeypatch.setattr(work.Work, "compute", held_up)
    monkeypatch.setattr(Traffic, "stopped", told)
    monkeypatch.setattr("nmf_accel.sweeps.planned.Sweep.take_in", take_in)
    with ThreadPoolExecutor(1) as executor, pytest.raises(Interrupted):
        sweep(A, range(2, 22), 2, executor=Workers(executor, count=20), **RUN)
    assert stopped.is_set()
    assert len(begun) <= 2  # one was taken in, and one was at work


class Broken(Executor):
    """One whose workers are gone, after so many batches."""

    _max_workers = 1

    def __init__(self, error, after=1):
        self.error, self.after = error, after

    def submit(self, function, *arguments):
        future = Future()
        if self.after:
            self.after -= 1
            future.set_result(function(*arguments))
        else:
            future.set_exception(self.error)
        return future


def test_a_worker_that_is_lost_leaves_what_is_finished(tmp_path):
    error = OSError("it is gone\nand more")
    said = r"^a worker of a Broken failed \(OSError: it is gone\); (\d+) of 16 runs are finished, "
    with pytest.raises(WorkerError, match=said + "and in its result$") as caught:
        sweep(A, [2, 3], 8, executor=Broken(error), **RUN)
    assert caught.value.__cause__ is error
    kept = caught.value.result
    assert len(kept.table) == int(re.match(said, str(caught.value))[1]) > 0
    assert kept.best(3).rank == 3
    said += rf"and in {tmp_path}: the same command does the rest$"
    with pytest.raises(WorkerError, match=said) as caught:
        sweep(A, [2, 3], 8, executor=Broken(error), store=tmp_path, **RUN)
    rest = sweep(A, [2, 3], 8, store=tmp_path, **RUN)
    assert rest.skipped == len(caught.value.result.table) > 0


def test_an_executor_that_takes_nothing_any_more(post):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(WorkerError, match=r"cannot schedule new futures after shutdown\); 0 of 2"):
        sweep(A, [2], 2, executor=executor, **RUN)


def test_what_a_run_ends_with_is_what_a_local_one_ends_with(post):
    """Not the workers' fault; and Dask is not to try it again."""
    options = {"solver": "apg", "max_iter": 30, "backend": "numpy", "memory": 1000}
    with pytest.raises(ValueError, match="memory is 1,000 bytes, but a run of rank 2 takes"):
        sweep(A, [2], 2, executor=post, **options)


def test_another_version_of_the_library_is_refused(post, monkeypatch):
    monkeypatch.setattr(elsewhere, "__version__", "0.0.1")
    with pytest.raises(
        WorkerError, match=r"^the worker \d+ on \S+ has nmf-accel .*, but the calle"
    ):
        sweep(A, [2], 2, executor=post, **RUN)


class Unsendable:
    """An array that no pickle holds."""

    def __init__(self):
        self.lock = threading.Lock()

    def __array__(self, dtype=None, copy=None):
        return A


def test_what_cannot_be_sent_is_named(post):
    said = (
        "^A, or what goes with it, cannot be sent to workers: cannot pickle '_thread.lock' object"
    )
    with pytest.raises(WorkerError, match=said):
        sweep(Unsendable(), [2], 2, executor=post, **RUN)
    with ThreadPoolExecutor(1) as executor:
        assert len(sweep(Unsendable(), [2], 2, executor=executor, **RUN).table) == 2


@pytest.mark.parametrize("executor", [3, "dask", ThreadPoolExecutor])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(TypeError, match=r"^executor is .*; it must be a concurrent\.futures\.Exec"):
        sweep(A, [2], 2, executor=executor, **RUN)


def test_workers_are_at_least_one_and_so_are_their_threads(post):
    with pytest.raises(ValueError, match="count is 0; it must be at least 1"):
        Workers(post, count=0)
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        Workers(post, threads=0)
    assert Workers(post).slots == 2
    assert Workers(post, count=5).slots == 5


@pytest.mark.parametrize(("asked", "expected"), [(1, {1}), (2, {2}), (3, {3})])
def test_a_worker_takes_so_many_threads(asked, expected, post, three_threads, monkeypatch):
    """Also side by side; and BLAS has as many as before when all is done."""
    seen, plain = set(), Loop.advance

    def advance(loop, count):
        seen.add(threads.available())
        return plain(loop, count)

    monkeypatch.setattr(Loop, "advance", advance)
    before = threads.available()
    sweep(A, [2, 3], 6, executor=Workers(post, threads=asked), **RUN)
    assert seen == expected
    assert threads.available() == before
