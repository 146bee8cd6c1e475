"""``docs/which-rank.md``: its tables are what was measured, and its examples run."""

import json
import re
import sys
from pathlib import Path

import pytest
from conftest import run_python

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "which-rank.md"
TEXT = PAGE.read_text()
FOUND = json.loads((ROOT / "bench/results/which-rank-2026-11-30.json").read_text())
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def rows_of(title):
    """The rows of the table whose first heading that is."""
    lines = TEXT.partition(f"| {title} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_how_often_each_criterion_was_right_is_what_was_counted():
    data = FOUND["data"]
    assert len(data) == 27
    kinds = list(dict.fromkeys(one["kind"] for one in data))
    expected = [
        [
            criterion,
            *(
                sum(x["found"][criterion] == x["rank"] for x in data if x["kind"] == kind)
                for kind in kinds
            ),
            sum(x["found"][criterion] == x["rank"] for x in data),
        ]
        for criterion in data[0]["found"]
    ]
    found = [[name, *map(int, counts)] for name, *counts in rows_of("right, of 3")]
    assert found == expected
    assert len(kinds) == 9


def test_where_cross_validation_misleads_the_ranks_are_those_that_were_found():
    expected = [
        [name, str(x["rank"])]
        + [", ".join(str(one[by]) for one in x["of"]) for by in ("entries", "blocks", "repeat")]
        for name, x in FOUND["misled"].items()
    ]
    assert rows_of("data") == expected


def test_seconds_are_the_medians_of_the_file():
    told = re.search(
        r"beside it\): ([\d.]+) for .* ([\d.]+) for\s.* ([\d.]+) for .* ([\d.]+) for", TEXT
    )
    for seconds, name in zip(told.groups(), FOUND["data"][0]["s"], strict=True):
        values = sorted(x["s"][name] for x in FOUND["data"])
        assert float(seconds) == round(values[len(values) // 2], 1)


@pytest.fixture
def measuring(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("which_rank", None)


@pytest.mark.parametrize(("kind", "seed"), [("collinear", 0), ("pure noise", 1)])
def test_the_criteria_find_what_the_file_says(measuring, kind, seed):
    import which_rank

    (of,) = [x["found"] for x in FOUND["data"] if (x["kind"], x["seed"]) == (kind, seed)]
    A = which_rank.data(kind, seed)
    found = {**which_rank.held_out_blocks(A), **which_rank.of_seeds(A)}
    assert found == {name: of[name] for name in found}


def test_the_examples_run_as_they_stand(tmp_path):
    pytest.importorskip("sklearn")
    assert len(EXAMPLES) == 2
    brief = "".join(EXAMPLES).replace("max_iter=100", "max_iter=3").replace("(1, 17)", "(1, 12, 5)")
    brief = brief.replace(".data.T", ".data.T[:, ::9]")
    done = run_python(f"import os; os.chdir({str(tmp_path)!r}); exec({brief!r})")
    assert done.returncode == 0, done.stderr
    assert {x.name for x in tmp_path.iterdir()} == {"rank.png", "consensus.png"}
    assert "Rank 11, 15 runs: cophenetic correlation" in done.stdout


def test_its_pictures_are_there_and_small():
    linked = [ROOT / "docs" / name for name in re.findall(r"\]\(([^)#]+\.png)\)", TEXT)]
    assert sorted(linked) == sorted((ROOT / "docs").glob("which-rank-*.png"))
    assert len(linked) == 2
    assert max(file.stat().st_size for file in linked) < 160_000


def test_the_readme_links_to_it():
    assert f"](docs/{PAGE.name})" in (ROOT / "README.md").read_text()
    assert max(map(len, TEXT.splitlines())) <= 110
