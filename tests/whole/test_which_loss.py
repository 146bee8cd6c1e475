"""``docs/which-loss.md``: its examples run, and its pictures and what links to it are there."""

import re
from pathlib import Path

import pytest
from conftest import run_python

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "which-loss.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_examples_run_as_they_stand():
    pytest.importorskip("scipy")
    pytest.importorskip("skimage")
    assert len(EXAMPLES) == 3
    brief = re.sub(r"max_iter=\d+", "max_iter=5", "".join(EXAMPLES))
    code = f"import os, sys; os.chdir({str(ROOT)!r}); sys.path.insert(0, ''); exec({brief!r})"
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_its_pictures_are_there_and_small():
    linked = [ROOT / "docs" / name for name in re.findall(r"\]\(([^)#]+)\)", TEXT)]
    assert sorted(linked) == sorted((ROOT / "docs").glob("which-loss-*.png"))
    assert len(linked) == 3
    assert max(file.stat().st_size for file in linked) < 120_000


def test_the_readme_links_to_it():
    assert f"](docs/{PAGE.name})" in (ROOT / "README.md").read_text()
    assert max(map(len, TEXT.splitlines())) <= 104
