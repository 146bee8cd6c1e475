"""What a `tol` of ``stop="kkt"`` means in error, on ten data sets: ``python bench/stopping.py``.

Each solver goes on from each start, its KKT residual and its error recorded at every iteration,
and then to where extrapolated 'hals' leads. Written into ``results/``: by how much the error was
above that end when the residual first fell to each `tol`, and the errors at which the solvers of
the estimator stop with its default `tol`. It takes some ten minutes on two cores.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nmf_accel import nmf
from nmf_accel.core import Batch
from nmf_accel.datasets import load
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.sklearn import NMF

TOLS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
WAYS: dict[str, dict[str, Any]] = {
    "mu": {"solver": "mu", "max_iter": 1500},
    "hals": {"solver": "hals", "max_iter": 1000},
    "hals, extrapolated": {"solver": "hals", "extrapolate": True, "max_iter": 500},
    "apg": {"solver": "apg", "max_iter": 300},
    "bpp": {"solver": "bpp", "max_iter": 80},
}
STARTS = ("random", "nndsvda")
FURTHER = 1000
"""Iterations of extrapolated 'hals' from where a run ended to what it is held against."""


def matrices() -> dict[str, tuple[np.ndarray, int]]:
    """The data sets, and a rank for each."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_sample_image

    rng = np.random.default_rng(0)
    m, n = 300, 800
    low = rng.random((m, 20)) @ rng.random((20, n))
    parts = rng.gamma(0.3, size=(m, 12)), rng.gamma(0.3, size=(12, n))
    blocks = np.kron(np.eye(8), np.ones((m // 8, n // 8))) + 0.1 * rng.random((296, 800))
    waves = np.abs(np.sin(np.outer(np.arange(m), rng.random(n) * 0.1))) * rng.random(n)
    cancer = load_breast_cancer().data
    return {
        "sprites": (np.asarray(load("sprites").A, dtype=float)[:, :400], 16),
        "digits": (load_digits().data.T, 16),
        "photograph": (load_sample_image("china.jpg").mean(axis=2), 20),
        "cancer": ((cancer / cancer.max(axis=0)).T, 5),
        "noisy, rank 20": (np.maximum(low + 0.3 * rng.standard_normal((m, n)), 0), 20),
        "noisy, rank 10": (np.maximum(low + 0.3 * rng.standard_normal((m, n)), 0), 10),
        "counts": (rng.poisson(parts[0] @ parts[1]).astype(float), 12),
        "blocks": (blocks, 8),
        "waves": (waves, 10),
        "uniform": (rng.random((200, 300)), 10),
    }


def history(A: np.ndarray, rank: int, init: str, max_iter: int, **how: Any) -> dict[str, Any]:
    """The excess at each of `TOLS`, of a run that goes on however small its residual is."""
    problem = prepare(Given(A), backend="numpy")
    options = Options(rank=rank, init=init, stop="kkt", max_iter=max_iter, **how)
    starts = (x[None] for x in problem.draw(rank, 0, init))
    batch = Batch(problem, options, *starts)
    recorded = np.concatenate([batch.loop.advance(10)[..., 0] for _ in range(max_iter // 10)])
    W, H = (x[0] for x in problem.factors(batch.loop.state))
    end = {"solver": "hals", "extrapolate": True, "max_iter": FURTHER, "backend": "numpy"}
    least = nmf(A, rank, W0=W, H0=H, **end).error
    errors, residuals = recorded.T
    found: dict[str, Any] = {"least": least}
    for tol in TOLS:
        met = np.flatnonzero(residuals <= tol)
        found[f"{tol:g}"] = float(errors[met[0]] / least - 1) if met.size else None
    return found


def estimated(A: np.ndarray, rank: int) -> dict[str, float]:
    """The errors at which the estimator's solvers stop with the default `tol`."""
    found = {}
    for solver in ("cd", "hals", "bpp", "apg", "auto"):
        model = NMF(rank, solver=solver, init="nndsvda", max_iter=2000, random_state=0)
        model.fit(A.T)
        found[solver] = float(model.reconstruction_err_)
    return found


def main(path: Path) -> None:
    """Measure all of it, and write it down after each data set."""
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    for name, (A, rank) in matrices().items():
        runs = {
            f"{way} from {init}": history(A, rank, init, **how)
            for way, how in WAYS.items()
            for init in STARTS
        }
        about = {"shape": A.shape, "rank": rank}
        found[name] = {**about, "runs": runs, "estimator": estimated(A, rank)}
        path.write_text(json.dumps(found, indent=1) + "\n")
        print(name, found[name]["estimator"], flush=True)


if __name__ == "__main__":
    here = Path(__file__).parent / "results" / "stopping-2026-11-29.json"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
