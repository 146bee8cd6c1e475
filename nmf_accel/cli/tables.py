"""Tables of text."""

import click


def echo_table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns; the last column may be long."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
