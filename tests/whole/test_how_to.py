"""The pages of ``docs/how-to``: short, their examples run, and what they name is there."""

import pkgutil
import re
from pathlib import Path

import pytest
from conftest import run_python

ROOT = Path(__file__).parents[2]
LIST, *PAGES = sorted((ROOT / "docs/how-to").glob("*.md"))  # capitals first: README.md


def of_each(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.stem)


@of_each(PAGES)
def test_the_examples_run_as_they_stand(page):
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    done = run_python("".join(blocks))
    assert done.returncode == 0, done.stderr


@of_each([LIST, *PAGES])
def test_what_a_page_names_is_there(page):
    text = page.read_text()
    files = re.findall(r"(?:nmf_accel|tests)/[\w/]+\.py", text)
    assert files
    assert [name for name in files if not (ROOT / name).exists()] == []
    for name in re.findall(r"`(nmf_accel(?:\.\w+)+)`", text):
        assert pkgutil.resolve_name(name) is not None


@of_each([LIST, *PAGES])
def test_a_page_fits_on_one_screen(page):
    lines = page.read_text().splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100


def test_the_list_has_every_page():
    linked = re.findall(r"\]\(([\w-]+\.md)\)", LIST.read_text())
    assert sorted(linked) == [page.name for page in PAGES]
