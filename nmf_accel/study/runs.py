"""All factorizations of a study: run through `nmf_accel.nmf`, kept on disk, shown on one bar."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..arrays import fingerprint
from ..backends import resolve
from ..backends.base import Array
from ..nmf import nmf
from ..results import Factorization
from .settings import StudySettings


class Progress:
    """How much of the work is done; this one tells nobody."""

    def add(self, work: float, note: str = "") -> None:
        """Count `work` as done."""

    def skip(self, work: float) -> None:
        """Count `work` as done before."""


class ProgressBar(Progress):
    """A bar on stderr."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def add(self, work: float, note: str = "") -> None:
        """Move the bar by `work`."""
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(work)

    def skip(self, work: float) -> None:
        """Move the bar by `work` that took no time."""
        self.bar.initial += work  # what is there at the start counts for no speed
        self.bar.update(work)


@contextmanager
def progress_bar(total: float, show: bool) -> Iterator[Progress]:
    """One bar for `total` work; nothing if not `show`."""
    if not show:
        yield Progress()
        return
    from tqdm import tqdm

    shape = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    with tqdm(total=total, desc="study", bar_format=shape, dynamic_ncols=True) as bar:
        yield ProgressBar(bar)


def work(shape: tuple[int, ...], rank: int, max_iter: int) -> float:
    """Floating-point operations of a run."""
    m, n = shape
    return max_iter * (4.0 * m * n * rank + 4.0 * (m + n) * rank**2)


@dataclass(frozen=True)
class Runs:
    """Where the factorizations of a study come from.

    Attributes
    ----------
    settings : StudySettings
    folder : Path, optional
        Keeps finished runs as ``NAME-rank-D.npz``. One that is there and was made of the same
        matrix with the same settings is loaded, not run again.
    progress : Progress
    """

    settings: StudySettings
    folder: Path | None = None
    progress: Progress = field(default_factory=Progress)

    def factorize_ranks(
        self, A: Array, ranks: Iterable[int], name: str, seed: int | None = None
    ) -> dict[int, Factorization]:
        """Factorize `A` at each rank: the one place where a study runs the loop.

        Parameters
        ----------
        A : (m, n) array
        ranks : iterable of int
        name : str
            Of the matrix, for file names and the progress bar.
        seed : int, optional
            Of the random start; by default the study's.
        """
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        common = self._common(A, self.settings.seed if seed is None else seed)
        return {rank: self._factorize(A, {**common, "rank": rank}, name) for rank in ranks}

    def _common(self, A: Array, seed: int) -> dict[str, Any]:
        """What the runs of all ranks share."""
        settings = self.settings
        return {
            "data_sha256": fingerprint(A),
            "seed": seed,
            "max_iter": settings.max_iter,
            "delta": settings.delta,
            "solver": settings.solver,
            "inner": settings.inner,
            "dtype": settings.dtype,
            "backend": resolve(settings.backend).name,
        }

    def _factorize(self, A: Array, wanted: dict[str, Any], name: str) -> Factorization:
        rank, max_iter = wanted["rank"], wanted["max_iter"]
        path = None
        if self.folder is not None:
            path = self.folder / f"{name}-rank-{rank}-seed-{wanted['seed']}.npz"
            if (found := stored(path, wanted)) is not None:
                self.progress.skip(work(A.shape, rank, max_iter))
                return found
        every = -(-max_iter // 50)
        done = 0

        def moved(iteration: int, error: float) -> None:
            nonlocal done
            note = f"{name}, d = {rank}: {error:.4g}"
            self.progress.add(work(A.shape, rank, iteration - done), note)
            done = iteration

        options = {key: value for key, value in wanted.items() if key != "data_sha256"}
        result = nmf(A, **options, check_every=every, callback=moved)
        result = replace(result, settings={**result.settings, **wanted})
        if path is not None:
            result.save(path)
        return result


def stored(path: Path, wanted: Mapping[str, Any]) -> Factorization | None:
    """The factorization in a file if it is whole and was made with the settings `wanted`."""
    if not zipfile.is_zipfile(path):
        return None  # not there, or cut off
    try:
        found = Factorization.load(path)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None  # damaged, or of another version: it is made again
    if any(found.settings.get(key) != value for key, value in wanted.items()):
        return None
    return found
