"""What ``docs/stopping.md`` says of a `tol` is what was measured."""

import json
import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/stopping.md").read_text()
FOUND = json.loads((ROOT / "bench/results/stopping-2026-11-29.json").read_text())


def test_the_table_is_that_of_the_file():
    lines = re.findall(r"^\| (\de-\d) \| (.+?) % \| (.+?) % \| (.+?) % \| (\d+) \|$", PAGE, re.M)
    assert len(lines) == 6
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
