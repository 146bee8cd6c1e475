"""The options that commands share: those of a run are made from their one declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import datasets
from ..backends import DEVICE_VARIABLE, VARIABLE, spread
from ..datasets import Dataset
from ..intake import UNKNOWN
from ..options import COMMON, Option
from ..results import Factorization, is_factorization

device_option = click.option(
    "--device", metavar="NAME", help=f"Of several: cpu, cuda:1, …; else {DEVICE_VARIABLE}."
)
dtype_option = click.option(
    "--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True
)
n_images_option = click.option(
    "--n-images", type=int, help="How many images (columns), from the first."
)


if TYPE_CHECKING:
    Choice = click.Choice[str]
else:
    Choice = click.Choice  # a generic class only since click 8.2


class Names(Choice):
    """One of the names that an option may be, as they are when the command runs."""

    def __init__(self, option: Option) -> None:
        super().__init__(option.names)
        self.option = option

    def get_metavar(self, *args: Any, **options: Any) -> str | None:
        """The names, for the help."""
        self.choices = tuple(self.option.names)
        return super().get_metavar(*args, **options)

    def convert(self, *args: Any, **options: Any) -> Any:
        """One of them, or click's refusal."""
        self.choices = tuple(self.option.names)
        return super().convert(*args, **options)


class NamesOrNumber(Names):
    """One of the names, or a number."""

    def get_metavar(self, *args: Any, **options: Any) -> str | None:
        """The names, for the help."""
        return f"[{'|'.join(self.option.names)}|NUMBER]"

    def convert(self, value: Any, *where: Any) -> Any:
        """The number or the name, or a refusal."""
        if value in self.option.names:
            return value
        try:
            return float(value)
        except (TypeError, ValueError):
            names = ", ".join(map(repr, self.option.names))
            self.fail(f"{value!r} is not one of {names}, and no number", *where)


def kind_of(option: Option) -> Any:
    """What click is to make of it."""
    if not option.tables:
        return option.kind
    return Names(option) if option.kind is str else NamesOrNumber(option)


def declared_option(name: str, option: Option) -> Callable[[Any], Any]:
    """The option of a command for one of a run."""
    spelt = name.lower().replace("_", "-")
    return click.option(
        f"--{spelt}/--no-{spelt}" if option.kind is bool else f"--{spelt}",
        name,
        type=kind_of(option),
        help=option.help,
        **_default(option.default),
    )


def _default(value: Any) -> dict[str, Any]:
    """How click says a default, or that there is none."""
    if value is MISSING:
        return {"required": True}
    return {"default": value, "show_default": value is not None}


def _number(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no number; NaN is one") from None


GIVEN = f"{__name__}.given"
"""Where a context has the lines of `matrix_file`."""


def matrix_file(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """The matrix in a file, with its names; or the factorization, which stands for its factor."""
    if value is None:
        return None
    if Path(value).is_file() and is_factorization(value):
        held: Any = _factorization(value)
        taken = repr(held).strip("<>")
    else:
        held = datasets.load(value)
        taken = held.taken
    ctx.meta.setdefault(GIVEN, []).append(f"{parameter.opts[-1]}  {value}: {taken}")
    return held


def _factorization(path: str) -> Factorization:
    """The factorization in a file.

    Raises
    ------
    DatasetError
        If it is damaged.
    """
    try:
        return Factorization.load(path)
    except Exception as error:  # NumPy, zip and JSON raise anything for a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise datasets.DatasetError(f"{path} cannot be read: {reason}") from error


def echo_given() -> None:
    """Print what the files beside SOURCE were taken for, a line each."""
    for line in click.get_current_context().meta.get(GIVEN, []):
        click.echo(line)


def _zeros(ctx: click.Context, parameter: click.Parameter, value: bool) -> str:
    return "missing" if value else "zero"


def known_options(command: Any) -> Any:
    """What of the data and of the factors is known, and what counts how much."""
    for option in (
        declared_option("unknown", UNKNOWN),
        click.option(
            "--h-fixed", "H_fixed", callback=matrix_file, metavar="FILE", help="First rows of H."
        ),
        click.option(
            "--w-fixed", "W_fixed", callback=matrix_file, metavar="FILE", help="First columns of W."
        ),
        click.option(
            "--zeros-missing",
            "zeros",
            is_flag=True,
            callback=_zeros,
            help="Only what a sparse matrix stores is known.",
        ),
        click.option(
            "--weights", callback=matrix_file, metavar="FILE", help="Of the entries; 0 for unknown."
        ),
        click.option(
            "--missing", callback=_number, metavar="NUMBER", help="What stands for unknown: nan."
        ),
    ):
        command = option(command)
    return command


devices_option = click.option(
    "--devices",
    type=click.IntRange(min=1),
    metavar="N",
    help="Share the columns among the first N devices (--backend jax).",
)


def spread_over(devices: int | None, data: Dataset, options: dict[str, Any]) -> Dataset:
    """The data on so many devices, by its columns; as it is where that is None.

    Raises
    ------
    click.UsageError
        If one device is asked for as well.
    """
    if devices is None:
        return data
    if options.get("device"):
        raise click.UsageError("--device is one, and --devices several; leave one of them out")
    return replace(data, A=spread(data.A, devices, backend=options.get("backend")))


def backend_options(command: Any) -> Any:
    """Where the numbers are computed: by which library, and of several on which device."""
    told = f"auto, numpy, cupy, jax, torch, …; else {VARIABLE}, else auto."
    return click.option("--backend", metavar="NAME", help=told)(device_option(command))


def run_options(names: Iterable[str] = COMMON) -> Callable[[Any], Any]:
    """The options that runs may have in common, or some of them."""

    def add(command: Any) -> Any:
        for name in reversed(list(names)):
            command = declared_option(name, COMMON[name])(command)
        return command

    return add
