"""The command ``nmf-accel study``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from . import signals
from .options import backend_options, dtype_option, run_options
from .source import SourceCommand


def _integers(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """``"16,32"`` as (16, 32)."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        message = f"{value!r} is not a list of integers such as 16,32,64"
        raise click.BadParameter(message) from None


INTEGERS: dict[str, Any] = {"callback": _integers, "metavar": "INT,INT,…"}


@click.command(cls=SourceCommand)
@click.argument("dataset", metavar="SOURCE")
@click.option("--n-images", type=int, help="From the first. [default: 500, or all of a folder]")
@click.option("--tasks", **INTEGERS, default="1,2,3", show_default=True)
@click.option("--ranks", **INTEGERS, help="[default: 16,32,64,100,128,160,200,256]")
@click.option("--sigma", type=float, default=0.1, show_default=True, help="Of the noise.")
@click.option("--noise-seed", type=int, default=1, show_default=True, help="Of the noise.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random starts.")
@click.option("--max-iter", type=int, default=1000, show_default=True, help="Iterations.")
@click.option("--delta", type=float, default=1e-9, show_default=True, help="Added below.")
@run_options(["solver", "inner"])
@dtype_option
@backend_options
@click.option("--progress/--no-progress", default=None, help="By default on a terminal.")
@click.option("--out", type=click.Path(path_type=Path), default="study", show_default=True)
def study(progress: bool | None, out: Path, **options: Any) -> None:
    """Do the course project, Tasks 1 to 3, on SOURCE and write a report.

    SOURCE is {images} of one size. What a former study left in the folder is used where its
    data and settings were the same.
    """
    from ..study import MissingExtra, StudySettings, run_study  # late: matplotlib is slow to import

    show = sys.stderr.isatty() if progress is None else progress
    started = time.perf_counter()
    try:
        given = {name: value for name, value in options.items() if value is not None}
        results = run_study(StudySettings(**given), out, show)
    except MissingExtra as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        click.echo(
            f"interrupted; finished runs are kept in {out / 'runs'}, and the same command "
            "goes on from there",
            err=True,
        )
        sys.exit(signals.status())
    if results.denoising is not None:
        found = results.denoising.numbers
        best = found["best_rank"]
        click.echo(
            f"denoising is best at d = {best}: {found['clean_error_by_rank'][best]:.6g} from the "
            f"clean images, where the noisy ones are {found['noise_norm']:.6g} from them"
        )
    click.echo(f"{out / 'report.html'} written in {time.perf_counter() - started:.0f} s")
