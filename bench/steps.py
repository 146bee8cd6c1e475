"""The steps of ``on_gpu.py``: what each runs, for how long, and what is kept of what it found."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ON_GPU = str(Path(__file__).with_name("on_gpu.py"))
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Step:
    """A part of the whole, in a process of its own.

    Attributes
    ----------
    share : float
        Of the time that is left, beside the shares of the steps after it.
    command : callable
        ``command(asked, file)``, the arguments of Python for it; it writes its figures to `file`.
    read : callable
        What of the file is kept.
    """

    share: float
    command: Callable
    read: Callable = lambda file: json.loads(file.read_text())


@dataclass(frozen=True)
class Asked:
    """What is asked for: on which backends, and whether only in small."""

    backends: list[str]
    quick: bool


def own(name):
    """A step that is a function of this file, in `WORK`."""

    def command(asked, file):
        given = [x for backend in asked.backends for x in ("--backend", backend)]
        given += ["--quick"] * asked.quick
        return [ON_GPU, "--only", name, "--figures", str(file), *given]

    return command


def pytest(*what, quick=None):
    """A step that is a run of pytest; `quick` is what it runs in small."""

    def command(asked, file):
        chosen = quick if quick and asked.quick else what
        # A module that lacks a package there takes no other with it.
        options = ["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
        options += ["-W", "default:Not saving anything"]  # where all benchmarks were skipped
        on = " or ".join(asked.backends)
        return ["-m", "pytest", *options, *(x.format(file=file, on=on) for x in chosen)]

    return command


def tested(file):
    """How many tests passed, and which did not."""
    suite = ElementTree.parse(file).getroot().find("testsuite")
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    wrong = [
        {
            "test": f"{case.get('classname')}.{case.get('name')}",
            "message": (found.get("message") or "").splitlines()[:1],
        }
        for case in suite.iter("testcase")
        for found in (*case.findall("failure"), *case.findall("error"))
    ]
    return {**counts, "wrong": wrong[:50]}


def benchmarks(file):
    """Seconds of each benchmark, ratios to others, and what it says of itself."""
    rows = []
    for run in json.loads(file.read_text())["benchmarks"]:
        info = run["extra_info"]
        if "ratios" in info:
            info["ratios"] = {"scikit-learn": NOT_MEASURED, **info["ratios"]}
        numbers = {"seconds": run["stats"]["median"], "rounds": run["stats"]["rounds"]}
        rows.append({"case": run["name"], **numbers, **info})
    return rows


STEPS = {
    "verify": Step(1, own("verify")),
    "time an iteration": Step(4, own("time an iteration")),
    "tests": Step(
        4,
        pytest(
            *("tests", "-m", "gpu", "--junitxml={file}"),
            quick=("tests/whole/test_gpu.py", "-m", "gpu", "--junitxml={file}"),
        ),
        tested,
    ),
    "iteration": Step(
        3,
        pytest(
            *("bench/test_iteration.py", "-m", "gpu or not gpu", "-k", "{on}"),
            "--benchmark-json={file}",
            quick=(
                *("bench/test_iteration.py", "-m", "gpu or not gpu", "--brief"),
                *("-k", "({on}) and 500-64-float32", "--benchmark-json={file}"),
            ),
        ),
        benchmarks,
    ),
    "sweep": Step(
        3,
        pytest("bench/test_sweep.py", "-m", "gpu", "--benchmark-json={file}"),
        benchmarks,
    ),
    "variants": Step(
        2,
        pytest("bench/test_variants.py", "-m", "gpu", "--benchmark-json={file}"),
        benchmarks,
    ),
}
"""What is done, in this order; time that a step leaves goes to those after it."""
