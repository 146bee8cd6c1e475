"""Commands that are told to end do so at any moment, in a line, with the status a shell expects."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner
from signalled import FIT, SWEEP, WORK, here, raises  # noqa: F401  a fixture

from nmf_accel import Factorization
from nmf_accel.cli import main
from nmf_accel.files import atomic_write
from nmf_accel.sweeps import Store

pytestmark = pytest.mark.usefixtures("here")
COMMAND = "from nmf_accel.cli import main; main()"


def begin(code, *args, sigint="default_int_handler", **options):
    """A process of its own with that code, and with SIGINT as a terminal leaves it, or a shell."""
    code = f"import signal; signal.signal(signal.SIGINT, signal.{sigint})\n{code}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *args], **{**pipes, **options})


@pytest.mark.parametrize("command", WORK)
def test_every_command_heeds_sigterm(command, monkeypatch):
    place, given, said = WORK[command]
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(f"nmf_accel.cli.{place}", raises(signal.SIGTERM))
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 143
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert signal.getsignal(signal.SIGTERM) is handler


def test_study_heeds_sigterm(monkeypatch):
    monkeypatch.setattr("nmf_accel.study.run_study", raises(signal.SIGTERM))
    done = CliRunner().invoke(main, ["study", "sprites"])
    assert done.exit_code == 143
    assert "finished runs are kept in study/runs" in done.stderr


def calls_of(given):
    """How many functions a command calls, once what it imports is there."""
    count = [0]
    assert CliRunner().invoke(main, [*given, "--out", "first"]).exit_code == 0

    def one_more(frame, event, argument):
        count[0] += event == "call"

    sys.setprofile(one_more)
    try:
        assert CliRunner().invoke(main, [*given, "--out", "whole"]).exit_code == 0
    finally:
        sys.setprofile(None)
    return count[0]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a file is opened, and then it comes
@pytest.mark.parametrize(("given", "number"), [(FIT, signal.SIGINT), (SWEEP, signal.SIGTERM)])
def test_at_any_moment(given, number, tmp_path, monkeypatch):
    def save(figure, path):
        with atomic_write(path) as file:  # to draw takes a second, and calls as much as all else
            file.write(b"a picture")

    monkeypatch.setattr("nmf_accel.plots.save", save)
    whole, left = calls_of(given), 0

    def strike(frame, event, argument):
        nonlocal left
        left -= event == "call"
        if not left:
            sys.setprofile(None)
            signal.raise_signal(number)

    struck = 0
    # Not at its last calls, when all is done.
    for k, at in enumerate(np.linspace(300, 0.98 * whole, 7).astype(int)):
        left = int(at)
        sys.setprofile(strike)
        try:
            done = CliRunner().invoke(main, [*given, "--out", f"o{k}"])
        finally:
            sys.setprofile(None)
        if left > 0:
            continue  # it made fewer calls
        struck += 1
        assert done.exit_code == 128 + number, (at, done.output, done.exception)
        assert len(done.stderr.strip().splitlines()) == 1, (at, done.stderr)
        assert not list(tmp_path.glob(f"o{k}/**/.*")), "litter"
    assert struck >= 6


def test_sigterm_where_sigint_is_ignored(tmp_path):
    """A job that a script begins with ``&``."""
    given = ["sweep", "a.npy", "--ranks", "2:5:1", "--max-iter", "100000000", "--seeds", "1"]
    process = begin(COMMAND, *given, "--backend", "numpy", "--out", "runs", sigint="SIG_IGN")
    try:
        while not (tmp_path / "runs" / "sweep.json").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 143, told
    assert told == "\nstopped: 0 runs are in runs; the same command does the rest\n"
    assert Store.read("runs").rows == []


def test_fit_saves_what_there_is_on_sigterm(monkeypatch):
    times = []

    def callback(iteration, error):
        times.append(iteration)
        if len(times) == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("nmf_accel.cli.fit.pkgutil.resolve_name", lambda name: callback)
    done = CliRunner().invoke(main, [*FIT, "--max-iter", "900", "--callback", "here:callback"])
    assert done.exit_code == 143
    assert done.stderr == "interrupted after 30 of 900 iterations; saved what there is\n"
    assert Factorization.load("out/factorization.npz").n_iter == 30


CLOSED = """
import os, pty, sys, termios
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[2:]])
termios.tcsetwinsize(terminal, (25, 80))
while os.read(terminal, 9999).count(sys.argv[1].encode()) == 0:
    pass
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


# The bar of a fit shows an error once there have been iterations.
@pytest.mark.parametrize(("given", "seen"), [(FIT, "error"), (SWEEP, "%|")])
def test_a_closed_terminal_is_told_of_nothing_but_what_there_is_is_saved(given, seen):
    process = begin(CLOSED, seen, COMMAND, *given, "--progress", "--max-iter", "100000000")
    try:
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 129, told
    if given is FIT:
        assert Factorization.load("out/factorization.npz").stopped_because.startswith("interrupted")


def test_fit_saves_a_run_that_was_at_its_certificate(monkeypatch):
    from nmf_accel.core import Batch

    certified, times = Batch.certified, []

    def once(batch):
        times.append(1)
        if len(times) == 1:
            signal.raise_signal(signal.SIGINT)
        return certified(batch)

    monkeypatch.setattr(Batch, "certified", once)
    done = CliRunner().invoke(main, FIT)
    assert done.exit_code == 130
    assert done.stderr == "max_iter = 20 reached; saved what there is\n"
    assert Factorization.load("out/factorization.npz").n_iter == 20


LONG = """
import numpy as np
import nmf_accel.cli.fit as fit
def long(*args, **options):
    A = np.ones((4000, 4000))
    print("begun", flush=True)
    np.linalg.svd(A)  # minutes in LAPACK, where Python hears nothing
fit.nmf = long
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_ends_the_process_at_once(number):
    process = begin(LONG + COMMAND, *FIT)
    try:
        while process.stdout.readline() not in ("begun\n", ""):
            pass
        time.sleep(0.4)
        process.send_signal(number)
        time.sleep(0.4)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=5) == 128 + number
    finally:
        process.kill()
        process.communicate()


def test_other_errors_stay_what_they_are():
    done = CliRunner().invoke(main, ["fit", "none.npy", "--rank", "2"])
    assert done.exit_code == 2
    assert "interrupted" not in done.stderr


def test_a_command_runs_in_a_thread_too():
    statuses = []

    def run():
        statuses.append(CliRunner().invoke(main, ["data"]).exit_code)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert statuses == [0]


@pytest.mark.parametrize("given", [["backends"], ["--help"], ["data"]])
def test_a_reader_that_has_enough_ends_a_command_without_a_word(given):
    reading, writing = os.pipe()
    os.close(reading)
    process = begin(COMMAND, *given, stdout=writing)
    os.close(writing)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (1, "")
