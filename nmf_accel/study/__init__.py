"""The course project TMA4320 (NTNU, 2022): Tasks 1 to 3 as functions, and as one report."""

from .denoising import Denoising, study_denoising
from .image_tasks import Images, study_images
from .likeness import MissingExtra
from .properties import Properties, study_properties
from .report import Results
from .runs import Runs
from .settings import DEFAULT_RANKS, StudySettings
from .whole import run_study, study_cost

__all__ = [
    "DEFAULT_RANKS",
    "Denoising",
    "Images",
    "MissingExtra",
    "Properties",
    "Results",
    "Runs",
    "StudySettings",
    "run_study",
    "study_cost",
    "study_denoising",
    "study_images",
    "study_properties",
]
