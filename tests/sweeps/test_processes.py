"""Sweeps on processes: what they give, what is left where one is killed, and that none stays."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from toys import ToyBackend

from nmf_accel import BackendError, WorkerError, sweep
from nmf_accel.backends import registry
from nmf_accel.cli import main
from nmf_accel.sweeps import Store, Sweep
from nmf_accel.sweeps.spawned import processes

A = np.random.default_rng(0).random((60, 50))
RUN = {"max_iter": 40, "backend": "numpy"}


@pytest.fixture(scope="module")
def pool():
    """Two processes."""
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        yield executor


def test_processes_give_what_a_local_sweep_gives(pool, tmp_path):
    expected = sweep(A, [2, 8], 6, keep="all", **RUN)
    options = {"executor": pool, "keep": "all", "store": tmp_path}
    found = sweep(A, [2, 8], 6, **options, **RUN)
    assert sorted(found.table[0]) == sorted(expected.table[0])
    for row, other in zip(found.table, expected.table, strict=True):
        assert (row["rank"], row["seed"]) == (other["rank"], other["seed"])
        assert row["error"] == pytest.approx(other["error"], rel=1e-10)
        W = found.factorization(row["rank"], row["seed"]).W
        np.testing.assert_allclose(
            W, expected.factorization(row["rank"], row["seed"]).W, rtol=1e-9, atol=1e-12
        )
    assert found.store.about["workers"] == "2 workers of a ProcessPoolExecutor, one thread each"


def test_a_worker_without_the_backend_says_so(pool, monkeypatch):
    monkeypatch.setitem(registry.BACKENDS, "toy", "toys:ToyBackend")
    assert ToyBackend.name == "toy"
    said = r"^the worker \d+ on \S+ cannot take part: unknown backend 'toy'"
    with pytest.raises(BackendError, match=said):
        sweep(A, [2], 2, max_iter=3, backend="toy", executor=pool)
    registry._made.cache_clear()


def test_a_killed_worker_loses_no_finished_batch(tmp_path, monkeypatch):
    """And the same call does the rest, of which nothing was finished before."""
    taken, plain = [], Sweep.take_in

    def take_in(whole, finished):
        plain(whole, finished)
        taken.extend((row["rank"], row["seed"]) for row, _ in finished)
        if len(taken) < 12:
            os.kill(next(iter(executor._processes)), signal.SIGKILL)

    monkeypatch.setattr(Sweep, "take_in", take_in)
    options = {**RUN, "max_iter": 1500, "store": tmp_path, "keep": "all"}
    with processes(2) as executor:
        said = r"^a worker of a ProcessPool failed \(BrokenProcessPool: .* (\d+) of 24 runs are"
        with pytest.raises(WorkerError, match=said) as caught:
            sweep(A, [8, 9], 12, executor=executor, **options)
    kept = caught.value.result.table
    assert sorted(taken) == [(row["rank"], row["seed"]) for row in kept]
    assert 0 < len(kept) < 24
    monkeypatch.setattr(Sweep, "take_in", plain)
    with processes(2) as executor:
        found = sweep(A, [8, 9], 12, executor=executor, **options)
    assert found.skipped == len(kept)
    assert found.table[0] == kept[0] or kept[0]["rank"] == 9
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert len(lines) == len(found.table) == 24
    expected = sweep(A, [8, 9], 12, **{**options, "store": None})
    for row, other in zip(found.table, expected.table, strict=True):
        assert row["error"] == pytest.approx(other["error"], rel=1e-10)


SWEEP = ["sweep", "a.npy", "--ranks", "2,3", "--seeds", "3", "--backend", "numpy"]


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    given = [*SWEEP, "--max-iter", "9", "--processes", "2", "--out", "runs"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    assert "on 2 workers of a ProcessPool, one thread each\n" in done.stdout
    assert "6 runs in runs" in done.stdout
    assert len(Store.read("runs").rows) == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_command(number, tmp_path):
    np.save(tmp_path / "a.npy", A)
    given = [*SWEEP, "--max-iter", "100000000", "--processes", "2", "--out", "runs"]
    command = [sys.executable, "-m", "nmf_accel", *given]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        workers = wait_for(lambda: busy(process.pid))
        process.send_signal(number)
        # To the workers as well, as a scheduler does; they leave it to the command.
        if number == signal.SIGTERM:
            for worker in workers:
                with suppress(psutil.NoSuchProcess):  # the command may have been faster
                    worker.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert (len(gone), alive) == (2, [])
    if number == signal.SIGTERM:
        assert process.returncode == 143
        assert told == "\nstopped: 0 runs are in runs; the same command does the rest\n"


def busy(pid):
    """The workers of a command, once both watch over it."""
    children = psutil.Process(pid).children()
    found = [x for x in children if any("spawn_main" in part for part in x.cmdline())]
    return found if len(found) == 2 and all(x.num_threads() > 1 for x in found) else None


def wait_for(find):
    """What is found, as soon as it is there."""
    for _ in range(500):
        if found := find():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


def test_processes_and_dask_exclude_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    done = CliRunner().invoke(main, [*SWEEP, "--processes", "2", "--dask", "tcp://127.0.0.1:1"])
    assert done.exit_code == 2
    assert done.stderr == "Error: --processes and --dask exclude each other: take one\n"
