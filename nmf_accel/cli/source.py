"""What the help of a command says of its SOURCE."""

from __future__ import annotations

import copy

import click

from .. import datasets


class SourceCommand(click.Command):
    """A command whose help names the sources that there are when it is asked for.

    In its text, ``{sources}`` stands for all that can be loaded, ``{images}`` for what has images.
    """

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the text of the help."""
        told = copy.copy(self)  # the text keeps its gaps, for the tables may grow
        told.help = (self.help or "").format(
            sources=datasets.sources_in_words(), images=datasets.image_sources_in_words()
        )
        click.Command.format_help_text(told, ctx, formatter)
