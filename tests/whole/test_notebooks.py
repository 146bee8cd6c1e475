"""The notebooks run from top to bottom, and are committed executed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
STUDIES = ["01_properties", "02_images", "03_denoising"]
NAMES = [*STUDIES, "04_sklearn", "05_which_rank"]
SMALL = {
    "N_IMAGES": "20",
    "RANKS": "(2, 4)",
    "MAX_ITER": "8",
}


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook):
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def made_small(source):
    """The parameter cell with small numbers in the place of its own."""
    lines = []
    for line in source.splitlines():
        name = line.partition(" = ")[0]
        lines.append(f"{name} = {SMALL[name]}" if name in SMALL else line)
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, tmp_path):
    notebook = read(name)
    cell = parameters(notebook)
    assert ('DATASET = "sprites"' in cell.source) == (name in STUDIES)
    cell.source = made_small(cell.source)
    assert "MAX_ITER = 8" in cell.source
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    for cell in code_cells(notebook):
        assert not [out for out in cell.outputs if out.output_type == "error"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_executed(name):
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < 2e6
    cells = code_cells(read(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {kind for cell in cells for out in cell.outputs for kind in out.get("data", {})}
    assert {"image/png", "text/html", "text/markdown"} <= kinds
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    assert not [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
