"""Timing side by side: each round times the library and, in turn, what it is compared with."""

import json
import statistics
import time
from pathlib import Path

import pytest

from nmf_accel import backends


def pytest_addoption(parser):
    parser.addoption("--ratios", metavar="FILE", help="save the ratios of the timings as JSON")
    parser.addoption("--brief", action="store_true", help="two rounds of each, to see it work")
    parser.addoption("--curves", metavar="DIR", help="save errors against seconds, and pictures")


def backend_params():
    """All registered backends; those that have no CPU only with -m gpu."""
    marks = {"cupy": [pytest.mark.gpu]}
    return [pytest.param(name, marks=marks.get(name, [])) for name in backends.names()]


@pytest.fixture(params=backend_params())
def backend(request):
    found = backends.probe(request.param)
    if not found.usable:
        pytest.skip(found.reason)
    return backends.get(request.param)


@pytest.fixture
def beside(benchmark, request):
    """``beside(target, others, rounds)`` times `target`; `others` are called before each round.

    Each of `others`, {name: function}, returns its own seconds, so that a slow minute of the
    machine is one for all. The ratios are medians over the rounds.
    """

    def run(target, others, rounds):
        rounds = 2 if request.config.getoption("--brief") else rounds
        seconds = {name: [] for name in others}

        def take_turns():
            for name, other in others.items():
                seconds[name].append(other())
                time.sleep(0.1)  # OpenBLAS's threads spin for a while after their last call

        result = benchmark.pedantic(target, setup=take_turns, rounds=rounds, warmup_rounds=1)
        if benchmark.stats:  # none with --benchmark-disable
            own = benchmark.stats.stats.data
            benchmark.extra_info["ratios"] = {
                name: statistics.median(a / b for a, b in zip(own, theirs[-rounds:], strict=True))
                for name, theirs in seconds.items()
            }
        return result

    return run


def timed(function, *args):
    """A function without arguments that calls `function` and returns the seconds it took."""

    def run():
        started = time.perf_counter()
        function(*args)
        return time.perf_counter() - started

    return run


def pytest_terminal_summary(terminalreporter, config):
    """Print the ratios measured, and save them where asked."""
    session = getattr(config, "_benchmarksession", None)
    rows = [
        {"case": run.name, "seconds": run.stats.median, **run.extra_info}
        for run in (session.benchmarks if session else ())
        if not run.has_error and "ratios" in run.extra_info
    ]
    if not rows:
        return
    terminalreporter.section("time of the library / time of the other, medians")
    for row in rows:
        ratios = "  ".join(f"{name} {ratio:.3f}" for name, ratio in row["ratios"].items())
        terminalreporter.write_line(f"{row['case']:56}{ratios}")
    if path := config.getoption("--ratios"):
        Path(path).write_text(json.dumps(rows, indent=1) + "\n")
