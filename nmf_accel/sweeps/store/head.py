"""``sweep.json``: which sweep a folder holds."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...files import atomic_write, open_regular
from ...options import COMMON
from .errors import StoreError
from .lines import digest, json_object
from .rows import KEEP, Row

FORMAT = 2
"""Of newer ones nothing is read. In format 1 lines prove nothing, and heads do not say it."""
UNWRITTEN = 0
"""The format of one that is in no file yet."""
NAMES = "names"
"""The setting that is the fingerprint of the names of A; it is left out where A has none."""
LARGEST = 2**24
"""Bytes of a head; ours have some 1,500 and what was said of the data."""
LONGEST = 1000
"""Characters of a setting; ours are names, numbers and fingerprints."""
BEFORE = {name: option.before for name, option in COMMON.items()}
"""The options that runs had before there were these options."""
TEXTS = ("taken", "errors_are")
"""What is told of a sweep again, as it is."""


@dataclass(frozen=True)
class Head:
    """Which sweep it is.

    Attributes
    ----------
    settings : dict
        What all its runs have in common, data and reference by their fingerprints.
    about : dict
        What else is known of the sweep that made it: versions, device, data set.
    format : int
        That of the file.
    """

    settings: Row
    about: Row = field(default_factory=dict)
    format: int = FORMAT

    @cached_property
    def digest(self) -> str:
        """A short name for the settings; an option to come does not change it."""
        said = {
            name: value
            for name, value in self.settings.items()
            if name not in BEFORE or value != BEFORE[name]
        }
        return digest(said)

    def write(self, path: Path) -> None:
        """Write it, atomically."""
        held = {"format": FORMAT, "settings": self.settings, "about": self.about}
        with atomic_write(path) as file:
            file.write(json.dumps(held, indent=1).encode())

    @classmethod
    def read(cls, path: Path) -> Head:
        """What `write` wrote, or format 1.

        Raises
        ------
        StoreError
            If it cannot be read, is damaged, or of a newer version.
        """
        try:
            with open_regular(path) as file:
                text = file.read(LARGEST)
            return cls._of(json_object(text.removeprefix(b"\xef\xbb\xbf")))
        except FileNotFoundError:
            raise StoreError(
                f"{path.parent} holds no sweep: there is no {path.name} in it"
            ) from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise StoreError(
                f"{path} is damaged: {error}; move it away, and the sweep that made the folder "
                "goes on with the runs that say they are its own"
            ) from error
        except Newer as error:
            raise StoreError(
                f"{path} has format {error}, newer than {FORMAT}; upgrade nmf-accel"
            ) from None

    @classmethod
    def _of(cls, held: dict[str, Any]) -> Head:
        """It of what is written, checked."""
        version = held.get("format", 1)
        if type(version) is not int or version < 1:
            raise ValueError(f"its format is {version!r}")
        if version > FORMAT:
            raise Newer(version)
        for name in ("settings", "about"):
            if not isinstance(held.get(name), dict):
                raise ValueError(f"it has no {name}")
        settings, about = {**BEFORE, **held["settings"]}, held["about"]
        if settings.get("keep") not in list(KEEP):
            raise ValueError(
                f"keep is {settings.get('keep')!r}; it must be one of {', '.join(KEEP)}"
            )
        for name, value in settings.items():
            if isinstance(value, (dict, list)) or len(str(value)) > LONGEST:
                raise ValueError(f"{name} is {reprlib.repr(value)}; it must be a name or a number")
        try:
            COMMON["loss"].checked("loss", settings["loss"])
        except TypeError as error:
            raise ValueError(str(error)) from error
        for name in TEXTS:
            if not isinstance(about.get(name, ""), (str, type(None))):
                raise ValueError(f"{name} is {about[name]!r}; it must be a text")
        return cls(settings, about, version)

    def must_match(self, path: Path, settings: Mapping[str, Any], other: str) -> None:
        """Raise if `settings` are others; names, only if both have any.

        Parameters
        ----------
        path : Path
            Where it lies.
        settings : dict
        other : str
            Whose they are.

        Raises
        ------
        StoreError
            Naming what differs.
        """
        differ = [
            f"{name} is {self.settings.get(name)!r} there and {settings.get(name)!r} in {other}"
            for name in sorted({*settings, *self.settings} - {NAMES})
            if self.settings.get(name) != settings.get(name)
        ]
        if differ:
            raise StoreError(f"{path} holds another sweep: {'; '.join(differ)}")
        names = {x for x in (self.settings.get(NAMES), settings.get(NAMES)) if x is not None}
        if len(names) > 1:
            raise StoreError(
                f"{path} holds a sweep of the same numbers, but the rows or columns of A have "
                f"other names there than in {other}; take a new folder, or give A the names that "
                "it had"
            )


class Newer(Exception):
    """A format of a version to come."""
