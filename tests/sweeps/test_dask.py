"""Sweeps on a Dask cluster of processes, also where a worker of it is killed."""

import os
import signal
from contextlib import suppress

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import WorkerError, sweep
from nmf_accel.cli import main, workers
from nmf_accel.sweeps import Sweep, Workers
from nmf_accel.sweeps.workers import DaskWorkers

distributed = pytest.importorskip("distributed")

A = np.random.default_rng(0).random((60, 50))
RUN = {"max_iter": 40, "backend": "numpy"}


@pytest.fixture(scope="module")
def client():
    """Of a cluster of two processes with one thread each."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    cluster = distributed.LocalCluster(**options)
    with distributed.Client(cluster) as client:
        yield client
    # Of a worker that was killed, and started again, Dask may not know the address when it closes:
    # _update_worker_status then looks for it in vain. All processes are closed by then.
    with suppress(KeyError):
        cluster.close()


@pytest.fixture(scope="module")
def expected():
    return sweep(A, [2, 8], 12, keep="all", max_iter=3000, backend="numpy")


def assert_same(found, expected):
    for row, other in zip(found.table, expected.table, strict=True):
        assert (row["rank"], row["seed"]) == (other["rank"], other["seed"])
        assert row["error"] == pytest.approx(other["error"], rel=1e-10)
        x, y = (s.factorization(row["rank"], row["seed"]) for s in (found, expected))
        np.testing.assert_allclose(x.W @ x.H, y.W @ y.H, rtol=1e-9)


def test_a_killed_worker_loses_no_finished_batch(client, expected, tmp_path, monkeypatch):
    """Dask has another one do what it was at; and nothing comes twice."""
    pids, taken, plain = list(client.run(os.getpid).values()), [], Sweep.take_in

    def take_in(whole, finished):
        plain(whole, finished)
        taken.extend((row["rank"], row["seed"]) for row, _ in finished)
        while pids:
            os.kill(pids.pop(), signal.SIGKILL)
            del pids[:]

    monkeypatch.setattr(Sweep, "take_in", take_in)
    options = {"keep": "all", "store": tmp_path, "executor": client.get_executor(retries=2)}
    found = sweep(A, [2, 8], 12, max_iter=3000, backend="numpy", **options)
    assert sorted(taken) == [(d, s) for d in (2, 8) for s in range(12)]
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 24
    assert_same(found, expected)
    taken.clear()
    again = sweep(A, [2, 8], 13, max_iter=3000, backend="numpy", **options)
    assert sorted(taken) == [(2, 12), (8, 12)]
    assert again.skipped == 24


def test_the_data_is_sent_again_where_it_was_lost_with_the_workers_that_had_it(client, monkeypatch):
    """Dask cannot make it anew, and gives up all that was to be done with it."""
    delivered, plain = [], DaskWorkers.delivered

    def deliver(self, work):
        client.wait_for_workers(2)
        pids = list(client.run(os.getpid).values())
        delivered.append(plain(self, work))
        if len(delivered) == 1:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        return delivered[-1]

    monkeypatch.setattr(DaskWorkers, "delivered", deliver)
    found = sweep(A, [2, 3], 6, executor=client.get_executor(), **RUN)
    assert len(delivered) == 2
    delivered.clear()
    local = sweep(A, [2, 3], 6, **RUN)
    errors = [[row["error"] for row in result.table] for result in (found, local)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-10)


def test_a_batch_that_kills_its_workers_is_not_sent_for_ever(client, monkeypatch):
    plain, delivered = DaskWorkers.delivered, []

    def deliver(self, work):
        client.wait_for_workers(2)
        pids = list(client.run(os.getpid).values())
        delivered.append(plain(self, work))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return delivered[-1]

    monkeypatch.setattr(DaskWorkers, "delivered", deliver)
    monkeypatch.setattr("nmf_accel.sweeps.elsewhere.MOST_LOSSES", 1)
    with pytest.raises(WorkerError, match="CancelledError"):
        sweep(A, [2, 3], 6, executor=client.get_executor(), **RUN)
    assert len(delivered) == 2
    delivered.clear()


def test_the_data_is_in_the_workers_memory_and_goes_when_all_is_done(client, monkeypatch):
    came, plain = [], Workers.of(client.get_executor()).__class__.submit

    def submit(self, function, *arguments):
        came.append(type(arguments[1]))
        return plain(self, function, *arguments)

    monkeypatch.setattr("nmf_accel.sweeps.workers.DaskWorkers.submit", submit)
    sweep(A, [2, 3], 8, executor=client.get_executor(), **RUN)
    assert set(came) == {distributed.Future}
    for _ in range(100):
        if not any(client.has_what().values()):
            break
        client.run(lambda: None)
    assert not any(client.has_what().values())


def test_what_the_cluster_says_of_its_workers(client):
    client.wait_for_workers(2)
    found = Workers.of(client.get_executor())
    assert (found.slots, found.sharing) == (2, 2)
    address = client.scheduler.address
    assert str(found) == f"2 workers of Dask at {address}, one thread each"
    assert Workers.of(Workers(client.get_executor(), count=5, threads=2)).slots == 5


def test_the_command(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    given = ["sweep", "a.npy", "--ranks", "2,3", "--seeds", "3", "--max-iter", "9"]
    address = client.scheduler.address
    done = CliRunner().invoke(main, [*given, "--backend", "numpy", "--dask", address])
    assert done.exit_code == 0, done.output
    assert f"on 2 workers of Dask at {address}, one thread each\n" in done.stdout
    assert "6 runs in runs" in done.stdout


@pytest.mark.parametrize(
    ("address", "because"),
    [
        ("tcp://127.0.0.1:9", "Timed out trying to connect to tcp://127.0.0.1:9 after 0.2 s"),
        ("nowhere", "missing port number in address 'nowhere'"),
        ("ftp://127.0.0.1:9", "unknown address scheme 'ftp'"),
    ],
)
def test_a_scheduler_that_is_not_there(address, because, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    done = CliRunner().invoke(main, ["sweep", "a.npy", "--ranks", "2", "--dask", address])
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"Error: no Dask scheduler answers at {address} ({because}")
    assert done.stderr.endswith("start one by 'dask scheduler'\n")
