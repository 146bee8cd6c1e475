"""What is studied, and how: the settings of a study, checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .. import datasets
from ..datasets import Dataset, images
from ..options import COMMON, Option, check, choice, whole

DEFAULT_RANKS = (16, 32, 64, 100, 128, 160, 200, 256)
TASKS = (1, 2, 3)


@dataclass(frozen=True)
class StudySettings:
    """The numbers that decide what a study finds.

    Attributes
    ----------
    dataset : str
        A name such as ``cryptopunks`` and ``sprites``, a folder of images of one size, or a file
        with several.
    n_images : int, optional
        How many images, from the first; by default 500 of those two, or all of a folder.
    tasks : tuple of int
        Which of the tasks 1, 2 and 3.
    ranks : tuple of int
        The ranks d of Tasks 2 and 3; kept sorted, each once.
    sigma : float
        Standard deviation of the noise of Task 3, at least 0, on the scale 0 to 1 of a colour.
    noise_seed : int
        Of the noise.
    seed : int
        Of the random starts.
    max_iter : int
        Iterations of each run.
    delta : float
        δ > 0, added to the denominators.
    solver : str
        Of the runs of Tasks 2 and 3, and of the histories of Task 1; as for `nmf_accel.nmf`.
    inner : int, optional
        As for `nmf_accel.nmf`.
    dtype : {'float64', 'float32'}
        Precision of the runs.
    backend, device : str, optional
        As for `nmf_accel.nmf`.

    Raises
    ------
    ValueError
        If one of them is out of range.
    """

    dataset: str
    n_images: int | None = whole(None, "How many images, from the first.", 1).field()
    tasks: tuple[int, ...] = TASKS
    ranks: tuple[int, ...] = DEFAULT_RANKS
    sigma: float = Option(0.1, "Of the noise.", float, "a finite number >= 0", low=0).field()
    noise_seed: int = whole(1, "Of the noise.", 0).field()
    seed: int = whole(0, "Of the random starts.", 0).field()
    max_iter: int = COMMON["max_iter"].field()
    delta: float = replace(COMMON["delta"], default=1e-9).field()
    solver: str = COMMON["solver"].field()
    inner: int | None = COMMON["inner"].field()
    dtype: str = choice("float64", "Precision.", ("float64", "float32")).field()
    backend: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(sorted(set(self.tasks))))
        object.__setattr__(self, "ranks", tuple(sorted(set(self.ranks))))
        if unknown := [task for task in self.tasks if task not in TASKS]:
            raise ValueError(f"there is no task {unknown[0]}; the tasks are 1, 2 and 3")
        if not self.tasks:
            raise ValueError("no task is named; the tasks are 1, 2 and 3")
        if not self.ranks:
            raise ValueError("no rank is named; give at least one, e.g. 16")
        if self.ranks[0] < 1:
            raise ValueError(f"a rank is {self.ranks[0]}; ranks must be at least 1")
        check(self)

    @property
    def curve_ranks(self) -> tuple[int, ...]:
        """Up to three ranks whose histories are drawn: 16, 32 and 64 of the default ones."""
        return tuple(rank for rank in self.ranks if rank <= 64)[-3:] or self.ranks[:3]

    @property
    def shown_rank(self) -> int:
        """The rank whose pictures are shown: the one nearest to 64."""
        return min(self.ranks, key=lambda rank: abs(rank - 64))

    @property
    def alike(self) -> float:
        """Relative difference up to which two results of the loop count as the same."""
        eps = float(np.finfo(self.dtype).eps)
        return math.pow(eps, 0.4)

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of `nmf` that the small runs of Task 1 share, save seed and iterations."""
        names = ("delta", "dtype", "backend", "device")
        return {name: getattr(self, name) for name in names}

    @property
    def run_options(self) -> dict[str, Any]:
        """The options that the runs of all ranks have in common."""
        return {name: getattr(self, name) for name in ("max_iter", "delta", "solver", "inner")}

    def load(self) -> Dataset:
        """The images, with values up to 1; those that are no bytes are divided by their maximum.

        Raises
        ------
        ValueError
            If there are fewer than asked for, a value is missing, or the data set is a matrix
            without images.
        nmf_accel.datasets.DatasetError
            If there is no such data set.
        """
        count = self.n_images
        if count is None and (named := datasets.NAMED.get(self.dataset)) is not None:
            count = named.study_images
        data = datasets.load(self.dataset, count)
        if data.pixels is None:
            raise ValueError(
                f"{self.dataset} is a matrix, and the study needs images: "
                f"{datasets.image_sources_in_words()}"
            )
        if data.missing:
            raise ValueError(
                f"{self.dataset} lacks {data.missing:,} values (NaN), and the study needs all"
            )
        white = images.peak(data.A, data.pixels)
        if white == 1:
            return data
        said = (*data.said, f"divided by their maximum, {white:.4g}, for the study")
        return replace(data, A=data.A / white, said=said)  # noise and likeness are on that scale

    def as_json(self) -> dict[str, Any]:
        """The settings, ready for JSON."""
        return asdict(self)
