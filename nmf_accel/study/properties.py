"""Task 1: properties of the algorithm, on small matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import get
from ..factorize import nmf
from ..losses import NONE, Penalty, Quadratic
from ..results import Factorization
from ..solvers.multiplicative import lee_seung
from .comparing import relative, scaled_difference, svd_error
from .films import films
from .runs import Runs
from .settings import StudySettings

Floats = NDArray[np.floating[Any]]
Numbers = dict[str, Any]

MATRICES: dict[str, Floats] = {
    "A1": np.array([[1.0, 0.0], [0.0, 1.0]]),
    "A2": np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 2.0]]),
    "A3": np.array([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0], [1.0, 1.0, 2.0]]),
    "A4": np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 3.0], [0.0, 3.0, 3.0]]),
}
ITERATES = 50
"""Iterations of which every single iterate is looked at."""


@dataclass(frozen=True, repr=False)
class Properties:
    """What Task 1 found.

    Attributes
    ----------
    settings : StudySettings
    numbers : dict
        As in ``study.json`` under ``task1``.
    """

    settings: StudySettings
    numbers: Numbers

    def __repr__(self) -> str:
        return f"<Task 1 of a study of {self.settings.dataset}>"


def study_properties(runs: Runs) -> Properties:
    """Task 1: positivity, fixed points, starts of zeros, uniqueness, convergence, films."""
    settings = runs.settings
    numbers = {
        "non_negative": non_negative(settings),
        "fixed_point": fixed_point(runs),
        "zero_start": zero_start(settings),
        "two_starts": {
            name: {d: two_starts(runs, name, d) for d in (1, 2)} for name in ("A1", "A2")
        },
        "convergence": {name: convergence(runs, name) for name in ("A3", "A4")},
        "films": films(runs),
    }
    return Properties(settings, numbers)


def iterates(A: Floats, rank: int, settings: StudySettings) -> Iterator[tuple[Floats, Floats]]:
    """The first W_k and H_k, k = 1 … 50, one by one."""
    W: Any = None
    H: Any = None
    for _ in range(ITERATES):
        options = {**settings.options, "seed": settings.seed}
        result = nmf(A, rank, max_iter=1, W0=W, H0=H, **options)
        W, H = result.W, result.H
        yield W, H


def non_negative(settings: StudySettings) -> Numbers:
    """1a: the smallest entry of all iterates on A1 to A4."""
    smallest = {
        name: min(float(min(W.min(), H.min())) for W, H in iterates(A, 2, settings))
        for name, A in MATRICES.items()
    }
    return {"rank": 2, "iterates": ITERATES, "smallest_entry": smallest}


def quotient(A: Floats, W: Floats, H: Floats) -> Floats:
    """(WᵀA) ⊘ (WᵀWH), by which an iteration multiplies H."""
    return (W.T @ A) / (W.T @ W @ H)


def fixed_point(runs: Runs) -> Numbers:
    """1b: the quotient, and what one iteration does, where WH = A and where WH ≠ A."""
    settings = runs.settings
    rng = np.random.default_rng(settings.seed)
    W, H = rng.uniform(0.5, 1.5, size=(6, 2)), rng.uniform(0.5, 1.5, size=(2, 5))
    exact = one_iteration(W @ H, W, H, settings)
    inexact = runs.factorize_ranks(MATRICES["A2"], [1], "1-A2")[1]
    return {
        "exact": exact,
        "inexact": one_iteration(MATRICES["A2"], inexact.W, inexact.H, settings),
    }


def one_iteration(A: Floats, W: Floats, H: Floats, settings: StudySettings) -> Numbers:
    """How far the quotient is from ones, and one iteration moves H and W, relative to them."""
    after = nmf(A, W.shape[1], max_iter=1, W0=W, H0=H, **settings.options)
    return {
        "error": float(np.linalg.norm(A - W @ H)),
        "quotient_off_one": float(np.abs(quotient(A, W, H) - 1).max()),
        "H_moves": float(np.abs(after.H / H - 1).max()),
        "W_moves": float(np.abs(after.W / W - 1).max()),
    }


def zero_start(settings: StudySettings) -> Numbers:
    """1c: the update of zeros with and without δ, the library's refusal, and zeros in part."""
    A, numpy = MATRICES["A4"], get("numpy")
    H, model = np.zeros((2, 3)), Quadratic(np.zeros((2, 3)), np.zeros((2, 2)))
    with np.errstate(invalid="ignore"):
        without = np.asarray(lee_seung(numpy, H, model, NONE))
    for _ in range(settings.max_iter):
        H = np.asarray(lee_seung(numpy, H, model, Penalty(settings.delta)))
    try:
        nmf(A, 2, W0=np.zeros((3, 2)), H0=np.zeros((2, 3)), **settings.options)
        refusal = ""
    except ValueError as error:
        refusal = str(error)
    W0, H0 = np.ones((3, 2)), np.ones((2, 3))
    W0[:, 1] = H0[1] = 0
    half = nmf(A, 2, W0=W0, H0=H0, max_iter=settings.max_iter, **settings.options)
    return {
        "without_delta_all_nan": bool(np.isnan(without).all()),
        "iterations": settings.max_iter,
        "non_zeros_with_delta": int(np.count_nonzero(H)),
        "refusal": refusal,
        "non_zeros_in_zero_component": int(
            np.count_nonzero(half.W[:, 1]) + np.count_nonzero(half.H[1])
        ),
        "error_with_zero_component": half.error,
    }


def two_starts(runs: Runs, name: str, rank: int) -> Numbers:
    """1d, 1e: the factorizations of two starts, and how far they differ."""
    A, seeds = MATRICES[name], (runs.settings.seed, runs.settings.seed + 1)
    first, second = (runs.factorize_ranks(A, [rank], f"1-{name}", seed)[rank] for seed in seeds)
    return {
        "runs": [described(run) for run in (first, second)],
        "difference": {
            "error": abs(first.error - second.error) / first.norm,
            "product": relative(first.reconstruct(), second.reconstruct()),
            "factors": max(relative(first.W, second.W), relative(first.H, second.H)),
            "scaled_factors": scaled_difference(first, second),
        },
    }


def described(run: Factorization) -> Numbers:
    """A small factorization in full."""
    return {
        "seed": run.settings["seed"],
        "W": run.W.tolist(),
        "H": run.H.tolist(),
        "WH": run.reconstruct().tolist(),
        "error": run.error,
        "relative_error": run.relative_error,
    }


def convergence(runs: Runs, name: str) -> Numbers:
    """1f, 1g: singular values, rank, and the history of errors at d = 1, 2, 3."""
    A = MATRICES[name]
    values = np.linalg.svd(A, compute_uv=False)
    fits = runs.factorize_ranks(A, (1, 2, 3), f"1-{name}")
    return {
        "singular_values": values.tolist(),
        "rank": int(np.linalg.matrix_rank(A)),
        "norm": float(np.linalg.norm(A)),
        "errors": {d: fit.errors.tolist() for d, fit in fits.items()},
        "svd_errors": {d: svd_error(values, d) for d in fits},
        "largest_increase": {d: largest_increase(fit.errors) for d, fit in fits.items()},
    }


def largest_increase(errors: Floats) -> float:
    """By how much the error grows from one iteration to the next, at most; 0 if it never does."""
    return max(0.0, float(np.diff(errors).max(initial=0.0)))
