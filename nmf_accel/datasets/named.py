"""The data sets that go by a name: each is a function and a line in `NAMED`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .characters import sprites
from .dataset import Dataset
from .punks import cryptopunks, fetch_cryptopunks, punks_path, punks_state


@dataclass(frozen=True)
class Named:
    """All that the library knows of a data set that goes by a name.

    Attributes
    ----------
    load : callable
        ``load(n_images)`` gives its first `n_images` samples; for None, its own default.
    description : str
        How many samples it has and of which size, for ``nmf-accel data``.
    where : callable
        Says where it lies, or would; opens and downloads nothing.
    state : callable
        Says whether it can be had, and else what to do; downloads nothing.
    study_images : int, optional
        How many of its images ``nmf-accel study`` takes if it is not told; None leaves it to
        `load`.
    fetch : callable, optional
        Brings its file here if need be and gives the path, verified by its SHA-256. Without it
        there is nothing to fetch.
    """

    load: Callable[[int | None], Dataset] = field(repr=False)
    description: str
    where: Callable[[], object] = field(repr=False)
    state: Callable[[], str] = field(repr=False)
    study_images: int | None = None
    fetch: Callable[[], Path] | None = field(default=None, repr=False)


NAMED: dict[str, Named] = {
    "sprites": Named(
        load=sprites,
        description="any number, 24 × 24",
        where=lambda: "drawn by nmf_accel",
        state=lambda: "always there",
        study_images=500,
    ),
    "cryptopunks": Named(
        load=cryptopunks,
        description="10,000, 24 × 24",
        where=punks_path,
        state=punks_state,
        study_images=500,
        fetch=fetch_cryptopunks,
    ),
}
"""The data sets that go by a name, in the order in which ``nmf-accel data`` lists them."""
