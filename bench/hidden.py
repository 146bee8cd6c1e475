"""What `tol` of ``stop="kkt"`` does not see: ``python bench/hidden.py``.

Data whose residual says little, since it is relative to all of A: components of very different
size, a large offset, few known entries. Written into ``results/``: by how much the error was above
that of the same run's end, 3,000 iterations, when the residual first fell to each `tol`; and the
relative error there. It takes some minutes on two cores.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from nmf_accel.core import Batch
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options

TOLS = (1e-3, 1e-4, 1e-5, 1e-6)
SOLVERS = ("hals", "apg")
END = 3000


def matrices() -> dict[str, tuple[Given, int]]:
    """The data sets, and a rank for each."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** np.linspace(-4, 0, 8)
    graded = (rng.random((120, 8)) ** 3 * sizes) @ rng.random((8, 200)) ** 3
    counts = rng.poisson(rng.gamma(0.3, size=(120, 8)) @ rng.gamma(0.3, size=(8, 200)))
    low = rng.random((400, 8)) @ rng.random((8, 600)) + 0.01
    found: dict[str, tuple[Given, int]] = {
        "graded": (Given(graded + 1e-6 * rng.random(graded.shape)), 8),
        "offset": (Given(1000.0 + counts), 8),
    }
    for part in (0.2, 0.05, 0.02):
        known = csr_array(np.where(rng.random(low.shape) < part, low, 0.0))
        given = Given(known, zeros="missing", unknown="zero")
        found[f"{100 * part:g} % known"] = given, 4
    return found


def history(given: Given, rank: int, solver: str) -> dict[str, Any]:
    """The excess and the relative error at each of `TOLS`, of a run that goes on to `END`."""
    problem = prepare(given, backend="numpy")
    options = Options(rank=rank, solver=solver, stop="kkt", max_iter=END)
    batch = Batch(problem, options, *(x[None] for x in problem.draw(rank, 0, "random")))
    recorded = np.concatenate([batch.loop.advance(10)[..., 0] for _ in range(END // 10)])
    errors, residuals = recorded.T
    found: dict[str, Any] = {"relative": float(errors[-1] / batch.norm)}
    for tol in TOLS:
        met = np.flatnonzero(residuals <= tol)
        found[f"{tol:g}"] = float(errors[met[0]] / errors[-1] - 1) if met.size else None
    return found


def main(path: Path) -> None:
    """Measure all of it, and write it down."""
    warnings.simplefilter("ignore")
    found = {
        name: {solver: history(given, rank, solver) for solver in SOLVERS}
        for name, (given, rank) in matrices().items()
    }
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    here = Path(__file__).parent / "results" / "hidden-2026-11-29.json"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
