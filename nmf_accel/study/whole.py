"""A whole study: the tasks that were asked for, and their report."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..backends import resolve
from ..core import versions
from ..datasets import Dataset
from ..progress import Progress, progress_bar
from . import report
from .denoising import study_denoising
from .held_out import cross_validation_cost
from .image_tasks import study_images
from .likeness import require_extra
from .properties import study_properties
from .report import Results
from .runs import Runs, cost
from .settings import StudySettings

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
REST = 0.1
"""Share of the progress bar for figures and the report, relative to the runs."""


def run_study(
    settings: StudySettings, out: str | os.PathLike[str], progress: bool = False
) -> Results:
    """Do the tasks and write ``report.html``, ``study.json``, ``figures/`` and ``runs/``.

    Runs that ``runs/`` has from before, of the same data with the same settings, are not done
    again: an interrupted study goes on where it stopped.

    Parameters
    ----------
    settings : StudySettings
    out : path
        The folder, made if it is not there.
    progress : bool
        Show one bar for the whole on stderr.

    Raises
    ------
    MissingExtra
        If the packages of the extra ``study`` are not installed.
    ValueError, nmf_accel.BackendError, nmf_accel.datasets.DatasetError
        If the data or the backend cannot be had.
    """
    require_extra()
    out = Path(out)
    backend = resolve(settings.backend, device=settings.device)
    settings = replace(settings, backend=backend.name, device=backend.device)
    data = settings.load() if {2, 3} & set(settings.tasks) else None
    work = study_cost(settings, data)
    with progress_bar(work * (1 + REST), progress, desc="study", bar_format=BAR) as bar:
        results = _tasks(Runs(settings, out / "runs", bar), data)
        _write(results, out, bar, work * REST)
    return results


def study_cost(settings: StudySettings, data: Dataset | None) -> float:
    """Floating-point operations of the runs of Tasks 2 and 3; 1 if there are none."""
    if data is None:
        return 1.0
    once = sum(cost(data.A.shape, d, settings.max_iter) for d in settings.ranks)
    return 2 * once + cross_validation_cost(settings, data.A) if 3 in settings.tasks else once


def _tasks(runs: Runs, data: Dataset | None) -> Results:
    """Do the tasks."""
    settings = runs.settings
    backend = resolve(settings.backend, device=settings.device)
    # Task 1 is over in seconds and has no part in the cost.
    small = replace(runs, progress=Progress())
    properties = study_properties(small) if 1 in settings.tasks else None
    images = None if data is None else study_images(runs, data)
    denoising = study_denoising(runs, images) if images and 3 in settings.tasks else None
    about = {
        "backend": backend.name,
        "device": backend.probe().device,
        "versions": versions(backend),
    }
    return Results(settings, properties, images, denoising, about)


def _write(results: Results, out: Path, bar: Progress, work: float) -> None:
    """Write the report."""
    files = len(report.drawings(results)) + 2
    for path in report.write(results, out):
        bar.add(work / files, path.name)
