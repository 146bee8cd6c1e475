"""Change the code a little, again and again, and see whether a test notices.

``python tests/mutations/mutate.py --sample 300`` takes a random 300 of all mutants of the rooms
below; without it, all, which takes many hours. What survived is printed, and kept with all else as
lines of JSON in the folder `--record`, where the same command goes on.

Needs ``pip install cosmic-ray coverage``.
"""

import argparse
import json
import random
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from judging import ROOT, Judge, Tests
from mutants import mutants_of

ROOMS = ("core", "losses", "solvers", "matrices", "sweeps", "files.py")
TESTS = (
    *("core", "losses", "solvers", "matrices", "sweeps", "intake", "results", "sklearn"),
    *("projection", "test_factorize.py", "test_files.py", "test_stopping.py"),
    *("backends/numpy_backend", "whole/test_properties.py", "whole/test_parity.py"),
    *("whole/test_scales.py", "whole/test_random_runs.py", "whole/test_pickling.py"),
    *("whole/test_old_files.py", "cli/test_sweep_command.py", "cli/test_folds_option.py"),
)
"""What the code is held against, in ``tests/``."""
WORDS = "not jax and not strict and not punk"
"""Tests that are left out, since the others ask the same of the code, faster."""


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", default=ROOMS)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, default=Path("mutations"))
    parser.add_argument("--tests", nargs="*", default=TESTS)
    parser.add_argument("--words", default=WORDS)
    parser.add_argument("--most", type=float, default=60, help="seconds of tests for a mutant")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    # A job that a shell begins with `&` ignores it, and so would tests that are interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    paths = [f"tests/{x}" for x in given.tests]
    tests = Tests(given.record.resolve(), paths, given.words, given.most)
    mutants = [x for path in files_of(given.rooms) for x in mutants_of(path)]
    if given.sample:
        mutants = random.Random(given.seed).sample(mutants, min(given.sample, len(mutants)))
    book = given.record / "verdicts.jsonl"
    known = {tuple(x["mutant"]) for x in map(json.loads, book.open())} if book.exists() else set()
    judges = SimpleQueue()
    for _ in range(given.workers):
        judges.put(Judge(tests))

    def judge(mutant):
        one = judges.get()
        try:
            return mutant, *one.verdict(mutant)
        finally:
            judges.put(one)

    todo = [x for x in mutants if tuple(x) not in known]
    with ThreadPoolExecutor(given.workers) as pool, book.open("a") as file:
        for done in as_completed([pool.submit(judge, mutant) for mutant in todo]):
            mutant, verdict, by = done.result()
            file.write(json.dumps({"mutant": mutant, "verdict": verdict, "by": by}) + "\n")
            file.flush()
    report(book, set(mutants))
    return 0


def files_of(rooms):
    """The files of some rooms, as paths from the root."""
    for room in rooms:
        path = ROOT / "nmf_accel" / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file.relative_to(ROOT)


def report(book, mutants):
    """Print what survived, and how many of each room were killed."""
    told = {tuple(x["mutant"]): x for x in map(json.loads, book.open())}
    counts = Counter()
    for mutant in sorted(mutants):
        verdict = told[tuple(mutant)]["verdict"]
        counts[mutant.room, verdict] += 1
        if verdict != "killed":
            print(f"{mutant.path}:{mutant.line}:{mutant.column} {mutant.operator} {verdict}")
    for room in sorted({room for room, _ in counts}):
        killed = counts[room, "killed"]
        total = sum(n for (where, _), n in counts.items() if where == room)
        print(f"{room:12} {killed} of {total} killed, {killed / total:.0%}")


if __name__ == "__main__":
    sys.exit(main())
