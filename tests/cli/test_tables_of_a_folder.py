"""The tables in the folder of a fit are of that fit."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel import plots
from nmf_accel.cli import main

TABLES = ["H.csv", "H.parquet", "H.tsv", "W.csv", "W.parquet", "W.tsv"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(0).random((4, 5)))


def fit(*args):
    done = CliRunner().invoke(main, ["fit", "a.npy", "--rank", "2", "--max-iter", "2", *args])
    return done


def tables():
    return sorted(set(os.listdir("out")) & set(TABLES))


@pytest.mark.parametrize(
    ("kind", "left"), [("tsv", ["H.tsv", "W.tsv"]), ("csv", ["H.csv", "W.csv"]), ("none", [])]
)
def test_tables_of_another_kind_of_an_earlier_run_are_removed_and_it_is_said(kind, left):
    fit("--tables", "csv")
    Path("out/W.parquet").write_bytes(b"older")
    done = fit("--tables", kind)
    assert tables() == left
    said = done.stdout.partition("\nremoved")[2].partition("\n")[0]
    assert "W.parquet" in said
    assert ("W.csv" in said) == (kind != "csv")


def test_they_are_removed_where_text_would_be_huge_too(monkeypatch):
    fit()
    monkeypatch.setattr(sys.modules["nmf_accel.cli.fit"], "LARGEST_TEXT", 3)
    done = fit("--json")
    assert done.exit_code == 0
    assert tables() == []
    removed = json.loads(done.stdout)["removed"]
    assert sorted(map(os.path.basename, removed)) == ["H.csv", "W.csv"]


def test_tables_of_somebody_else_stay():
    os.mkdir("out")
    Path("out/W.parquet").write_bytes(b"mine")
    fit("--tables", "csv")
    assert Path("out/W.parquet").read_bytes() == b"mine"


def test_tables_are_there_even_if_no_picture_can_be_drawn(monkeypatch):
    def refuse(*_):
        raise ValueError("no picture today")

    monkeypatch.setattr(plots, "components", refuse)
    done = fit()
    assert done.exit_code == 2
    assert "no picture today" in done.stderr
    assert tables() == ["H.csv", "W.csv"]
