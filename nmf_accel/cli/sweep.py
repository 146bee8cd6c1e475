"""The commands ``nmf-accel sweep``, ``show`` and ``merge``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import datasets
from ..losses import symbol_of
from ..results import Interrupted
from ..sweeps import KEPT, MOST_RUNS, Row, Store, SweepResult, best_rank, merge, summarize, sweep
from . import signals
from .options import (
    backend_options,
    declared_option,
    devices_option,
    dtype_option,
    echo_given,
    known_options,
    n_images_option,
    run_options,
    spread_over,
)
from .reading import echo_taken, read_source, reading_options, taken
from .tables import echo_table, printable
from .workers import workers_for, workers_options

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def numbers(text: str) -> list[int]:
    """Whole numbers from a list such as ``16,32,64:256:32,8:512:log8``.

    ``a:b:step`` runs from a to b, both included; ``a:b:logK`` is K numbers from a to b, evenly
    spaced on a logarithmic axis and rounded, without repetition.
    """
    found: list[int] = []
    for part in text.split(","):
        if match := re.fullmatch(r"\s*(\d+)\s*", part):
            found.append(int(match[1]))
        elif match := re.fullmatch(r"\s*(\d+):(\d+):(\d+)\s*", part):
            first, last, step = map(int, match.groups())
            if (last - first) // max(step, 1) >= MOST_RUNS:
                raise click.BadParameter(f"{part!r} is more than {MOST_RUNS:,} numbers")
            if step < 1 or last < first:
                raise click.BadParameter(f"{part!r} runs nowhere; it must be a:b:step with a <= b")
            found += range(first, last + 1, step)
        elif match := re.fullmatch(r"\s*(\d+):(\d+):log(\d+)\s*", part):
            first, last, count = map(int, match.groups())
            if not 2 <= count <= MOST_RUNS or not 1 <= first < last < 2**53:
                raise click.BadParameter(
                    f"{part!r} must be a:b:logK with 1 <= a < b < 2^53 and K from 2 to "
                    f"{MOST_RUNS:,}"
                )
            found += dict.fromkeys(np.geomspace(first, last, count).round().astype(int).tolist())
        else:
            raise click.BadParameter(f"{part!r} is no number, no a:b:step and no a:b:logK")
    return found


def _ranks(ctx: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    return numbers(value)


def _seeds(ctx: click.Context, parameter: click.Parameter, value: str) -> int | list[int]:
    """A count, or a list."""
    return int(value) if value.strip().isdigit() else numbers(value.rstrip(","))


def _memory(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)(i?B)?\s*", value, re.IGNORECASE)
    if match is None:
        raise click.BadParameter(f"{value!r} is no amount of memory, such as 500M or 8G")
    return int(float(match[1]) * UNITS[match[2].upper()])


@click.command("sweep")
@click.argument("source")
@click.option("--ranks", callback=_ranks, required=True, help="16,32,64 or a:b:step or a:b:logK.")
@click.option(
    "--seeds", callback=_seeds, default="5", show_default=True, help="How many, or which: 3,7,9."
)
@click.option("--sigma", type=float, default=0.0, help="Add noise; report the clean error too.")
@click.option("--noise-seed", type=int, default=1, show_default=True)
@n_images_option
@reading_options
@run_options()
@known_options
@dtype_option
@backend_options
@devices_option
@workers_options
@click.option("--memory", callback=_memory, metavar="SIZE", help="Most to take, such as 8G.")
@declared_option("keep", KEPT)
@click.option("--progress/--no-progress", default=None, help="By default on a terminal.")
@click.option("--out", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON lines.")
def sweep_command(
    source: str,
    ranks: list[int],
    n_images: int | None,
    sigma: float,
    noise_seed: int,
    processes: int | None,
    dask: str | None,
    progress: bool | None,
    out: Path,
    devices: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Factorize SOURCE at many ranks from many seeds, into a folder; go on where it stopped."""
    data = read_source(source, n_images, options)
    if not as_json:
        echo_taken(data)
        echo_given()
    about: Row = {"source": source, "taken": taken(data), "n_images": n_images}
    about |= {"sigma": sigma, "noise_seed": noise_seed}
    noisy, reference = data, None
    if sigma:
        noisy = replace(data, A=datasets.add_noise(data.A, sigma, noise_seed))
        reference = data.A
    show = sys.stderr.isatty() if progress is None else progress
    try:
        with workers_for(processes, dask) as workers:
            if workers and devices:
                raise click.UsageError("--devices are this process's, so there are no workers")
            if workers and not as_json:
                click.echo(f"on {workers}")
            options |= {"reference": reference, "executor": workers, "about": about}
            noisy = spread_over(devices, noisy, options)
            result = sweep(noisy, ranks, store=out, progress=show, **options)
        draw(Store.read(out))
    except Interrupted as stop:
        done = len(stop.result.table)
        click.echo(f"\nstopped: {done} runs are in {out}; the same command does the rest", err=True)
        with suppress(KeyboardInterrupt, OSError):  # the runs are safe without the picture too
            draw(stop.result.store)
        sys.exit(signals.status())
    if result.skipped:
        click.echo(f"{result.skipped} runs were in {out} already", err=True)
    echo_runs(result, out, as_json)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rank", type=int, help="List what the best factorization of this rank is made of.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON lines.")
