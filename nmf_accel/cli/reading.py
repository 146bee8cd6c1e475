"""The options that say how a SOURCE is to be read."""

from __future__ import annotations

import re
from typing import Any

import click

from .. import datasets
from ..datasets import Dataset


def _size(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """``"64x48"`` as (64, 48)."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)[x×](\d+)", value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size such as 64x64, width and height in pixels")
    return int(match[1]), int(match[2])


OPTIONS: dict[str, Any] = {
    "transpose": click.option("--transpose", is_flag=True, help="Rows are samples."),
    "header": click.option(
        "--header/--no-header", default=None, help="Whether the first row of a table has names."
    ),
    "index": click.option(
        "--index/--no-index", default=None, help="Whether the first column of a table has names."
    ),
    "sep": click.option("--sep", metavar="CHAR", help="Between the cells of a table: ; or tab."),
    "decimal": click.option("--decimal", metavar="CHAR", help="Before decimals in a table: , or ."),
    "columns": click.option(
        "--columns", metavar="NAMES", help="Of a table only these: a,b,s1:s20."
    ),
    "long": click.option(
        "--long/--no-long", default=None, help="Whether a table has an entry a row."
    ),
    "array": click.option("--array", metavar="NAME", help="Which of several arrays of a file."),
    "layer": click.option("--layer", metavar="NAME", help="Which layer of AnnData, or .raw."),
    "size": click.option(
        "--size", callback=_size, metavar="WxH", help="Bring images to this size, in pixels."
    ),
    "n_fft": click.option("--n-fft", type=int, help="Samples in a window of sound's spectrogram."),
    "trust": click.option("--trust", is_flag=True, help="Read what claims to be huge, packed."),
}
"""Those of `nmf_accel.datasets.read`, by their names there."""


def reading_options(command: Any) -> Any:
    """A command with the options that say how its SOURCE is read."""
    for option in reversed(OPTIONS.values()):
        command = option(command)
    return command


def read_source(source: str, n_images: int | None, options: dict[str, Any]) -> Dataset:
    """The data of a command, whose reading options are taken out of `options`."""
    how = {name: options.pop(name) for name in OPTIONS}
    return datasets.load(source, n_images, **how)


def taken(data: Dataset) -> str:
    """What a file was taken for, a line; empty for a data set that goes by a name."""
    return "" if data.name in datasets.NAMED else f"{data.name}: {data.taken}"


def echo_taken(data: Dataset, before: str = "") -> None:
    """Print what a file was taken for, if it is one."""
    if line := taken(data):
        click.echo(before + line)
