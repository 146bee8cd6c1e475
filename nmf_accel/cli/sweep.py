"""The command ``nmf-accel sweep``, and what all commands share that fill the folder of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from .. import datasets
from ..datasets import Dataset
from ..options import COMMON
from ..results import Interrupted
from ..sweeps import KEPT, Row, Store, sweep
from . import signals
from .folder import draw, echo_runs, evidence_of
from .numbers import bytes_of, ranks_of, seeds_of
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
from .workers import workers_for, workers_options

Found = TypeVar("Found")


def sweep_options(
    out: str, *, without: tuple[str, ...] = (), keep: str = KEPT.default
) -> Callable[[Any], Any]:
    """The options of a command that fills a folder, `out` unless it is told, with runs.

    Those of a run that the command has itself are left out.
    """
    options = [
        n_images_option,
        reading_options,
        run_options(name for name in COMMON if name not in without),
        known_options,
        dtype_option,
        backend_options,
        devices_option,
        workers_options,
        click.option(
            "--memory", callback=bytes_of, metavar="SIZE", help="Most to take, such as 8G."
        ),
        declared_option("keep", replace(KEPT, default=keep)),
        click.option("--progress/--no-progress", default=None, help="By default on a terminal."),
        click.option("--out", type=click.Path(path_type=Path), default=out, show_default=True),
        click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON lines."),
    ]

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


ranks_option = click.option(
    "--ranks", callback=ranks_of, required=True, help="16,32,64 or a:b:step or a:b:logK."
)


@click.command("sweep")
@click.argument("source")
@ranks_option
@click.option(
    "--seeds", callback=seeds_of, default="5", show_default=True, help="How many, or which: 3,7,9."
)
@click.option("--sigma", type=float, default=0.0, help="Add noise; report the clean error too.")
@click.option("--noise-seed", type=int, default=1, show_default=True)
@sweep_options("runs")
def sweep_command(
    source: str,
    ranks: list[int],
    n_images: int | None,
    sigma: float,
    noise_seed: int,
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Factorize SOURCE at many ranks from many seeds, into a folder; go on where it stopped."""
    data = told(source, n_images, as_json, options)
    options["about"] = about(source, data, n_images, sigma=sigma, noise_seed=noise_seed)
    if sigma:
        options["reference"] = data.A
        data = replace(data, A=datasets.add_noise(data.A, sigma, noise_seed))
    result = computed(sweep, data, ranks, out, as_json, options)
    draw(Store.read(out), evidence := evidence_of(result))
    if result.skipped:
        click.echo(f"{result.skipped} runs were in {out} already", err=True)
    echo_runs(result, out, as_json)
    if not as_json:
        evidence.echo()


def told(source: str, n_images: int | None, as_json: bool, options: dict[str, Any]) -> Dataset:
    """The data, and a line of what it was taken for; reading options leave `options`."""
    data = read_source(source, n_images, options)
    if not as_json:
        echo_taken(data)
        echo_given()
    return data


def about(source: str, data: Dataset, n_images: int | None, **more: Any) -> Row:
    """What a folder is to say of the data."""
    return {"source": source, "taken": taken(data), "n_images": n_images, **more}


def computed(
    compute: Callable[..., Found],
    data: Dataset,
    ranks: list[int],
    out: Path,
    as_json: bool,
    options: dict[str, Any],
) -> Found:
    """What `compute(data, ranks, store=out, …)` finds.

    On Ctrl-C what is finished is drawn, and the command ends.
    """
    several, dask, devices = (options.pop(name) for name in ("processes", "dask", "devices"))
    shown = options.pop("progress")
    options["progress"] = sys.stderr.isatty() if shown is None else shown
    try:
        with workers_for(several, dask) as workers:
            if workers and devices:
                raise click.UsageError("--devices are this process's, so there are no workers")
            if workers and not as_json:
                click.echo(f"on {workers}")
            data = spread_over(devices, data, options)
            return compute(data, ranks, store=out, executor=workers, **options)
    except Interrupted as stop:
        done = len(stop.result.table)
        click.echo(f"\nstopped: {done} runs are in {out}; the same command does the rest", err=True)
        with suppress(KeyboardInterrupt, OSError):  # the runs are safe without the picture too
            draw(stop.result.store, evidence_of(stop.result))
        sys.exit(signals.status())
