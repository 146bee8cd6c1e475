"""Tables of text."""

from collections.abc import Mapping
from typing import Any

import click


def echo_table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns; the last column may be long."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def solver_of(settings: Mapping[str, Any]) -> str:
    """The solver of a result's settings in words: how it is run, and why if 'auto' chose it."""
    words = [settings["solver"]]
    if settings["inner"] > 1:
        words.append(f"inner {settings['inner']}")
    if settings["extrapolate"]:
        words.append("extrapolated")
    why = settings.get("why_solver", "")
    return ", ".join(words) + f" ({why})" * bool(why)
