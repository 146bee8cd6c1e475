"""The commands ``nmf-accel show`` and ``merge``, and what is told and drawn of a sweep's folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..losses import symbol_of
from ..selection import RankChoice, Unfinished, agreement, repetition_by_rank
from ..sweeps import Row, Store, StoreError, SweepResult, best_rank, merge, summarize
from .tables import echo_table, printable

MOST_SAMPLES = 1000
"""Of more, a consensus matrix is drawn of so many, evenly spaced."""


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
        draw_agreement(result, rank, folder)
        return
    if not as_json and store.about.get("taken"):
        click.echo(printable(store.about["taken"]))
    echo_drawn(result, store, as_json)


def echo_drawn(result: SweepResult, store: Store, as_json: bool) -> None:
    """Draw and print what there is of a sweep, and which rank it speaks for."""
    evidence = evidence_of(result)
    draw(store, evidence)
    echo_runs(result, store.path, as_json)
    if not as_json:
        evidence.echo()


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


class Evidence(NamedTuple):
    """What the runs of a folder say about ranks.

    Attributes
    ----------
    choice : RankChoice or None
        Where they leave out folds, and some rank has an error of each.
    repetition : list of dict
        How components repeat, a row a rank of which several factorizations were kept.
    """

    choice: RankChoice | None
    repetition: list[Row]

    @classmethod
    def of(cls, choice: RankChoice) -> Evidence:
        """That of a choice."""
        return cls(choice, [row for row in choice.table if row["cosine"] is not None])

    def echo(self) -> None:
        """Print it."""
        if self.choice is not None:
            click.echo("")
            echo_choice(self.choice, as_json=False)
        elif self.repetition:
            click.echo("")
            rows = [[str(row["rank"]), *repetition_cells(row)] for row in self.repetition]
            echo_table(["rank", *REPETITION], rows)


def evidence_of(result: SweepResult) -> Evidence:
    """What a sweep says about ranks; without components, and a line, where factors are lost."""
    try:
        if result.options.get("folds") is not None:
            with suppress(Unfinished):
                return Evidence.of(RankChoice.of(result))
        return Evidence(None, repetition_by_rank(result))
    except StoreError as error:  # what else there is can still be shown
        click.echo(f"Warning: how components repeat is not shown: {error}", err=True)
        return evidence_of(replace(result, store=None))


def draw(store: Store, evidence: Evidence) -> None:
    """Write ``sweep.png`` and ``sweep.svg`` into a sweep's folder, once there are runs.

    So is what it says about ranks: ``rank.png``, and ``consensus-RANK.png`` of that which it names.
    """
    from .. import plots  # late: matplotlib is slow to import

    if store.rows:
        symbol = symbol_of({**store.about, **store.settings})
        save(plots.sweep(summarize(store.rows), symbol), store.path / "sweep")
    choice = evidence.choice
    if choice is not None:
        save(choice.plot(), store.path / "rank")
    elif evidence.repetition:
        save(plots.repetition(evidence.repetition), store.path / "rank")
    if choice is not None and evidence.repetition:
        draw_agreement(choice.sweep, choice.rank, store.path)


def draw_agreement(result: SweepResult, rank: int, folder: Path) -> None:
    """Write ``consensus-RANK.png`` and ``.svg``: which samples go together at a rank.

    Where fewer than two factorizations of it were kept, or of one sample, there is none.
    """
    try:
        two = list(islice(result.kept(rank), 2))
        n = two[0].to_arrays()[1].shape[1] if two else 0
        if rank == 1 or len(two) < 2 or n < 2:
            return
        together = agreement(result, rank, slice(None, None, -(-n // MOST_SAMPLES)))
    except StoreError as error:  # what else there is can still be shown
        click.echo(f"Warning: which samples go together is not drawn: {error}", err=True)
        return
    save(together.plot(), folder / f"consensus-{rank}")


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
    names = ("held_out", "held_out_se", "in_sample", "in_sample_se")
    marks = dict.fromkeys(choice.within, "within one SE of the lowest")
    marks |= {choice.lowest: "lowest"}
    marks |= {choice.rank: "chosen" + ", lowest" * (choice.rank == choice.lowest)}
    rows = [
        [
            str(row["rank"]),
            *(_number(row[name], 4) for name in names),
            *repetition_cells(row),
            marks.get(row["rank"], ""),
        ]
        for row in choice.table
    ]
    echo_table(["rank", "held out", "± SE", "in sample", "± SE", *REPETITION, ""], rows)
    click.echo(f"\n{choice}")


REPETITION = ("silhouette", "cosine", "repeat")
"""What a table calls how components repeat."""


def repetition_cells(row: Row) -> list[str]:
    """How components of a rank repeat."""
    if row["cosine"] is None:
        return ["-"] * len(REPETITION)
    numbers = [f"{row[name]:.2f}" for name in ("silhouette", "cosine")]
    return [*numbers, f"{row['repeating']} of {row['rank']}"]


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


def _number(value: float | None, digits: int = 6) -> str:
    return "-" if value is None else f"{value:.{digits}g}"
