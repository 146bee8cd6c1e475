"""Measure all that the README's tables say, and write them: ``python bench/readme.py``.

A measurement whose file of today is in ``bench/results`` is not done again, so the same command
goes on after Ctrl-C; remove a file to measure it again. Where one fails, the others go on.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the library beside this file, whatever is installed

import tables  # noqa: E402  after the path
from measuring import CURVES, Failed, Measurement  # noqa: E402

from nmf_accel.files import atomic_write  # noqa: E402

README, RESULTS = ROOT / "README.md", ROOT / "bench" / "results"
PLACE = re.compile(r"<!-- table: (\S+) -->\n(?:.+\n)*")
"""Of a table in the README, with its name: from there to the next empty line."""


@dataclass(frozen=True)
class Table:
    """A table of the README: what it is made of, and how its lines are made of their rows."""

    measurements: list[Measurement]
    make: Callable

    def rows(self, results):
        """The newest ones, of every case."""
        return [row for measurement in self.measurements for row in measurement.rows(results)]


def by(file, *options):
    """The measurement by a file of this folder."""
    name = file.removeprefix("test_").removesuffix(".py")
    return Measurement(name, (f"bench/{file}", *options))


def curves(test, n, rank, dtype):
    """A case of ``test_time_to_error.py``."""
    case = f"bench/test_time_to_error.py::test_{test.replace('-', '_')}[numpy-{n}-{rank}-{dtype}]"
    name = test.removeprefix("time-to-error-")
    return Measurement(f"{name}-{n}-{rank}-{dtype}", (case,), CURVES)


DTYPES = ("float64", "float32")
TABLES = {
    "typical": Table([by("test_typical.py")], tables.typical),
    "small": Table([by("test_small.py")], tables.small),
    "same": Table([by("test_same.py")], tables.same),
    "iteration": Table([by("test_iteration.py")], tables.iteration),
    "time-to-error": Table(
        [
            curves("time-to-error", n, rank, dtype)
            for n, rank in ((500, 64), (10_000, 64), (10_000, 256))
            for dtype in DTYPES
        ],
        tables.time_to_error,
    ),
    "extrapolated": Table(
        [
            curves("time-to-error-extrapolated", n, rank, "float32")
            for n, rank in ((500, 64), (5000, 64), (500, 256), (5000, 256))
        ],
        tables.extrapolated,
    ),
    "sweep": Table([by("test_sweep.py", "-k", "numpy")], tables.sweep),
    "sparse": Table([by("test_sparse.py")], tables.sparse),
    "losses": Table([by("test_losses.py", "-k", "numpy or sparse")], tables.losses),
    "missing": Table([by("test_missing.py")], tables.missing),
    "ratings": Table([by("test_missing.py")], tables.ratings),
    "auto": Table([by("test_auto.py")], tables.auto),
    "outside": Table([by("test_outside.py", "-k", "numpy")], tables.outside),
}
"""By name; what they need is measured in this order. A new one is a function in ``tables.py``, a
line here, and its place in the README."""
TABLES["measured"] = Table([x for t in TABLES.values() for x in t.measurements], tables.measured)


def written(text, results):
    """The README with its tables as the results say; where there are none a table stays."""

    def fill(place):
        table = TABLES[place[1]]
        if not (rows := table.rows(results)):
            return place[0]
        return "\n".join([f"<!-- table: {place[1]} -->", *table.make(rows), ""])

    if wrong := set(TABLES) ^ set(PLACE.findall(text)):
        sys.exit(f"TABLES and the places of the README differ in: {', '.join(sorted(wrong))}")
    return PLACE.sub(fill, text)


def measure(measurements, results, *options):
    """Measure what is missing; the names of those that failed."""
    date, failed = f"{datetime.now(UTC):%Y-%m-%d}", []
    for measurement in measurements:
        if any(date in file.name for file in measurement.files(results)):
            print(f"{measurement.name}: is there", flush=True)
            continue
        started, outcome = time.monotonic(), "done"
        try:
            measurement.measure(results, date, *options)
        except Failed as error:
            failed.append(measurement.name)
            outcome = f"failed\n{error}\n"
        print(f"{measurement.name}: {outcome} after {time.monotonic() - started:.0f} s", flush=True)
    return failed


def main(argv=None):
    """Measure, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="only write, from the newest results")
    parser.add_argument("--only", choices=TABLES, default="measured", help="what this table needs")
    parser.add_argument("--brief", metavar="FOLDER", help="in small, results and a README there")
    asked = parser.parse_args(argv)
    results, page, options, failed = RESULTS, README, [], []
    if asked.brief:
        results, options = Path(asked.brief), ["--brief"]
        page = results / README.name
        results.mkdir(parents=True, exist_ok=True)
    if not asked.write:
        try:
            failed = measure(TABLES[asked.only].measurements, results, *options)
        except KeyboardInterrupt:
            sys.exit("stopped; the same command goes on")
    with atomic_write(page) as file:
        file.write(written(README.read_text(), results).encode())
    print(f"{page} written")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
