"""The command ``nmf-accel bench``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from ..factorize import nmf
from ..options import COMMON, Options, declared
from ..solvers import AUTO
from ..timing import Timing, advice, compare
from . import signals
from .options import Names, declared_option, device_option, dtype_option, n_images_option
from .reading import echo_taken, read_source, reading_options, taken
from .source import SourceCommand
from .tables import echo_table, solver_of

TRY_AUTO: dict[str, Any] = {"solver": AUTO, "max_iter": 1}
"""A run, as short as can be, whose settings say what 'auto' takes."""


@click.command(cls=SourceCommand)
@click.argument("source")
@declared_option("rank", declared(Options)["rank"])
@n_images_option
@reading_options
@click.option(
    "--solver",
    "solvers",
    multiple=True,
    type=Names(COMMON["solver"]),
    help="Only this one; may be repeated. [default: mu and auto]",
)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="NAME",
    help="Only this one; may be repeated. [default: all]",
)
@device_option
@click.option(
    "--seeds", "runs", type=int, default=1, show_default=True, help="Runs at once, as in a sweep."
)
@dtype_option
@click.option("--seconds", default=2.0, show_default=True, help="How long each is measured.")
@click.option("--progress/--no-progress", default=None, help="By default on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    source: str,
    n_images: int | None,
    progress: bool | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure an iteration on SOURCE: on each backend, by each solver, and say which to take.

    SOURCE is {sources}.

    The floor is the least time that this machine needs for an iteration: its bytes at the rate of a
    copy or its operations at that of a matrix product, both measured here.
    """
    data = read_source(source, n_images, options)
    if not as_json:  # before it measures: a wrong guess should not cost the time
        (m, n), runs = data.A.shape, f", {options['runs']} runs at once" * (options["runs"] > 1)
        click.echo(f"{data.name}, {m} × {n}, rank {options['rank']}, {options['dtype']}{runs}")
        echo_taken(data)
    show = sys.stderr.isatty() if progress is None else progress
    given = {name: value for name, value in options.items() if value != ()}
    try:
        timings = compare(data.A, progress=show, **given)
    except KeyboardInterrupt:
        click.echo("\ninterrupted; nothing was measured to the end", err=True)
        sys.exit(signals.status())
    same = {name: options[name] for name in ("dtype", "device")}
    settings = nmf(data.A, options["rank"], **same, **TRY_AUTO).settings
    auto = f"auto takes --backend {settings['backend']} --solver {solver_of(settings)}"
    if as_json:
        about = {"data": data.name, "taken": taken(data), "shape": list(data.A.shape)}
        rows = [x.row() for x in timings]
        click.echo(json.dumps({**about, "timings": rows, "advice": advice(timings), "auto": auto}))
        return
    echo_timings(timings)
    click.echo(f"\n{advice(timings)}\n{auto}")


def echo_timings(timings: list[Timing]) -> None:
    """Print the table, and what the floors are made of."""
    target = next((f"{x.target:.5g}" for x in timings if not x.not_measured), "")
    header = ["backend", "solver", "ms/iteration", "quartiles", "share of floor", "the first"]
    header += [f"error {target}" if target else "error", ""]
    echo_table(header, [_cells(x) for x in timings])
    floors = {x.backend: x for x in timings if not x.not_measured}
    click.echo("")
    for x in floors.values():
        click.echo(
            f"floor of {x.backend}: {_ms(x.floor)} ms, for {x.operations / 1e9:.3g} GFLOP at "
            f"{x.operations_per_second / 1e9:.3g} GFLOP/s or {x.bytes / 1e6:.3g} MB at "
            f"{x.bytes_per_second / 1e9:.3g} GB/s"
        )


def _cells(x: Timing) -> list[str]:
    if x.not_measured:
        return [x.backend, *["-"] * 6, f"not measured: {x.not_measured}"]
    spread = " to ".join(map(_ms, x.quartiles))
    first = f"{_ms(x.first_seconds)} ms"
    after = f"after {x.seconds_to_target:.2g} s"
    return [x.backend, x.solver, _ms(x.seconds), spread, f"{x.share:.0%}", first, after, x.device]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}"
