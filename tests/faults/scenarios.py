"""Work that writes files, and how to tell that nothing was lost and nothing is false."""

import hashlib
import json
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from injector import ended

from nmf_accel import Factorization
from nmf_accel.cli import main
from nmf_accel.sweeps import Store, StoreError, sweep

A = np.random.default_rng(7).random((12, 9))


def command(*arguments):
    """Work that is a command."""
    return lambda: main([*map(str, arguments)])


class Scenario(ABC):
    """Work that is done in a folder, and may be done there again after whatever befell it.

    Parameters
    ----------
    base : Path
        An empty folder, for what the work reads.
    """

    def __init__(self, base):
        self.base = base
        np.save(base / "a.npy", A)
        self.before = base / "before"
        self.before.mkdir()
        self.prepare(self.before)

    def prepare(self, out):  # noqa: B027  most need nothing
        """Make what lies in the folder before the work begins: by default, nothing."""

    def set_up(self, out):
        """Lay the folder out anew."""
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self.before, out)

    @abstractmethod
    def work(self, out):
        """The work in that folder, a function of nothing."""

    @abstractmethod
    def state(self, out):
        """What is there, to compare; fails if anything there is not whole."""

    def allows(self, ended, fault):
        """Whether it may end so: by a command, in at most a line beside what it prints anyway."""
        errors = [x for x in ended.printed.splitlines() if x.startswith("Error")]
        said = len(errors) == (ended.status in (1, 2)) and "Traceback" not in ended.printed
        return said and fault.allows(ended.status)

    def goes_on(self, state, after):
        """Whether what was there after a fault was not made again."""
        return state.get("seconds", {}).items() <= after.get("seconds", {}).items()

    def check_kept(self, state, whole):  # noqa: B027
        """Fail if what is there after a fault is anything but a part of all that is to come."""


def rounded(error):
    """An error to the digits that do not depend on what its run was packed with."""
    return float(f"{error:.10g}")


