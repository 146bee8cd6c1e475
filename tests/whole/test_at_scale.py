"""``docs/at-scale.md``: its tables are the script's, made of what the library counts."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from nmf_accel.intake import Given, prepare

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "at_scale.py"))
PAGE = (DOCS / "at-scale.md").read_text()


def test_the_tables_are_those_of_the_script():
    assert SCRIPT["written"](PAGE) == PAGE
    assert all(table in PAGE for table in SCRIPT["TABLES"].values())
    assert len(SCRIPT["TABLES"]) == 3


def test_bytes_and_operations_are_those_of_the_library():
    A = np.random.default_rng(0).random((30, 50), dtype=np.float32)
    problem = prepare(Given(A), backend="numpy")
    device = SCRIPT["Device"]("one", 1.0, 1 / SCRIPT["OF_BYTES"], 1 / SCRIPT["OF_OPERATIONS"])
    work = SCRIPT["Work"](30, 50, 4, 1, 1, device, SCRIPT["NVLINK"])
    assert work.reading == pytest.approx(problem.moved(4))
    assert work.computing == pytest.approx(problem.flops(4))
    assert work.exchanging == 0
    assert SCRIPT["STATES"] == problem.backend.states_at_once


def test_what_is_exchanged_is_the_gram_matrix_and_the_product_with_a():
    device, network = SCRIPT["H100"], SCRIPT["Network"]("one", 1.0, 0.0)
    by_columns = SCRIPT["Work"](100, 10**6, 8, 1, 4, device, network)
    assert by_columns.exchanging == pytest.approx(2 * 3 / 4 * (8**2 + 8 * 100) * 4)
    on_a_grid = SCRIPT["Work"](100, 10**6, 8, 2, 2, device, network)
    numbers = 2 * 8**2 + 8 * 50 + 8 * 500_000
    assert on_a_grid.exchanging == pytest.approx(2 * 1 / 2 * numbers * 4)
