"""The command ``nmf-accel rank``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..selection import FOLDS, SEEDS, choose_rank
from ..sweeps import Store
from .folder import Evidence, draw, echo_choice
from .options import declared_option
from .sweep import about, computed, ranks_option, sweep_options, told


@click.command("rank")
@click.argument("source")
@ranks_option
@declared_option("folds", FOLDS)
@declared_option("seeds", SEEDS)
@sweep_options("rank", without=("folds",), keep="all")
def rank_command(
    source: str,
    ranks: list[int],
    n_images: int | None,
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Which rank? By the error of entries of SOURCE that are left out, into a folder.

    Rank 1 is tried in any case, unless components are held. The folder is that of a sweep: the
    same command goes on where it stopped, and `show` and `merge` take it.
    """
    data = told(source, n_images, as_json, options)
    options["about"] = about(source, data, n_images)
    choice = computed(choose_rank, data, ranks, out, as_json, options)
    draw(Store.read(out), Evidence.of(choice))
    echo_choice(choice, as_json)
    if not as_json:
        click.echo(f"\n{len(choice.sweep.table)} runs in {out}; rank.png shows what they say")
