"""What is written down of a run, so that it can be repeated."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

import numpy as np

from .._version import __version__
from ..backends.base import Backend
from ..options import Options
from .problem import Problem


def record(options: Options, problem: Problem) -> dict[str, Any]:
    """What is needed to repeat a run, ready for JSON."""
    backend, A = problem.backend, problem.A
    return {
        **asdict(options),
        "dtype": problem.dtype.name,
        "shape": list(problem.shape),
        "backend": backend.name,
        "device": backend.probe().device,
        "versions": versions(backend),
        **({"held": held_of(problem, options.rank)} if problem.fixed else {}),
        **({} if A.weights is None else {"errors_are": problem.loss(options).symbol}),
    }


def held_of(problem: Problem, rank: int) -> dict[str, list[int]]:
    """Which columns of W and which rows of H are held."""
    in_H, in_W = problem.fixed.masks(rank)
    return {"W": np.flatnonzero(in_W).tolist(), "H": np.flatnonzero(in_H).tolist()}


def versions(backend: Backend) -> dict[str, str]:
    """Versions of all that had a part in a result."""
    return {
        "nmf_accel": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **backend.versions(),
    }
