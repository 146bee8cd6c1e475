"""Whatever became of a sweep's folder: the right result, or one line and status 2.

Each damage meets the three that read a store: `show`, the same sweep again, and `merge`.
"""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from damaged_stores import DAMAGES, LESS, REFUSED, SAME

from nmf_accel.cli import main
from nmf_accel.sweeps import Store, SweepResult

pytestmark = pytest.mark.filterwarnings("always::UserWarning")  # the command tells them itself

A = np.random.default_rng(0).random((7, 6))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder of a sweep, and the matrix beside it."""
    folder = tmp_path_factory.mktemp("good")
    np.save(folder / "a.npy", A)
    assert run("sweep", folder / "a.npy", *SWEEP, "--out", folder / "s").exit_code == 0
    return folder


@pytest.fixture(autouse=True, scope="module")
def _undrawn():
    """Pictures take most of the time, and say nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nmf_accel.plots.save", lambda *_: None)
        yield


SWEEP = ["--ranks", "2,3,4", "--seeds", "2", "--max-iter", "20", "--backend", "numpy"]


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def found(folder):
    """What a folder says of its runs."""
    names = ("rank", "seed", "iterations", "stopped_because")
    rows = sorted(Store.read(folder).rows, key=lambda row: (row["rank"], row["seed"]))
    return [tuple(row[x] for x in names) for row in rows], [row["error"] for row in rows]


ACTS = {
    "show": lambda folder: run("show", folder / "s"),
    "sweep": lambda folder: run("sweep", folder / "a.npy", *SWEEP, "--out", folder / "s"),
    "merge": lambda folder: run("merge", folder / "s", "--out", folder / "m"),
}


def outcome(act, folder, good):
    """What becomes of the act: all runs, fewer, or a refusal; nothing else."""
    done = ACTS[act](folder)
    assert "\x1b" not in done.output
    if done.exit_code == 2:
        (told,) = [x for x in done.stderr.splitlines() if not x.startswith("Warning: ")]
        assert told.startswith("Error: ")
        assert len(told) < 1000
        return REFUSED
    assert done.exit_code == 0, done.output[:1000] + repr(done.exception)
    where = folder / ("m" if act == "merge" else "s")
    (runs, errors), (all_runs, all_errors) = found(where), found(good / "s")
    right = dict(zip(all_runs, all_errors, strict=True))
    assert errors == pytest.approx([right[x] for x in runs], rel=1e-10)
    if runs != all_runs:
        return LESS
    if act != "show":
        assert_best_are_there(where)
    return SAME


def assert_best_are_there(folder):
    store = Store.read(folder)
    result = SweepResult(store.rows, store=store)
    for rank in (2, 3, 4):
        x = result.best(rank)
        assert np.linalg.norm(A - x.W @ x.H) == pytest.approx(result.best_row(rank)["error"])


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_ends_in_the_right_result_or_in_one_line(name, good, tmp_path):
    damage, expected = DAMAGES[name]
    found = []
    for act in ACTS:
        folder = shutil.copytree(good, tmp_path / act)
        damage(folder / "s")
        found.append(outcome(act, folder, good))
    assert tuple(found) == expected
