"""Task 3: the rank that the noisy images choose without the clean ones, by cross-validation.

It is not quite the rank that denoises best, since an entry that is held out is predicted without
its noisy value: on 500 CryptoPunks the very same runs are nearest to the clean images at d = 160
where they saw the noisy ones, and at d = 100 where they did not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import images
from ..selection import RankChoice
from ..solvers import FASTEST
from .runs import Runs, cost
from .settings import StudySettings

Floats = NDArray[np.floating[Any]]
Numbers = dict[str, Any]

FOLDS = 5
SOLVER, ITERATIONS = FASTEST, 50
"""Of these runs. On 500 CryptoPunks at σ = 0.1 they come as far as 1,000 iterations of ``mu``, in
the fit to the noisy images and against the clean ones, in a small part of the time; 20 and 100
choose the same rank. 1,000 of ``mu`` predict no better at any rank, and from 64 components on far
worse, since what few entries determine runs away (0.115 ± 0.017 at d = 64, for 0.089 ± 0.001)."""


def iterations(settings: StudySettings) -> int:
    """Of each of these runs."""
    return min(ITERATIONS, settings.max_iter)


def cross_validation(runs: Runs, noisy: Floats) -> Numbers | None:
    """Held-out error at each rank of the study, and the rank that it chooses.

    As `nmf_accel.choose_rank` does it, with one start for each fold. None where the entries are so
    few that a fold has none.
    """
    settings = runs.settings
    result = runs.sweep(
        seen(noisy),
        settings.ranks,
        range(settings.seed, settings.seed + FOLDS),  # of which each leaves out its own fold
        "3-folds",
        keep="none",
        folds=FOLDS,
        solver=SOLVER,
        inner=None,
        max_iter=iterations(settings),
    )
    if any(row["held_out"] is None for row in result.table):
        return None
    choice = RankChoice.of(result)
    return {
        "folds": FOLDS,
        "solver": SOLVER,
        "iterations": iterations(settings),
        "held_out_by_rank": {row["rank"]: row["held_out"] for row in choice.table},
        "held_out_se_by_rank": {row["rank"]: row["held_out_se"] for row in choice.table},
        "lowest": choice.lowest,
        "within_one_se": choice.within,
        "rank": choice.rank,
        "said": str(choice),
    }


def cross_validation_cost(settings: StudySettings, A: Floats) -> float:
    """Operations of these runs, counted as those of the others."""
    noisy = seen(images.add_noise(A, settings.sigma, settings.noise_seed))
    return sum(FOLDS * cost(noisy.shape, d, iterations(settings)) for d in settings.ranks)


def seen(noisy: Floats) -> Floats:
    """The rows that are not zero in all images: nothing is to be predicted of the others."""
    return noisy[noisy.any(axis=1)]
