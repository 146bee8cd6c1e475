"""A sample of all faults at all file events; ``python tests/faults/every.py`` tries them all."""

import os
import shutil

import pytest
from every import in_a_process
from scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(
    os.name != "posix" or shutil.which("gcc") is None, reason="faults need gcc and LD_PRELOAD"
)

COUNT = {"study command": 5, "sweep command": 16, "fit command": 16, "merge command": 24}
"""Of those that take long, how many; of the others `MANY`."""
MANY = 40


@pytest.mark.parametrize("name", SCENARIOS)
def test_after_a_fault_nothing_is_lost_and_the_same_work_ends_alike(name):
    found = in_a_process(name, COUNT.get(name, MANY))
    assert sum(found["tried"].values()) == COUNT.get(name, MANY)
    assert not found["wrong"]
