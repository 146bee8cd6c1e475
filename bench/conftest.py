"""Timing side by side: each round times the library and, in turn, what it is compared with."""

import json
import platform
import statistics
import subprocess
import time
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from nmf_accel import backends
from nmf_accel.core import versions

ROOT = Path(__file__).parents[1]
BESIDE = ("scikit-learn", "scipy", "joblib")
"""What the library is held against, where it is installed."""


def pytest_addoption(parser):
    parser.addoption("--ratios", metavar="FILE", help="save the ratios of the timings as JSON")
    parser.addoption("--brief", action="store_true", help="little of each, to see it work")
    parser.addoption("--curves", metavar="DIR", help="save errors against seconds, and pictures")


@pytest.fixture(autouse=True)
def _in_small(request, monkeypatch):
    """With --brief, the constants of a module are those of its `BRIEF`."""
    if request.config.getoption("--brief"):
        for name, value in getattr(request.module, "BRIEF", {}).items():
            monkeypatch.setattr(request.module, name, value)


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


@cache
def machine(backend):
    """Where a benchmark ran, and with what: a part of what every one of them says of itself."""
    installed = {found.name for found in metadata.distributions()}
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    beside = {name: metadata.version(name) for name in BESIDE if name in installed}
    return {
        "backend": backend.name,
        "device": backend.probe().device,
        "processor": processor(),
        "versions": {
            **versions(backend),
            blas["name"].removeprefix("scipy-"): blas["version"],
            **beside,
        },
        "commit": commit(),
    }


def processor():
    """Its name: Linux keeps it in a file, others tell Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (*names, platform.processor(), "unknown")[0]


def commit():
    """The last one that changed the library."""
    log = ["git", "-C", str(ROOT), "log", "-1", "--format=%h", "--", "nmf_accel"]
    try:
        return subprocess.run(log, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def timed(function, *args):
    """A function without arguments that calls `function` and returns the seconds it took."""

    def run():
        started = time.perf_counter()
        function(*args)
        return time.perf_counter() - started

    return run


def pytest_terminal_summary(terminalreporter, config):
    """Print the ratios measured, and save what benchmarks say of themselves where asked."""
    session = getattr(config, "_benchmarksession", None)
    rows = [
        {"case": run.name, "seconds": run.stats.median, **run.extra_info}
        for run in (session.benchmarks if session else ())
        if not run.has_error and run.extra_info
    ]
    if not rows:
        return
    terminalreporter.section("time of the library / time of the other, medians")
    for row in rows:
        if "ratios" not in row:
            continue
        ratios = "  ".join(f"{name} {ratio:.3f}" for name, ratio in row["ratios"].items())
        terminalreporter.write_line(f"{row['case']:56}{ratios}")
    if path := config.getoption("--ratios"):
        Path(path).write_text(json.dumps(rows, indent=1) + "\n")
