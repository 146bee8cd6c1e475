"""The command ``nmf-accel fit``."""

from __future__ import annotations

import json
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..datasets import Dataset
from ..factorize import nmf
from ..files import make_folder
from ..intake import fingerprint
from ..losses import symbol_of
from ..options import Options, declared
from ..results import Factorization, Interrupted
from . import signals
from .options import (
    backend_options,
    declared_option,
    devices_option,
    dtype_option,
    echo_given,
    known_options,
    matrix_file,
    n_images_option,
    run_options,
    spread_over,
)
from .reading import echo_taken, read_source, reading_options, taken
from .source import SourceCommand
from .tables import solver_of


def _callback(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """The function that ``module:function`` names."""
    if value is None:
        return None
    sys.path.insert(0, "")  # as `python -m` does, so that a file beside the user is found
    try:
        found = pkgutil.resolve_name(value)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.BadParameter(f"{value!r} names no function: {error}") from error
    if not callable(found):
        raise click.BadParameter(f"{value!r} is a {type(found).__name__}, not a function")
    return found


RUN = declared(Options)

TEXT_TABLES = ("csv", "tsv")
TABLES = (*TEXT_TABLES, "parquet")
LARGEST_TEXT = 5_000_000
"""Numbers that are written as text without being asked twice: some 100 MB, in seconds."""
MOST_TOP, TOP = 32, 5
"""Components whose features are listed, and how many of each."""


@click.command(cls=SourceCommand)
@click.argument("source")
@declared_option("rank", RUN["rank"])
@declared_option("seed", RUN["seed"])
@n_images_option
@reading_options
@run_options()
@known_options
@click.option("--w0", "W0", callback=matrix_file, metavar="FILE", help="Start of W.")
@click.option("--h0", "H0", callback=matrix_file, metavar="FILE", help="Start of H.")
@dtype_option
@backend_options
@devices_option
@click.option("--progress/--no-progress", default=None, help="By default on a terminal.")
@click.option("--callback", callback=_callback, metavar="MODULE:FUNCTION", help="See nmf().")
@click.option("--out", type=click.Path(path_type=Path), default="out", show_default=True)
@click.option(
    "--tables",
    type=click.Choice([*TABLES, "none"]),
    default="csv",
    show_default=True,
    help="W and H as tables with their names.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fit(
    source: str,
    n_images: int | None,
    progress: bool | None,
    out: Path,
    tables: str,
    devices: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Factorize SOURCE and write the factors and pictures to a folder.

    SOURCE is {sources}.
    """
    data = read_source(source, n_images, options)
    if not as_json:  # at once: a wrong guess should not cost the time of a run
        echo_taken(data, "data  ")
        echo_given()
    make_folder(out)
    about = {
        "data": data.name,
        "taken": taken(data),
        "n_images": data.A.shape[1],
        "data_sha256": fingerprint(data.A),
    }
    show = sys.stderr.isatty() if progress is None else progress
    interrupted = False
    try:
        result = nmf(spread_over(devices, data, options), progress=show, **options)
    except Interrupted as stop:
        result, interrupted = stop.result, True
    result = replace(result, settings={**result.settings, **about})
    before = tables_in(out)
    # Tables before pictures, which are what may fail, and can be drawn again.
    written = [write_factors(result, out), *write_tables(result, out, tables)]
    removed = remove(before, written)
    written += write_pictures(result, data, out)
    if as_json:
        files = {"files": [*map(str, written)], "removed": [*map(str, removed)]}
        click.echo(json.dumps({**result.summary(), **files}))
    else:
        echo_summary(result, written, removed)
    if interrupted:
        click.echo(f"{result.stopped_because}; saved what there is", err=True)
        sys.exit(signals.status())


FACTORS = "factorization.npz"


def tables_in(out: Path) -> list[Path]:
    """The tables of an earlier run in a folder: of any kind, if its factors lie beside them."""
    if not (out / FACTORS).exists():
        return []  # what is called so is somebody else's
    paths = [out / f"{name}.{kind}" for kind in TABLES for name in ("W", "H")]
    return [path for path in paths if path.exists()]


def remove(before: list[Path], written: list[Path]) -> list[Path]:
    """Remove tables that another run left, which would seem to be of this one; their paths."""
    removed = [path for path in before if path not in written]
    for path in removed:
        path.unlink()
    return removed


def write_factors(result: Factorization, out: Path) -> Path:
    """Write the factorization, also where Ctrl-C comes meanwhile; its path."""
    path = out / FACTORS
    try:
        result.save(path)
    except KeyboardInterrupt:  # a second one ends the process
        result.save(path)
        raise
    return path


def write_pictures(result: Factorization, data: Dataset, out: Path) -> list[Path]:
    """Write the pictures; the paths written."""
    from .. import plots  # late: matplotlib is slow to import

    figures = {
        out / "components.png": plots.components(result, data),
        out / "reconstructions.png": plots.reconstructions(result, data),
        out / "errors.png": plots.errors(result),
    }
    for path, figure in figures.items():
        plots.save(figure, path)
    return [*figures]


def write_tables(result: Factorization, out: Path, kind: str) -> list[Path]:
    """Write W and H as tables, unless they would be huge as text; the paths written."""
    m, n, d = len(result.W), np.shape(result.H)[1], result.rank
    if kind in TEXT_TABLES and (m + n) * d > LARGEST_TEXT:
        click.echo(
            f"{(m + n) * d:,} numbers are many for {kind}: W and H are in factorization.npz alone; "
            "--tables parquet writes them as well",
            err=True,
        )
        return []
    return [] if kind == "none" else result.export(out, kind)


def echo_summary(result: Factorization, written: list[Path], removed: list[Path]) -> None:
    """Print the short table at the end of a fit."""
    numbers = result.summary()
    rows = [
        [f"error {symbol_of(result.settings)}", f"{result.error:.8g}"],
        ["relative error", f"{result.relative_error:.6g}"],
        ["KKT residual", f"{result.kkt:.3g}"],
        [
            "solver",
            solver_of(result.settings) + f", {result.dead} dead components" * (result.dead > 0),
        ],
        ["iterations", f"{result.n_iter} ({result.stopped_because})"],
        ["time per iteration", f"{1e3 * result.seconds_per_iteration:.3g} ms"],
        ["total time", f"{result.seconds:.3g} s"],
        ["speed", f"{numbers['gflops']:.3g} GFLOP/s"],
        ["backend", f"{numbers['backend']} {numbers['dtype']} on {numbers['device']}"],
        ["written", ", ".join(map(str, written))],
    ]
    if removed:
        rows.append(["removed", f"{', '.join(map(str, removed))}: of an earlier run"])
    if result.held_out is not None:
        rows.insert(2, ["held out", f"{result.held_out:.6g}, root mean square"])
    width = 2 + max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name.ljust(width)}{value}")
    if result.features is not None and result.rank <= MOST_TOP:
        click.echo(f"\nlargest in each component, as shares of its largest\n{result.top(TOP)}")
