"""``nmf-accel rank``: a folder, pictures, a table and a sentence."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from known_ranks import data
from matplotlib.figure import Figure

from nmf_accel import SweepResult, choose_rank
from nmf_accel.cli import main
from nmf_accel.selection import Agreement, agreement, repetition_by_rank
from nmf_accel.sweeps import Store
from nmf_accel.sweeps.here import Here

FEW = {"solver": "hals", "max_iter": 20, "backend": "numpy"}
OPTIONS = ("--solver", "hals", "--max-iter", "20", "--backend", "numpy")
A = data("gaussian 10 %", 0, (30, 40))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)


def run(*args, status=0):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


def test_it_says_draws_and_keeps_what_choose_rank_finds(tmp_path):
    printed = run(
        "rank", "a.npy", "--ranks", "2:8:2", "--seeds", 2, *OPTIONS, "--out", "out"
    ).stdout
    expected = choose_rank(A, [2, 4, 6, 8], seeds=2, **FEW)
    assert str(expected) in printed
    assert printed.startswith("a.npy: 30 features × 40 samples")
    line = next(line for line in printed.splitlines() if "chosen" in line)
    assert line.split()[:2] == [
        str(expected.rank),
        f"{expected.row(expected.rank)['held_out']:.4g}",
    ]
    assert "50 runs in out; rank.png shows what they say" in printed
    names = [f"consensus-{expected.rank}"] * (expected.rank > 1) + ["rank", "sweep"]
    assert pictures("out") == [f"{name}.{ending}" for name in names for ending in ("png", "svg")]
    store = Store.read("out")
    assert (store.settings["keep"], store.settings["folds"]) == ("all", 5)
    assert store.about["taken"].startswith("a.npy")
    again = run("rank", "a.npy", "--ranks", "2:8:2", "--seeds", 2, *OPTIONS, "--out", "out").stdout
    assert again == printed
    (tmp_path / "out" / "rank.png").unlink()
    shown = run("show", "out").stdout
    assert str(expected) in shown
    assert (tmp_path / "out" / "rank.png").exists()


def pictures(folder):
    return sorted(path.name for path in Path(folder).glob("*.*g"))


def test_show_draws_what_a_sweep_without_folds_says_of_components_and_samples(monkeypatch):
    command = ("sweep", "a.npy", "--ranks", "2,3", "--seeds", 3, *OPTIONS)
    printed = run(*command, "--keep", "all", "--out", "all").stdout
    rows = repetition_by_rank(SweepResult.read("all"))
    for row in rows:
        numbers = f"{row['silhouette']:.2f} +{row['cosine']:.2f} +{row['repeating']} of"
        assert re.search(rf"\n{row['rank']} +{numbers} {row['rank']}\n", printed)
    assert len(rows) == 2
    assert pictures("all") == ["rank.png", "rank.svg", "sweep.png", "sweep.svg"]
    drawn = []
    monkeypatch.setattr("nmf_accel.cli.folder.MOST_SAMPLES", 15)
    monkeypatch.setattr(Agreement, "plot", lambda self: drawn.append(self) or Figure())
    run("show", "all", "--rank", 3)
    assert pictures("all")[:2] == ["consensus-3.png", "consensus-3.svg"]
    expected = agreement(SweepResult.read("all"), 3, slice(None, None, 3))
    np.testing.assert_array_equal(drawn[0].consensus, expected.consensus)
    printed = run(*command, "--out", "best").stdout
    assert "silhouette" not in printed
    run("show", "best", "--rank", 3)
    assert pictures("best") == ["sweep.png", "sweep.svg"]


def test_rows_as_json_say_which_is_chosen():
    printed = run("rank", "a.npy", "--ranks", "2,3", "--seeds", 1, *OPTIONS, "--json").stdout
    rows = [json.loads(line) for line in printed.splitlines()]
    expected = choose_rank(A, [2, 3], seeds=1, **FEW)
    said = [
        {**row, "within": row["rank"] in expected.within, "chosen": row["rank"] == expected.rank}
        for row in expected.table
    ]
    assert rows == said


def test_of_a_folder_of_before_there_was_an_error_in_sample(monkeypatch):
    def former(self, *args):
        return {**described(self, *args), "in_sample": None}

    described = Here._row
    monkeypatch.setattr(Here, "_row", former)
    command = ("rank", "a.npy", "--ranks", "2", "--seeds", 1, *OPTIONS)
    line = next(x for x in run(*command).stdout.splitlines() if x.startswith("2 "))
    assert line.split()[3:5] == ["-", "-"]
    row = json.loads(run(*command, "--json").stdout.splitlines()[-1])
    assert (row["in_sample"], row["in_sample_se"]) == (None, None)


def test_a_sweep_with_folds_says_it_too_and_one_without_does_not():
    shared = ("sweep", "a.npy", "--ranks", "1,2,3", "--seeds", 5, *OPTIONS)
    assert "held-out error" in run(*shared, "--folds", 5, "--out", "folded").stdout
    assert "held-out error" not in run(*shared, "--out", "whole").stdout


def test_folders_of_parts_of_the_ranks_are_merged():
    shared = ("sweep", "a.npy", "--seeds", 5, "--folds", 5, "--keep", "all", *OPTIONS)
    for name, ranks in (("a", "1,2"), ("b", "3")):
        run(*shared, "--ranks", ranks, "--out", name)
    printed = run("merge", "a", "b", "--out", "both").stdout
    assert str(choose_rank(A, [2, 3], seeds=1, **FEW)) in printed


def test_of_one_sample_nothing_is_drawn_of_samples_that_go_together():
    np.save("one.npy", A[:, :1])
    shared = ("sweep", "one.npy", "--ranks", "2", "--seeds", 2, "--keep", "all", *OPTIONS)
    run(*shared, "--out", "one")
    assert "rank 2, seed" in run("show", "one", "--rank", 2).stdout
    assert pictures("one") == ["rank.png", "rank.svg", "sweep.png", "sweep.svg"]


def test_before_a_rank_is_finished_show_says_nothing_of_it(tmp_path):
    run("sweep", "a.npy", "--ranks", "2", "--seeds", 3, "--folds", 5, *OPTIONS, "--out", "part")
    assert "held-out error" not in run("show", "part").stdout
    assert not (tmp_path / "part" / "rank.png").exists()


def test_factors_that_are_lost_are_told_and_the_rest_is_shown(tmp_path):
    run("rank", "a.npy", "--ranks", "2", "--seeds", 1, *OPTIONS, "--out", "out")
    (tmp_path / "out" / "factors" / "rank-2-seed-3.npz").unlink()
    (tmp_path / "out" / "rank.png").unlink()
    shown = run("show", "out")
    assert "how components repeat is not shown: " in shown.stderr
    assert "10 runs in out" in shown.stdout
    assert str(choose_rank(A, [2], seeds=1, keep="none", **FEW)) in shown.stdout
    assert (tmp_path / "out" / "rank.png").exists()
    best = SweepResult.read("out").best_row(2)["seed"]
    (tmp_path / "out" / "factors" / f"rank-2-seed-{(best + 1) % 5}.npz").write_bytes(b"PK")
    listed = run("show", "out", "--rank", 2)
    assert "which samples go together is not drawn: " in listed.stderr
    assert f"rank 2, seed {best}: largest" in listed.stdout


def test_of_a_sweep_without_folds_too(tmp_path):
    command = ("sweep", "a.npy", "--ranks", "2", "--seeds", 2, "--keep", "all", *OPTIONS)
    run(*command, "--out", "out")
    (tmp_path / "out" / "factors" / "rank-2-seed-1.npz").unlink()
    shown = run("show", "out")
    assert "how components repeat is not shown: " in shown.stderr
    assert "2 runs in out" in shown.stdout


def test_what_cannot_be_chosen_is_refused_in_a_line():
    refused = run("rank", "a.npy", "--ranks", "1", *OPTIONS, status=2)
    assert refused.stderr == "Error: ranks is [1], which leaves no choice; name one above 1\n"
    refused = run("rank", "a.npy", "--ranks", "2", "--folds", 1, *OPTIONS, status=2)
    assert refused.stderr == "Error: folds is 1; it must be from 2 to 255\n"
