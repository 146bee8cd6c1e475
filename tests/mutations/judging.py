"""Which tests run through a line, and whether they notice a change there."""

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from collections import defaultdict
from itertools import accumulate
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[2]
QUICK = 5
"""Seconds of its room's tests that a mutant meets first; others only if it survives these."""
ELSEWHERE = "strict and not punk"
"""Of the tests of a room, those that run what is for other backends than NumPy."""
PATIENCE = (60, 3)
"""Seconds, and so many times those of its tests, after which a mutant hangs, and is noticed."""

RAN = (0, 1)
"""Statuses of pytest: all passed, or some did not."""
NONE_FAILED = (0, 5)
"""Statuses of pytest: all passed, or none was chosen."""

SETTINGS = """
[run]
data_file = {data}
dynamic_context = test_function
relative_files = true
source = nmf_accel
concurrency = thread
"""


class Tests:
    """The tests, how long each takes, and the lines that each runs through.

    Parameters
    ----------
    record : Path
        A folder for what a run of all tests told; made by that if it is not there.
    paths : list of str
        Where they are, from the root.
    words : str
        Which of them, as pytest's `-k` has it.
    most : float
        Seconds of tests that a mutant meets in all, the fastest first.
    """

    def __init__(self, record, paths, words, most):
        self.record, self.paths, self.words, self.most = record, paths, words, most
        if not (record / "done").exists():
            record.mkdir(parents=True, exist_ok=True)
            self._run_all()
        self.seconds = durations(record / "times.xml")
        self.data = coverage.CoverageData(str(record / "coverage"))
        self.data.read()

    def _run_all(self):
        settings = self.record / "settings"
        settings.write_text(SETTINGS.format(data=self.record / "coverage"))
        run = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m"]
        tests = [
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "--benchmark-disable",
        ]
        times = [f"--junitxml={self.record / 'times.xml'}", "-o", "junit_family=xunit1"]
        command = [*run, *tests, *times, *self.paths, "-k", self.words]
        status = subprocess.run(command, cwd=ROOT, env=alone(ROOT)).returncode
        if status not in RAN:
            raise RuntimeError(f"pytest ended with status {status}")
        (self.record / "done").touch()

    def through(self, path, line):
        """The tests that run through a line, the fastest first; all, where it is run on import."""
        contexts = self.data.contexts_by_lineno(path).get(line, [])
        names = {context for context in contexts if context}
        found = [test for test in self.quickest if context_of(test) in names]
        return self.quickest if not found and "" in contexts else found

    @property
    def quickest(self):
        """All tests, the fastest first."""
        return sorted(self.seconds, key=self.seconds.__getitem__)

    def parts(self, tests, room=""):
        """Some of these tests, in two parts: quick ones of a room, where most fall; and others."""
        until = accumulate(map(self.seconds.__getitem__, tests))
        tests = [test for test, total in zip(tests, until, strict=True) if total <= self.most]
        own = [test for test in tests if test.startswith(f"tests/{room}")]
        until = accumulate(map(self.seconds.__getitem__, own))
        first = [test for test, total in zip(own, until, strict=True) if total <= QUICK]
        return [part for part in (first, [x for x in tests if x not in first]) if part]


def context_of(test):
    """What coverage calls a test function."""
    path, name = test.split("::", 1)
    return f"{Path(path).stem}.{name.replace('::', '.')}"


def durations(path):
    """Seconds of each test function that passed, over all its parameters, by its node."""
    seconds, failed = defaultdict(float), set()
    for case in xml.parse(path).iter("testcase"):
        path, name = case.get("file") or "", case.get("name").split("[")[0]
        within = case.get("classname").split(".")[len(Path(path).parts) :]  # a class, or none
        test = "::".join([path, *within, name])
        seconds[test] += float(case.get("time"))
        # The file of scikit-learn's own tests, which are taken over, is not in the copies.
        if (
            not path.startswith("tests/")
            or case.find("failure") is not None
            or case.find("error") is not None
        ):
            failed.add(test)
    return {test: seconds[test] for test in seconds.keys() - failed}


def alone(root):
    """The environment of tests that have the code of a folder, and one thread."""
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **one, "PYTHONPATH": str(root)}


class Judge:
    """A copy of the project whose code is changed, and tested."""

    def __init__(self, tests):
        self.tests, self.told = tests, ""
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.root = Path(self.folder.name)
        known = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(known, cwd=ROOT, text=True).split("\0")[:-1]:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name, follow_symlinks=False)
        if killer := self._killer(tests.parts(tests.quickest)[0], tests.words):
            raise RuntimeError(f"{killer}: tests fail though nothing was changed; {self.told}")

    def verdict(self, mutant):
        """What became of a mutant: 'killed' with the test that did, or 'survived'."""
        path = self.root / mutant.path
        whole = path.read_text()
        try:
            path.write_text(mutant.code())
            if tests := self.tests.through(mutant.path, mutant.line):
                parts = self.tests.parts(tests, mutant.room)
                killers = (self._killer(part, self.tests.words) for part in parts)
            else:
                killers = iter([self._killer([f"tests/{mutant.room}"], ELSEWHERE)])
            if killer := next(filter(None, killers), ""):
                return "killed", killer
        finally:
            path.write_text(whole)
        return "survived", ""

    def _killer(self, tests, words):
        """The first of these tests that fails; nothing if none does."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no"]
        command += ["--benchmark-disable", *tests, "-k", words]
        least, times = PATIENCE
        patience = least + times * sum(self.tests.seconds.get(test, least) for test in tests)
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=alone(self.root),
                capture_output=True,
                text=True,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            return "it took too long"
        self.told = done.stdout + done.stderr
        if done.returncode in NONE_FAILED:
            return ""
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        # Where nothing can even be imported, no test fails.
        return failed[0].split(" - ")[0] if failed else f"status {done.returncode}"
