"""All that is asked of a GPU machine, in 8 minutes, as one file in ``bench/results``.

``python bench/on_gpu.py`` holds the backends against the golden histories, times iterations beside
the least time possible and beside NumPy, runs the tests that need a GPU, and the benchmarks.
``--backend numpy --quick`` does the same in small on a CPU, which is how a test keeps this file
alive. Each step is a process of its own with a time limit; the file is written after every step.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the library beside this file, whatever is installed

from data import source  # noqa: E402  after the path
from steps import NOT_MEASURED, STEPS, Asked, Step, own  # noqa: E402

from nmf_accel import backends  # noqa: E402
from nmf_accel.files import atomic_write  # noqa: E402

MINUTES = 8
GRACE = 5
"""Seconds in which a step that ran out of time may write down what it has."""

PACKAGES = (
    "numpy",
    "jax",
    "jaxlib",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "torch",
    "scipy",
    "scikit-learn",
)
PACKAGES += ("threadpoolctl", "array-api-compat", "pytest", "pytest-benchmark")

SOLVERS = ("mu", "hals", "apg")
CASES = [(500, 64, 1), (10_000, 64, 1), (10_000, 256, 1), (500, 64, 20)]
"""Columns, rank and runs at once, in both precisions."""


def machine(asked, write):
    """What there is: devices, driver, versions."""
    found = {name: vars(backends.probe(name)) for name in backends.names()}
    git = output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    write(
        {
            "backends": found,
            "nvidia_smi": output(query) or NOT_MEASURED,
            "cuda": {n: backends.get(n).versions() for n, x in found.items() if x["usable"]},
            "host": f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "commit": git or "unknown",
            "data": source(),
        }
    )


def verify(asked, write):
    """The golden histories."""
    from dataclasses import asdict

    from nmf_accel.verify import verify as checks

    done = []
    for name in asked.backends:
        for check in checks(name):
            done.append({**asdict(check), "passed": check.passed})
            write(done)
    if not all(check["passed"] for check in done):
        sys.exit("a backend differs from the golden histories")


def time_iterations(asked, write):
    """Each backend, and NumPy beside it, with the share of the floor."""
    from data import matrix

    from nmf_accel.timing import advice, compare

    done = []
    for n, rank, runs in [(60, 4, 2)] if asked.quick else CASES:
        for dtype in ("float64", "float32"):
            options = {"solvers": SOLVERS, "backends": dict.fromkeys([*asked.backends, "numpy"])}
            options["seconds"] = 0.05 if asked.quick else 0.7
            timings = compare(matrix(n, dtype), rank, dtype=dtype, runs=runs, **options)
            numpy = {x.solver: x.seconds for x in timings if x.backend == "numpy"}
            rows = [
                {**x.row(), "to_numpy": x.seconds / numpy[x.solver]}
                if x.solver in numpy
                else {**x.row(), "to_numpy": NOT_MEASURED}
                for x in timings
            ]
            case = {"n": n, "rank": rank, "runs": runs, "dtype": dtype, "data": source()}
            done.append({**case, "timings": rows, "advice": advice(timings)})
            write(done)


WORK = {"machine": machine, "verify": verify, "time an iteration": time_iterations}
"""The steps that are functions here; each writes its figures again whenever it has more."""


def output(command):
    """What a command prints; nothing where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()


def version(package):
    """The version that is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def save(record, path):
    """Write a record, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())


def run(step, asked, limit):
    """Do a step: what became of it, what it took, and its figures."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        file = Path(folder) / "figures"
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, *step.command(asked, file)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it is stopped with all that it started
        )
        try:
            process.wait(max(limit - GRACE, 0))
            status = "done" if process.returncode == 0 else f"failed: status {process.returncode}"
        except subprocess.TimeoutExpired:
            status = f"ran out of time after {limit:.0f} s"
        finally:
            stop(process)
        try:
            figures = step.read(file)
        except (OSError, ValueError, ElementTree.ParseError):
            figures = NOT_MEASURED
        said.seek(0)
        tail = said.read().splitlines()[-20:]
    seconds = round(time.monotonic() - started, 1)
    return {"status": status, "seconds": seconds, "figures": figures, "output": tail}


def stop(process):
    """End a step that is still there: as by Ctrl-C, so that it writes what it has, then at once."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                continue


