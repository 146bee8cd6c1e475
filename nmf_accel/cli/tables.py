"""Tables of text."""

from collections.abc import Mapping
from typing import Any

import click


def printable(text: str) -> str:
    """A text for a terminal, which takes some characters for orders: those are spelled out."""
    return "".join(x if x.isprintable() else ascii(x)[1:-1] for x in text)


def echo_table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns; the last column may be long."""
    rows = [list(map(printable, row)) for row in rows]
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
