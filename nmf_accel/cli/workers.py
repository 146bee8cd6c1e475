"""Options of a command whose runs others compute: processes of its own, or a Dask cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..sweeps import Workers

PATIENCE = 5
"""Seconds to wait for a scheduler."""


def workers_options(command: Any) -> Any:
    """Who computes, if not this process."""
    for option in (
        click.option(
            "--dask", metavar="ADDRESS", help="Let a Dask cluster compute: tcp://host:8786."
        ),
        click.option(
            "--processes",
            type=click.IntRange(1),
            metavar="N",
            help="Let so many processes compute, with one thread each.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def workers_for(several: int | None, dask: str | None) -> Iterator[Workers | None]:
    """Those that the options ask for.

    Raises
    ------
    click.UsageError
        If both are asked for, or there is no such scheduler.
    """
    if several is not None and dask is not None:
        raise click.UsageError("--processes and --dask exclude each other: take one")
    if several is not None:
        from ..sweeps.spawned import processes  # late: multiprocessing is slow to import

        with processes(several) as pool:
            yield Workers(pool)
    elif dask is not None:
        with _client(dask) as client:
            yield Workers.of(client.get_executor(retries=2))
    else:
        yield None


def _client(address: str) -> Any:
    """A client of a Dask scheduler."""
    try:
        from distributed import Client
        from distributed.comm import connect
    except ImportError:
        raise click.UsageError("--dask needs Dask: pip install 'nmf-accel[dask]'") from None

    async def knock() -> None:
        (await connect(address, timeout=PATIENCE)).abort()

    try:
        asyncio.run(knock())  # a client that reaches nobody takes 10 s to give up
    except Exception as error:  # noqa: BLE001  who listens there may be no scheduler at all
        said = str(error).splitlines()[0]
        raise click.UsageError(
            f"no Dask scheduler answers at {address} ({said}); start one by 'dask scheduler'"
        ) from None
    return Client(address, timeout=PATIENCE, set_as_default=False)
