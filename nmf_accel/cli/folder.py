"""The commands ``nmf-accel show`` and ``merge``, and what is told and drawn of a sweep's folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from ..losses import symbol_of
from ..selection import RankChoice, Unfinished
from ..sweeps import Row, Store, StoreError, SweepResult, best_rank, merge, summarize
from .tables import echo_table, printable


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
    echo_drawn(result, store, as_json)


def echo_drawn(result: SweepResult, store: Store, as_json: bool) -> None:
    """Draw and print what there is of a sweep, and which rank it speaks for."""
    choice = choice_of(result)
    draw(store, choice)
    echo_runs(result, store.path, as_json)
    if choice is not None and not as_json:
        click.echo("")
        echo_choice(choice, as_json)


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
    echo_drawn(SweepResult.of(store), store, as_json=False)


def choice_of(result: SweepResult) -> RankChoice | None:
    """The rank that a sweep speaks for, where it leaves out folds and some rank has all of them."""
    if result.options.get("folds") is None:
        return None
    try:
        return RankChoice.of(result)
    except Unfinished:
        return None
    except StoreError as error:  # what else there is can still be shown
        click.echo(f"Warning: rank.png is not drawn: {error}", err=True)
        return None


def draw(store: Store, choice: RankChoice | None) -> None:
    """Write ``sweep.png`` and ``sweep.svg`` into a sweep's folder, once there are runs.

    Where it speaks for a rank, ``rank.png`` and ``rank.svg`` too.
    """
    from .. import plots  # late: matplotlib is slow to import

    if store.rows:
        symbol = symbol_of({**store.about, **store.settings})
        save(plots.sweep(summarize(store.rows), symbol), store.path / "sweep")
    if choice is not None:
        save(choice.plot(), store.path / "rank")


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG and SVG.

    Where that fails, as in a folder that can only be read, a line says so: the runs matter more.
    """
    from .. import plots  # late: matplotlib is slow to import

    for ending in ("png", "svg"):
        file = path.with_suffix(f".{ending}")
        try:
            plots.save(figure, file)
        except OSError as error:
            click.echo(f"Warning: {file} is not drawn: {error.strerror or error}", err=True)


def echo_choice(choice: RankChoice, as_json: bool) -> None:
    """Print what speaks for each rank, and which one was chosen."""
    if as_json:
        for row in choice.table:
            said = {"within": row["rank"] in choice.within, "chosen": row["rank"] == choice.rank}
            click.echo(json.dumps({**row, **said}))
        return
    header = ["rank", "held out", "± SE", "in sample", "± SE", "silhouette", "cosine", "repeat", ""]
    names = ("held_out", "held_out_se", "in_sample", "in_sample_se", "silhouette", "cosine")
    marks = dict.fromkeys(choice.within, "within one SE of the lowest")
    marks |= {choice.lowest: "lowest"}
    marks |= {choice.rank: "chosen" + ", lowest" * (choice.rank == choice.lowest)}
    rows = []
    for row in choice.table:
        repeating = "-" if row["repeating"] is None else f"{row['repeating']} of {row['rank']}"
        cells = [f"{row[name]:.4g}" if row[name] is not None else "-" for name in names]
        rows.append([str(row["rank"]), *cells, repeating, marks.get(row["rank"], "")])
    echo_table(header, rows)
    click.echo(f"\n{choice}")


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
