"""The command ``nmf-accel``."""

from __future__ import annotations

import json
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from . import __version__, datasets
from .arrays import fingerprint
from .backends import AUTO, VARIABLE, BackendError, names, probe, resolve
from .console import backend_option, dtype_option, echo_table, fit_options
from .datasets import Dataset, DatasetError
from .nmf import nmf
from .results import Factorization, Interrupted
from .store import StoreError
from .study_cli import study
from .sweep_cli import merge_command, show, sweep_command

REFUSALS = (ValueError, TypeError, FloatingPointError, BackendError, DatasetError, StoreError)


class Commands(click.Group):
    """A group that turns the library's errors into one clear line and exit status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = None  # the one line that says what is wrong, without the usage above it
            raise
        except REFUSALS as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Non-negative matrix factorization on NumPy, CuPy and JAX."""


@main.command()
def backends() -> None:
    """List the backends, whether they can run here, and which one `auto` picks."""
    rows = []
    for name in names():
        found = probe(name)
        state = "yes" if found.usable else "no"
        rows.append([name, state, found.version or "-", found.device or "-", found.reason])
    echo_table(["backend", "usable", "version", "device", ""], rows)
    click.echo(f"\nauto picks {resolve(AUTO).name}; choose with --backend or {VARIABLE}")


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


def _matrix_file(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    return None if value is None else datasets.load(value).A


@main.command()
@click.argument("source")
@click.option("--rank", type=int, required=True, help="Number of components.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random start.")
@fit_options
@click.option("--w0", "W0", callback=_matrix_file, metavar="FILE", help="Start of W.")
@click.option("--h0", "H0", callback=_matrix_file, metavar="FILE", help="Start of H.")
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

    SOURCE is cryptopunks, sprites, a .npy, .npz or .csv file with one sample a column, or a
    folder of images of one size.
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
    from . import plots  # late: matplotlib is slow to import

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
        ["error ‖A − WH‖", f"{result.error:.8g}"],
        ["relative error", f"{result.relative_error:.6g}"],
        ["KKT residual", f"{result.kkt:.3g} of the start's"],
        ["solver", f"{numbers['solver']}" + f", {result.dead} dead components" * (result.dead > 0)],
        ["iterations", f"{result.n_iter} ({result.stopped_because})"],
        ["time per iteration", f"{1e3 * result.seconds_per_iteration:.3g} ms"],
        ["total time", f"{result.seconds:.3g} s"],
        ["speed", f"{numbers['gflops']:.3g} GFLOP/s"],
        ["backend", f"{numbers['backend']} {numbers['dtype']} on {numbers['device']}"],
        ["written", ", ".join(str(path) for path in written)],
    ]
    for name, value in rows:
        click.echo(f"{name.ljust(20)}{value}")


@main.command()
@click.option("--backend", "chosen", metavar="NAME", help="One backend; else all usable ones.")
def verify(chosen: str | None) -> None:
    """Hold the backends against the golden histories shipped with the package."""
    from . import verify as golden

    if chosen:
        resolve(chosen)
    rows, passed = [], True
    for name in [chosen] if chosen else names():
        if not (found := probe(name)).usable:
            rows.append([name, "-", "-", "-", "-", f"not usable: {found.reason}"])
            continue
        for check in golden.verify(name):
            passed &= check.passed
            verdict = "ok" if check.passed else "DIFFERS"
            numbers = [f"{check.history:.1e}", f"{check.factors:.1e}"]
            rows.append([name, check.dtype, str(check.rank), *numbers, verdict])
    echo_table(["backend", "dtype", "rank", "history", "factors", ""], rows)
    limits = ", ".join(f"{limit:g} in {dtype}" for dtype, limit in golden.TOLERANCE.items())
    click.echo(
        f"\nlargest relative differences over {golden.MAX_ITER} iterations; allowed: {limits}"
    )
    if not passed:
        sys.exit(1)


@main.group(invoke_without_command=True)
@click.pass_context
def data(ctx: click.Context) -> None:
    """List the data sets, or fetch one."""
    if ctx.invoked_subcommand is not None:
        return
    path = datasets.punks_path()
    if not path.exists():
        state = "not there; nmf-accel data fetch cryptopunks"
    else:
        try:
            datasets.fetch_cryptopunks()
            state = "present, SHA-256 verified"
        except DatasetError as error:
            state = f"refused: {error}"
    rows = [
        ["sprites", "any number, 24 × 24", "drawn by nmf_accel", "always there"],
        ["cryptopunks", "10,000, 24 × 24", str(path), state],
    ]
    echo_table(["data set", "images", "where", "state"], rows)


@data.command()
@click.argument("name", type=click.Choice(["cryptopunks"]))
def fetch(name: str) -> None:
    """Download a data set and verify it."""
    click.echo(f"{name}: {datasets.fetch_cryptopunks()}, SHA-256 verified")


for command in (sweep_command, show, merge_command, study):
    main.add_command(command)


if __name__ == "__main__":
    main()
