"""The command ``nmf-accel fit``."""

from __future__ import annotations

import json
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import datasets
from ..datasets import Dataset
from ..factorize import nmf
from ..intake import fingerprint
from ..losses import symbol_of
from ..options import Options, declared
from ..results import Factorization, Interrupted
from .options import (
    backend_option,
    declared_option,
    dtype_option,
    known_options,
    matrix_file,
    n_images_option,
    run_options,
)
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


@click.command(cls=SourceCommand)
@click.argument("source")
@declared_option("rank", RUN["rank"])
@declared_option("seed", RUN["seed"])
@n_images_option
@run_options()
@known_options
@click.option("--w0", "W0", callback=matrix_file, metavar="FILE", help="Start of W.")
@click.option("--h0", "H0", callback=matrix_file, metavar="FILE", help="Start of H.")
@dtype_option
@backend_option
@click.option("--progress/--no-progress", default=None, help="By default on a terminal.")
@click.option("--callback", callback=_callback, metavar="MODULE:FUNCTION", help="See nmf().")
@click.option("--out", type=click.Path(path_type=Path), default="out", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fit(
    source: str,
    n_images: int | None,
    progress: bool | None,
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Factorize SOURCE and write the factors and pictures to a folder.

    SOURCE is {sources}.
    """
    data = datasets.load(source, n_images)
    out.mkdir(parents=True, exist_ok=True)
    show = sys.stderr.isatty() if progress is None else progress
    interrupted = False
    try:
        result = nmf(data.A, progress=show, **options)
    except Interrupted as stop:
        result, interrupted = stop.result, True
    described = {"data": data.name, "n_images": data.A.shape[1], "data_sha256": fingerprint(data.A)}
    result = replace(result, settings={**result.settings, **described})
    written = write_fit(result, data, out)
    if as_json:
        click.echo(json.dumps({**result.summary(), "files": [str(path) for path in written]}))
    else:
        echo_summary(result, written)
    if interrupted:
        click.echo(f"{result.stopped_because}; saved what there is", err=True)
        sys.exit(130)


def write_fit(result: Factorization, data: Dataset, out: Path) -> list[Path]:
    """Write the factorization and its pictures; the paths written."""
    from .. import plots  # late: matplotlib is slow to import

    factors = out / "factorization.npz"
    result.save(factors)
    figures = {
        out / "components.png": plots.components(result, data),
        out / "reconstructions.png": plots.reconstructions(result, data),
        out / "errors.png": plots.errors(result),
    }
    for path, figure in figures.items():
        plots.save(figure, path)
    return [factors, *figures]


def echo_summary(result: Factorization, written: list[Path]) -> None:
    """Print the short table at the end of a fit."""
    numbers = result.summary()
    rows = [
        [f"error {symbol_of(result.settings)}", f"{result.error:.8g}"],
        ["relative error", f"{result.relative_error:.6g}"],
        ["KKT residual", f"{result.kkt:.3g} of the start's"],
        [
            "solver",
            solver_of(result.settings) + f", {result.dead} dead components" * (result.dead > 0),
        ],
        ["iterations", f"{result.n_iter} ({result.stopped_because})"],
        ["time per iteration", f"{1e3 * result.seconds_per_iteration:.3g} ms"],
        ["total time", f"{result.seconds:.3g} s"],
        ["speed", f"{numbers['gflops']:.3g} GFLOP/s"],
        ["backend", f"{numbers['backend']} {numbers['dtype']} on {numbers['device']}"],
        ["written", ", ".join(str(path) for path in written)],
    ]
    if result.held_out is not None:
        rows.insert(2, ["held out", f"{result.held_out:.6g}, root mean square"])
    width = 2 + max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name.ljust(width)}{value}")
