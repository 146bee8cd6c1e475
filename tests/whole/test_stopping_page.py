"""What ``docs/stopping.md`` says of a `tol` is what was measured, and is so still."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.sklearn import NMF

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/stopping.md").read_text()
FOUND = json.loads((ROOT / "bench/results/stopping-2026-11-29.json").read_text())
HIDDEN = json.loads((ROOT / "bench/results/hidden-2026-11-29.json").read_text())


def test_the_table_is_that_of_the_file():
    lines = re.findall(r"^\| (\de-\d) \| (.+?) % \| (.+?) % \| (.+?) % \| (\d+) \|$", PAGE, re.M)
    assert len(lines) == 7
    for tol, *figures, count in lines:
        runs = [run[f"{float(tol):g}"] for x in FOUND.values() for run in x["runs"].values()]
        excess = 100 * np.array([x for x in runs if x is not None])
        assert excess.size == int(count)
        expected = np.quantile(excess, [0.5, 0.9, 1])
        np.testing.assert_allclose(np.array(figures, float), expected, rtol=0.06)


def test_the_estimators_solvers_end_no_further_than_it_says():
    above = {
        (name, solver): error / x["estimator"]["cd"] - 1
        for name, x in FOUND.items()
        for solver, error in x["estimator"].items()
    }
    assert len(FOUND) == 10
    another_minimum = above.pop(("sprites", "bpp"))
    assert 0.085 < another_minimum < 0.095
    assert 0.0055 < max(above.values()) < 0.0065
    assert -0.25 < min(above.values()) < -0.24


def percent(text):
    return None if text == "–" else float(text.removesuffix(" %")) / 100


def test_the_table_of_what_is_not_seen_is_that_of_the_file():
    lines = re.findall(r"^\| (.+) \| `(hals|apg)` \| (\S+) \| (.+) \|$", PAGE, re.M)
    names = [name for name in HIDDEN for _ in HIDDEN[name]]
    assert len(lines) == len(names) == 10
    for name, (_, solver, relative, cells) in zip(names, lines, strict=True):
        of, figures = HIDDEN[name][solver], map(percent, cells.split(" | "))
        assert float(relative) == pytest.approx(of["relative"], rel=0.06)
        for tol, found in zip(("0.001", "0.0001", "1e-05", "1e-06"), figures, strict=True):
            assert found == (None if of[tol] is None else pytest.approx(of[tol], rel=0.06))


@pytest.fixture
def measuring(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield
    for name in ("hidden", "stopping"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("name", "solver"), [("blocks", "hals"), ("uniform", "bpp")])
def test_a_run_stops_at_the_error_of_the_file(measuring, name, solver):
    import stopping

    A, rank = stopping.matrices()[name]
    of = FOUND[name]["runs"][f"{solver} from random"]
    options = {"solver": solver, "stop": "kkt", "backend": "numpy"}
    for tol in (1e-2, 1e-3):
        found = nmf(A, rank, tol=tol, check_every=1, **options)
        assert found.error == pytest.approx(of["least"] * (1 + of[f"{tol:g}"]), rel=1e-5)


def test_an_offset_hides_what_the_file_says_it_hides(measuring):
    import hidden

    given, rank = hidden.matrices()["offset"]
    found, of = hidden.history(given, rank, "hals"), HIDDEN["offset"]["hals"]
    assert found["relative"] == pytest.approx(of["relative"], rel=1e-3)
    for tol in ("0.001", "0.0001"):
        assert found[tol] == pytest.approx(of[tol], rel=0.02)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_the_estimator_stops_where_the_page_says_on_graded_components(measuring):
    import hidden

    given, rank = hidden.matrices()["graded"]
    errors = {}
    for solver in ("cd", "hals", "apg"):
        model = NMF(rank, solver=solver, init="nndsvda", max_iter=2000, random_state=0)
        errors[solver] = model.fit(given.passed.T).reconstruction_err_
    assert "`hals` at 1.7 and `apg` at 2.5 times the error of `cd`" in PAGE
    assert errors["hals"] / errors["cd"] == pytest.approx(1.7, rel=0.05)
    assert errors["apg"] / errors["cd"] == pytest.approx(2.5, rel=0.05)