def show(folder: Path, rank: int | None, as_json: bool) -> None:
    """Draw and print a sweep again from its FOLDER, also while it is running."""
    store = Store.read(folder)
    result = SweepResult.of(store)
    if rank is not None:
        echo_top(result, rank, as_json)
        return
    if not as_json and store.about.get("taken"):
        click.echo(printable(store.about["taken"]))
    draw(store)
    echo_runs(result, folder, as_json)


def echo_top(result: SweepResult, rank: int, as_json: bool) -> None:
    """Print the features that the components of the best run at a rank are made of."""
    try:
        best, seed = result.best(rank), result.best_row(rank)["seed"]
    except KeyError as error:
        raise click.UsageError(error.args[0]) from None
    if as_json:
        for feature in best.top():
            click.echo(json.dumps(feature._asdict()))
        return
    click.echo(f"rank {rank}, seed {seed}: largest in each component, as shares of its largest\n")
    click.echo("\n".join(map(printable, str(best.top()).split("\n"))))


@click.command("merge")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def merge_command(folders: tuple[Path, ...], out: Path) -> None:
    """Put the runs of several sweep FOLDERS of the same data and settings into one."""
    store = merge(folders, out)
    draw(store)
    echo_runs(SweepResult.of(store), out, as_json=False)


def draw(store: Store) -> None:
    """Write ``sweep.png`` and ``sweep.svg`` into a sweep's folder, once there are runs.

    Where that fails, as in a folder that can only be read, a line says so: the runs matter more.
    """
    from .. import plots  # late: matplotlib is slow to import

    if store.rows:
        figure = plots.sweep(summarize(store.rows), symbol_of({**store.about, **store.settings}))
        for ending in ("png", "svg"):
            try:
                plots.save(figure, store.path / f"sweep.{ending}")
            except OSError as error:
                path = store.path / f"sweep.{ending}"
                click.echo(f"Warning: {path} is not drawn: {error.strerror or error}", err=True)


MEASURES = {
    "error": "error",
    "relative_error": "relative",
    "held_out": "held out",
    "reference_error": "clean error",
}
"""What is measured of a run, and what a table calls it."""


def echo_runs(result: SweepResult, folder: Path, as_json: bool) -> None:
    """Print every run, and what they say per rank."""
    table = sorted(result.table, key=lambda row: (row["rank"], row["seed"]))
    if as_json:
        for row in table:
            click.echo(json.dumps(row))
        return
    if not table:
        click.echo(f"no run in {folder} has finished yet")
        return
    left_out = any(row.get("held_out") is not None for row in table)
    shown = {name: word for name, word in MEASURES.items() if left_out or name != "held_out"}
    header = ["rank", "seed", *shown.values(), "iterations", "seconds", "stopped"]
    echo_table(header, [_cells(row, shown) for row in table])
    click.echo("")
    summary = summarize(table)
    del shown["relative_error"]
    statistics = ("median", "min", "max")
    header = ["rank", "runs"]
    for word in shown.values():
        header += [f"{word}: median", "min", "max"]
    names = [f"{name}_{statistic}" for name in shown for statistic in statistics]
    rows = [
        [str(row["rank"]), str(row["runs"]), *(_number(row[name]) for name in names)]
        for row in summary
    ]
    echo_table(header, rows)
    if (best := best_rank(summary)) is not None:
        click.echo(f"\nclosest to the clean data: rank {best}")
    click.echo(f"\n{len(table)} runs in {folder}; sweep.png shows them")


def _cells(row: Row, shown: Iterable[str]) -> list[str]:
    seconds, because = f"{row['seconds']:.3g}", row["stopped_because"]
    errors = [_number(row.get(name)) for name in shown]
    return [str(row["rank"]), str(row["seed"]), *errors, str(row["iterations"]), seconds, because]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
