"""Measurements: runs of pytest that leave one file each in ``results``."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from nmf_accel.files import atomic_write

ROOT = Path(__file__).parents[1]
DEVICE = "cpu"
OPTIONS = ("-q", "-p", "no:cacheprovider", "-W", "default:Not saving anything")
RATIOS, CURVES = ("--ratios", "{folder}/rows.json"), ("--curves", "{folder}")


class Failed(Exception):
    """A measurement that left nothing; its words are what pytest said last."""


@dataclass(frozen=True)
class Measurement:
    """What is measured by one run of pytest.

    Attributes
    ----------
    name : str
        Of its file, ``results/DEVICE-DATE-NAME.json``; a picture beside it has the same name.
    tests : tuple of str
        What pytest is to run.
    saving : tuple of str
        The option by which that is saved.
    """

    name: str
    tests: tuple[str, ...]
    saving: tuple[str, ...] = RATIOS

    def files(self, folder, ending="json"):
        """Those that there are, the newest one last."""
        return sorted(folder.glob(f"{DEVICE}-????-??-??-{self.name}.{ending}"))

    def rows(self, folder):
        """What the newest file says, a case a row, and of which date; no rows where there is none.

        A file of curves says of one case all but the curves in ``about``.
        """
        if not (files := self.files(folder)):
            return []
        record = json.loads(files[-1].read_text())
        date = files[-1].name.removeprefix(f"{DEVICE}-")[: len("2000-01-01")]
        cases = record if isinstance(record, list) else [record["about"]]
        return [{**case, "date": date} for case in cases]

    def command(self, folder):
        """What saves to a folder."""
        saving = [part.format(folder=folder) for part in self.saving]
        return [sys.executable, "-m", "pytest", *OPTIONS, *self.tests, *saving]

    def measure(self, folder, date, *options):
        """Run it; what it saved takes the place of what was measured before, or all stays."""
        with TemporaryDirectory() as saved:
            done = subprocess.run(
                [*self.command(saved), *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            files = list(Path(saved).iterdir())
            if done.returncode or not files:
                raise Failed("\n".join(done.stdout.splitlines()[-20:]))
            for file in files:
                self.keep(file, folder, date)

    def keep(self, file, folder, date):
        """Take a file over, then let those of earlier days go."""
        ending = file.suffix[1:]
        path = folder / f"{DEVICE}-{date}-{self.name}.{ending}"
        with atomic_write(path) as kept:
            kept.write(file.read_bytes())
        for old in self.files(folder, ending):
            if old != path:
                old.unlink()
