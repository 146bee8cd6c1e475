"""Signals that come twice, or where nothing can be raised; and what they leave half made."""

import gc
import signal
import time

import pytest
from click.testing import CliRunner
from signalled import FIT, WORK, here, raises  # noqa: F401  a fixture

from nmf_accel.cli import main, signals

pytestmark = pytest.mark.usefixtures("here")


def test_one_that_is_sent_twice_at_the_same_time_is_one(monkeypatch):
    """As `timeout` sends it: to the process, and to its group."""

    def twice(*args, **options):
        try:
            raises(signal.SIGTERM)()
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            raise

    monkeypatch.setattr("nmf_accel.cli.bench.compare", twice)
    assert CliRunner().invoke(main, WORK["bench"][1]).exit_code == 143


@pytest.mark.parametrize("command", ["fit", "sweep", "bench"])
def test_what_it_leaves_half_made_does_not_complain(command, monkeypatch):
    """As a `ZipFile` does, whose file was being opened."""

    class Half:
        def __init__(self):
            raises(signal.SIGTERM)()
            self.file = None

        def __del__(self):
            self.file.close()

    place, given, _ = WORK[command]
    monkeypatch.setattr(f"nmf_accel.cli.{place}", lambda *args, **options: Half())
    assert CliRunner().invoke(main, given).exit_code == 143
    gc.collect()  # an unraisable error fails the test


def test_other_finalizers_may_complain(monkeypatch):
    class Full:
        def __del__(self):
            raise OSError("no space left")

    def work(*args, **options):
        full = Full()
        raises(signal.SIGTERM)()
        return full

    heard = []
    monkeypatch.setattr("sys.unraisablehook", lambda told: heard.append(str(told.exc_value)))
    monkeypatch.setattr("nmf_accel.cli.bench.compare", work)
    assert CliRunner().invoke(main, WORK["bench"][1]).exit_code == 143
    assert heard == ["no space left"]


def test_one_that_is_sent_twice_is_one_while_what_it_left_is_dropped(monkeypatch):
    class Slow:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)
            dropped.append(self)

    def work(*args, **options):
        slow = Slow()
        raises(signal.SIGTERM)()
        return slow

    dropped = []
    monkeypatch.setattr("nmf_accel.cli.bench.compare", work)
    done = CliRunner().invoke(main, WORK["bench"][1])
    assert done.exit_code == 143
    assert done.stderr.splitlines()[-1] == "interrupted; nothing was measured to the end"
    assert len(dropped) == 1


def test_errors_that_came_of_each_other_are_gone_through_once():
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__, second.__cause__ = second, first, first
    signals.drop_locals(first)


def test_one_that_nothing_could_be_raised_of_comes_again(monkeypatch):
    class Closed:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def work(*args, **options):
        Closed()
        time.sleep(10)

    started = time.monotonic()
    monkeypatch.setattr("nmf_accel.cli.bench.compare", work)
    done = CliRunner().invoke(main, WORK["bench"][1])
    assert done.exit_code == 143
    assert len(done.stderr.strip().splitlines()) == 1
    assert time.monotonic() - started < 8


def test_an_error_that_a_library_makes_of_it_is_no_mistake_of_the_user(monkeypatch):
    def work(*args, **options):
        try:
            raises(signal.SIGINT)()
        except KeyboardInterrupt:
            raise ValueError("something of a compiler's") from None

    monkeypatch.setattr("nmf_accel.cli.fit.nmf", work)
    done = CliRunner().invoke(main, FIT)
    assert (done.exit_code, done.stderr) == (130, "interrupted: something of a compiler's\n")