def free_name(folder, device, quick):
    """A file of its own for this run."""
    words = re.sub("[^a-z0-9]+", "-", device.lower()).strip("-")
    name = f"{words}-{datetime.now(UTC):%Y-%m-%d}" + "-quick" * quick
    names = (f"{name}{ending}.json" for ending in ("", *(f"-{k}" for k in range(2, 1000))))
    return next(folder / name for name in names if not (folder / name).exists())


def main(argv=None):
    """Do all the steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", action="append", help="measure this one, on a CPU too")
    parser.add_argument("--quick", action="store_true", help="in small, to see that it works")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all of it")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results", metavar="FOLDER")
    parser.add_argument("--only", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--figures", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    asked = Asked(given.backend or [], given.quick)
    if given.only:
        WORK[given.only](asked, lambda figures: save(figures, given.figures))
        return
    end = time.monotonic() + 60 * given.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # ends the step under way too
    # JAX would take most of the memory at once, and CuPy beside it find none.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    here = run(Step(1, own("machine")), asked, 120)
    if here["status"] != "done":
        sys.exit("the machine could not be looked at:\n" + "\n".join(here["output"]))
    found = here["figures"]["backends"]
    on = given.backend or [name for name, x in found.items() if x["usable"] and x["accelerated"]]
    for name in on:
        if not found.get(name, {"usable": False})["usable"]:
            reason = found[name]["reason"] if name in found else "there is no such backend"
            sys.exit(f"{name} cannot run here: {reason}")
    if not on:
        reasons = "\n".join(f"  {name}: {x['reason'] or x['device']}" for name, x in found.items())
        sys.exit(
            f"there is no GPU here, and nothing was written:\n{reasons}\n(see bench/README.md)"
        )
    given.out.mkdir(parents=True, exist_ok=True)
    path = free_name(given.out, found[on[0]]["device"], given.quick)
    follow(Asked(on, given.quick), here["figures"], path, end)


def follow(asked, machine, path, end):
    """The steps one by one, the file written after each."""
    record = {"machine": machine, "backends": asked.backends, "quick": asked.quick}
    record |= {"arguments": sys.argv[1:], "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    record["steps"] = {name: {"status": "not begun", "figures": NOT_MEASURED} for name in STEPS}
    save(record, path)
    shares = [step.share for step in STEPS.values()]
    for k, (name, step) in enumerate(STEPS.items()):
        limit = (end - time.monotonic()) * shares[k] / sum(shares[k:])
        done = run(step, asked, limit)
        record["steps"][name] = done
        save(record, path)
        print(f"{name}: {done['status']}, {done['seconds']} s of {limit:.0f}", flush=True)
    show(record)
    print(f"\n{path} written")


def show(record):
    """Print the times of an iteration."""
    cases = record["steps"]["time an iteration"]["figures"]
    for case in cases if cases != NOT_MEASURED else ():
        title = "n = {n}, rank {rank}, {runs} at once, {dtype}, {data}".format(**case)
        print(f"\n{title}\n  ms/iteration  of the floor  to NumPy")
        for x in case["timings"]:
            about = f"{x['backend']} {x['solver'] or ''}"
            if x["not_measured"]:
                print(f"  {NOT_MEASURED}: {about}: {x['not_measured']}")
                continue
            to_numpy = x["to_numpy"] if isinstance(x["to_numpy"], str) else f"{x['to_numpy']:.3f}"
            print(f"  {1e3 * x['seconds']:<14.3g}{x['share']:<14.0%}{to_numpy:<10}{about}")
        print(f"  {case['advice']}")


if __name__ == "__main__":
    main()
