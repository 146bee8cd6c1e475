"""The commands ``nmf-accel data`` and ``data fetch``."""

from __future__ import annotations

import click

from ..datasets import NAMED
from .tables import echo_table


@click.group(invoke_without_command=True)
@click.pass_context
def data(ctx: click.Context) -> None:
    """List the data sets, or fetch one."""
    if ctx.invoked_subcommand is not None:
        return
    rows = [
        [name, named.description, str(named.where()), named.state()]
        for name, named in NAMED.items()
    ]
    echo_table(["data set", "images", "where", "state"], rows)


class FetchCommand(click.Command):
    """Takes the name of any data set that there is to fetch when it runs."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its argument, from the table as it is now, and its options."""
        names = [name for name, named in NAMED.items() if named.fetch is not None]
        return [click.Argument(["name"], type=click.Choice(names)), *super().get_params(ctx)]


@data.command(cls=FetchCommand)
def fetch(name: str) -> None:
    """Download a data set and verify it."""
    fetch_file = NAMED[name].fetch
    assert fetch_file is not None  # FetchCommand lets no other name pass
    click.echo(f"{name}: {fetch_file()}, SHA-256 verified")
