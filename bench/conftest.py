"""The end of a benchmark session: ratios between the timings taken in it."""

import json
from pathlib import Path


def pytest_addoption(parser):
    parser.addoption("--ratios", metavar="FILE", help="save the ratios of the timings as JSON")


def pytest_terminal_summary(terminalreporter, config):
    """Print iteration / products, library / scikit-learn and jax / numpy, by case."""
    session = getattr(config, "_benchmarksession", None)
    seconds = {}
    for run in session.benchmarks if session else ():
        case = run.extra_info.get("case")
        if case and not run.has_error:
            spent = run.stats.median - run.extra_info.get("overhead", 0.0)
            seconds[tuple(case)] = spent / run.extra_info["iterations"]
    rows = ratios(seconds)
    if not rows:
        return
    terminalreporter.section("ratios of the median times, per iteration")
    for row in rows:
        terminalreporter.write_line(f"{row['ratio']:8.3f}  {row['of']:32}{row['where']}")
    if path := config.getoption("--ratios"):
        Path(path).write_text(json.dumps(rows, indent=1) + "\n")


def ratios(seconds):
    """All ratios that the timings, {(what, backend, dtype, n, rank): seconds}, allow."""
    rows = []
    for (what, backend, *where), time in seconds.items():
        if what != "iteration":
            continue
        for of, other in (
            ("iteration / its six products", ("products", backend)),
            (f"{backend} / scikit-learn", ("sklearn", "numpy")),
            (f"{backend} / numpy", ("iteration", "numpy")),
        ):
            base = seconds.get((*other, *where))
            if base and other != (what, backend):
                label = "{} N={} d={} {}".format(*where, backend)
                rows.append({"ratio": time / base, "of": of, "where": label})
    return rows