def digest(*arrays):
    """A short hash of arrays."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()


def litter(out):
    """Files that a writer which was stopped has left behind."""
    return [str(x.relative_to(out)) for x in out.rglob(".*.*") if x.is_file()]


class OfSweep(Scenario):
    """A folder of a sweep."""

    keep = "best"

    def state(self, out):
        """Its rows, the factors that are to be there, held against A; and what should not be."""
        state = {"rows": {}, "seconds": {}, "litter": litter(out), "files": []}
        if not (out / "sweep.json").exists():
            return state
        store = Store.read(out)
        for row in store.rows:
            key = row["rank"], row["seed"]
            state["rows"][key] = rounded(row["error"]), row["iterations"]
            state["seconds"][key] = row["seconds"]
        for rank, seed in store.wanted:
            found = store.load(rank, seed)
            error = np.linalg.norm(A - found.W @ found.H)
            told = f"rank {rank}, seed {seed}: factors of another run"
            assert rounded(error) == state["rows"][rank, seed][0], told
        files = (out / "factors").iterdir()
        state["files"] = sorted(x.name for x in files if not x.name.startswith("."))
        return state

    def check_kept(self, state, whole):
        """Every row is that of the sweep that nothing befell; those of before are there."""
        assert state["rows"].items() <= whole["rows"].items(), "a row is another one"
        assert self.state(self.before)["seconds"].items() <= state["seconds"].items(), (
            "rows are lost"
        )


class Sweep(OfSweep):
    """A sweep in Python."""

    seeds = 3

    def allows(self, ended, fault):
        """In Python it ends by one of three kinds of errors, or by the signal itself."""
        if fault.signal:
            return ended.status in (0, -fault.signal, 128 + fault.signal)
        words = ended.printed.strip().splitlines() or [""]
        return ended.status == 0 or words[-1].startswith(
            ("OSError", "nmf_accel", "PermissionError")
        )

    def work(self, out):
        return lambda: sweep(
            A, [2, 3], self.seeds, max_iter=20, keep=self.keep, store=out, backend="numpy"
        )


class SweepOfAll(Sweep):
    """One that keeps all factors."""

    keep = "all"


class SweepOfNone(Sweep):
    """One that keeps no factors."""

    keep = "none"


class SweepWithDamage(Sweep):
    """One into a folder whose best factors are lost, and a line of which is bent."""

    def prepare(self, out):
        sweep(A, [2, 3], self.seeds, max_iter=20, keep=self.keep, store=out, backend="numpy")
        store = Store.read(out)
        for rank, seed in store.wanted:
            store.factors(rank, seed).unlink()
        lines = (out / "runs.jsonl").read_text().splitlines(keepends=True)
        (out / "runs.jsonl").write_text("".join([*lines[:-1], lines[-1][:-20] + "\n"]))

    def state(self, out):
        """Nothing, until all is mended: a reader is refused in words."""
        try:
            return super().state(out)
        except StoreError:
            return {"rows": {}, "seconds": {}, "litter": litter(out), "files": []}

    def check_kept(self, state, whole):
        """What was not damaged may be there, or not yet."""
        assert state["rows"].items() <= whole["rows"].items(), "a row is another one"


class SweepWithMore(Sweep):
    """One that goes on with more seeds, whose best runs do away with those of before."""

    seeds = 6

    def prepare(self, out):
        sweep(A, [2, 3], 2, max_iter=20, keep=self.keep, store=out, backend="numpy")


class SweepCommand(OfSweep):
    """The command, with its pictures."""

    def work(self, out):
        given = [self.base / "a.npy", "--ranks", "2,3", "--seeds", "2", "--max-iter", "20"]
        return command("sweep", *given, "--backend", "numpy", "--no-progress", "--out", out)


class Merge(OfSweep):
    """Two sweeps into one folder."""

    def __init__(self, base):
        super().__init__(base)
        for name, seeds in (("one", [0, 1]), ("two", [1, 2])):
            sweep(A, [2, 3], seeds, max_iter=20, store=base / name, backend="numpy")

    def work(self, out):
        return command("merge", self.base / "one", self.base / "two", "--out", out)


class Fit(Scenario):
    """A fit in a folder that holds another one."""

    rank = 3

    def prepare(self, out):
        status = ended(command(*self.arguments(out, 2), "--tables", "tsv"))
        assert status == 0

    def arguments(self, out, rank):
        """Those of the command."""
        given = [self.base / "a.npy", "--rank", rank, "--max-iter", "20", "--no-progress"]
        return ["fit", *given, "--backend", "numpy", "--out", out]

    def work(self, out):
        return command(*self.arguments(out, self.rank))

    def state(self, out):
        """Factors, tables and pictures; each is whole, of the fit before or of this one."""
        result = Factorization.load(out / "factorization.npz")
        state = {"factors": digest(result.W, result.H), "litter": litter(out)}
        for path in sorted(out.glob("[WH].*sv")):
            separator = {".csv": ",", ".tsv": "\t"}[path.suffix]
            lines = [line.split(separator) for line in path.read_text().splitlines()]
            numbers = np.array([line[1:] for line in lines[1:]], dtype=float)
            state[path.name] = digest(numbers)
        for path in out.glob("*.png"):
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), f"{path} is cut"
            state[path.name] = True
        return state

    def check_kept(self, state, whole):
        """Factors and tables are whole ones."""
        assert state["factors"] in {whole["factors"], self.state(self.before)["factors"]}


class Study(Scenario):
    """A small study."""

    def work(self, out):
        small = ["--n-images", "8", "--tasks", "1", "--ranks", "2,3", "--max-iter", "10"]
        given = ["sprites", *small, "--backend", "numpy", "--no-progress"]
        return command("study", *given, "--out", out)

    def state(self, out):
        """The runs, the numbers and the report."""
        rows = {}
        for head in sorted((out / "runs").rglob("sweep.json")) if (out / "runs").exists() else []:
            for row in Store.read(head.parent).rows:
                key = (head.parent.name, row["rank"], row["seed"])
                rows[key] = rounded(row["error"])
        files = [x for x in out.rglob("*") if x.is_file()]
        names = sorted(str(x.relative_to(out)) for x in files if not x.name.startswith("."))
        for path in files:
            if path.suffix == ".json":
                json.loads(path.read_text())
            if path.suffix == ".png":
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), f"{path} is cut"
            if path.name == "report.html":
                assert path.read_text().rstrip().endswith("</html>"), "the report is cut"
        return {"rows": rows, "names": names, "litter": litter(out)}

    def check_kept(self, state, whole):
        """Every row is that of the study that nothing befell."""
        assert state["rows"].items() <= whole["rows"].items(), "a row is another one"


SCENARIOS = {
    "sweep": Sweep,
    "sweep that keeps all": SweepOfAll,
    "sweep that keeps none": SweepOfNone,
    "sweep with damage": SweepWithDamage,
    "sweep with more seeds": SweepWithMore,
    "sweep command": SweepCommand,
    "merge command": Merge,
    "fit command": Fit,
    "study command": Study,
}


def made(name, base):
    """The scenario of that name, in a folder of its own."""
    base = Path(base).resolve() / name.replace(" ", "-")
    base.mkdir(parents=True)
    return SCENARIOS[name](base)
