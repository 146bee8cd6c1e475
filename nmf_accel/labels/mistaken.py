"""What is no matrix, though one can be had of it, in a way that only the caller can choose."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from .base import Plain


class Mistaken(Plain):
    """Refused, with what to type."""

    told: ClassVar[str]
    """The message; ``{name}`` is what it is called there, ``{passed}`` it itself."""

    def matrix(self, name: str) -> NoReturn:
        """Raise, at once."""
        raise TypeError(self.told.format(name=name, passed=self.passed))

    def by_samples(self, name: str) -> NoReturn:
        """Raise, at once."""
        self.matrix(name)

    @property
    def sparse(self) -> bool:
        """See `Labelled`."""
        return False


class FileName(Mistaken):
    """Where a matrix lies."""

    told = "{name} is the text '{passed}'; if that is a file, pass nmf_accel.read('{passed}')"


class Dictionary(Mistaken):
    """A dictionary, which may hold a matrix or be one by columns."""

    told = (
        "{name} is a dict, which is no matrix; pass one of its values, or pandas.DataFrame({name}) "
        "if these are columns"
    )


class Series(Mistaken):
    """A column of pandas or polars."""

    told = "{name} is a Series, which is one column; pass {name}.to_frame()"


class AnnDataRaw(Mistaken):
    """What AnnData keeps of all genes."""

    told = "{name} is the raw part of an AnnData; pass {name}.to_adata()"
