"""The group of all commands, and how it tells mistakes."""

from __future__ import annotations

import warnings
from typing import Any

import click

from .._version import __version__
from ..backends import BackendError
from ..datasets import DatasetError
from ..sweeps import StoreError, WorkerError
from . import signals
from .bench import bench
from .data import data
from .fit import fit
from .folder import merge_command, show
from .machine import backends, verify
from .rank import rank_command
from .study import study
from .sweep import sweep_command

REFUSALS = (
    *(ValueError, TypeError, FloatingPointError),
    *(BackendError, DatasetError, StoreError, WorkerError),
)


class DiskError(click.ClickException):
    """What a file, a folder or a disk refuses; status 1."""


DISK = (DiskError, BrokenPipeError)


class Commands(click.Group):
    """A group that turns the library's errors into one clear line and exit status 2.

    Warnings are a line each on stderr, without the place in the code that Python adds.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and heed signals meanwhile."""
        ctx.meta[signals.TOLD] = told = signals.Told()
        try:
            with signals.heeded(told):
                return self._telling_mistakes(ctx)
        except (KeyboardInterrupt, Exception) as error:
            if isinstance(error, click.exceptions.Exit):
                raise
            if isinstance(error, KeyboardInterrupt):
                click.echo(told.word, err=True)
            elif told.at_all and not isinstance(error, DISK):
                # Where a library was interrupted, it may say so in some error of its own.
                click.echo(f"{told.word}: {error}", err=True)
            else:
                raise  # also where what there is could not be saved
            ctx.exit(told.status)

    def _telling_mistakes(self, ctx: click.Context) -> Any:
        """Run the command; what the library refuses becomes click's own errors."""
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show  # type: ignore[assignment]  # it takes what they pass
                return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = None  # the one line that says what is wrong, without the usage above it
            raise
        except REFUSALS as error:
            raise click.UsageError(str(error)) from error
        except BrokenPipeError:
            raise  # whoever reads has enough, as `head` has: click ends without a word
        except MemoryError as error:
            raise click.UsageError(str(error) or "the memory is not enough") from error
        except OSError as error:
            raise DiskError(str(error)) from error


def _show(message: Warning | str, *_: Any) -> None:
    """Print a warning."""
    click.echo(f"Warning: {message}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Non-negative matrix factorization on NumPy, CuPy and JAX."""


runs = (rank_command, sweep_command, show, merge_command, study)
for command in (backends, fit, bench, verify, data, *runs):
    main.add_command(command)
