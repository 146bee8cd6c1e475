"""A sample of all faults at all file events; ``python tests/faults/every.py`` tries them all."""

import shutil
import sys

import pytest
from conftest import require_or_skip
from every import in_a_process
from scenarios import SCENARIOS

COUNT = {"study command": 3, "sweep command": 8, "fit command": 8, "merge command": 12}
"""Of those that take long, how many; of the others `MANY`."""
MANY = 20


@pytest.mark.parametrize("name", SCENARIOS)
def test_after_a_fault_nothing_is_lost_and_the_same_work_ends_alike(name):
    usable = sys.platform == "linux" and shutil.which("gcc") is not None
    require_or_skip("gcc", usable, "faults are injected on Linux, by a library that gcc compiles")
    found = in_a_process(name, COUNT.get(name, MANY))
    assert sum(found["tried"].values()) == COUNT.get(name, MANY)
    assert not found["wrong"]
