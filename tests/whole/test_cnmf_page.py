"""What ``docs/cnmf.md`` shows can be typed, in small."""

import json
import re
from pathlib import Path

import anndata
import numpy as np
import pytest
from cnmf_objects import simulated, their_words

PAGE = Path(__file__).parents[2] / "docs" / "cnmf.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
SMALLER = {
    "range(5, 12)": "[3]",
    "n_iter=100": "n_iter=6",
    "k=9": "k=3",
    "rank=9": "rank=3",
    "seeds=100": "seeds=8",
    "tol=1e-4": "tol=1e-2",
    "density_threshold=0.1": "density_threshold=0.5",
}


def in_small(block):
    for large, small in SMALLER.items():
        block = block.replace(large, small)
    return block


def test_its_times_are_those_that_were_measured():
    *_, newest = sorted((PAGE.parents[1] / "bench" / "results").glob("cnmf-*.json"))
    measured = json.loads(newest.read_text())
    for loss in ("frobenius", "kullback-leibler"):
        found = measured[loss]["seconds"]
        times = [f"{found['median'][way]:.1f} s" for way in ("cNMF", "float64", "float32")]
        faster = [f" ({found['faster'][way]:.0f} times faster)" for way in ("float64", "float32")]
        cells = [loss, str(measured[loss]["runs"]), *map(str.__add__, times, ["", *faster])]
        assert f"| {' | '.join(cells)} |" in PAGE.read_text()


@pytest.fixture
def _data(tmp_path, monkeypatch):
    """The files that the page reads, in the working directory."""
    monkeypatch.chdir(tmp_path)
    counts, _ = simulated(90, 60, 3, 2000)
    anndata.AnnData(counts).write_h5ad("counts.h5ad")
    anndata.AnnData(counts / counts.std()).write_h5ad("normalized.h5ad")


@pytest.mark.usefixtures("_data", "cnmf")
def test_the_lines_with_cnmf():
    with_cnmf, *_ = BLOCKS
    with their_words():
        exec(in_small(with_cnmf), {})
    names = {path.name for path in Path("out/pbmc").iterdir()}
    assert {"pbmc.k_selection.png", "pbmc.gene_spectra_score.k_3.dt_0_5.txt"} <= names


@pytest.mark.usefixtures("_data")
def test_the_lines_without(capsys):
    _, alone, again = map(in_small, BLOCKS)
    space = {}
    exec(alone, space)
    assert "at rank 3: 0 of 24 components left out" in capsys.readouterr().out
    exec(
        "from nmf_accel import sweep\n"
        "sweep(cells, [3], 8, keep='all', store='runs', solver='hals', max_iter=100)\n" + again,
        space,
    )
    for name in ("sharper", "stored"):
        likeness = np.corrcoef(space[name].programs.T, space["result"].programs.T)[:3, 3:]
        assert likeness.max(axis=1).min() > 0.99
    [for_all] = re.findall(r"`(nmf\(all_genes.*?)`", PAGE.read_text())
    exec("from nmf_accel import nmf\nall_genes = cells\nfound = " + in_small(for_all), space)
    np.testing.assert_allclose(space["found"].H, space["result"].usage.T)
