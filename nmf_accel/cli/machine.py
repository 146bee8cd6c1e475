"""The commands ``nmf-accel backends`` and ``verify``: what this machine can do."""

from __future__ import annotations

import sys

import click

from ..backends import AUTO, VARIABLE, get, names, probe, resolve
from ..solvers import fastest
from .options import device_option
from .tables import echo_table


@click.command()
def backends() -> None:
    """List the backends, whether they can run here, and which one `auto` picks."""
    rows = []
    for name in names():
        found = probe(name)
        state = "yes" if found.usable else "no"
        several = ", ".join(get(name).devices()) if found.usable else ""
        told = [found.version or "-", found.device or "-", several or "-", found.reason]
        rows.append([name, state, *told])
    echo_table(["backend", "usable", "version", "device", "--device", ""], rows)
    chosen = resolve(AUTO)
    click.echo(f"\nauto picks {chosen.name}; choose with --backend or {VARIABLE}")
    for dtype in ("float64", "float32"):
        choice = fastest(chosen, dtype)
        solver = choice.solver + ", extrapolated" * choice.extrapolate
        click.echo(f"solver auto picks {solver} for {dtype} there: {choice.because}")


@click.command()
@click.option("--backend", "chosen", metavar="NAME", help="One backend; else all usable ones.")
@device_option
def verify(chosen: str | None, device: str | None) -> None:
    """Hold the backends against the golden histories shipped with the package."""
    from .. import verify as golden

    if device and not chosen:
        raise click.UsageError("--device is one of a backend's; say by --backend of which")
    if chosen:
        resolve(chosen, device=device)
    rows, passed = [], True
    for name in [chosen] if chosen else names():
        if not (found := probe(name)).usable:
            rows.append([name, "-", "-", "-", "-", f"not usable: {found.reason}"])
            continue
        for check in golden.verify(name, device):
            passed &= check.passed
            verdict = "ok" if check.passed else "DIFFERS"
            numbers = [f"{check.history:.1e}", f"{check.factors:.1e}"]
            rows.append([name, check.dtype, str(check.rank), *numbers, verdict])
    echo_table(["backend", "dtype", "rank", "history", "factors", ""], rows)
    limits = ", ".join(f"{limit:g} in {dtype}" for dtype, limit in golden.TOLERANCE.items())
    click.echo(
        f"\nlargest relative differences over {golden.MAX_ITER} iterations; allowed: {limits}"
    )
    if not passed:
        sys.exit(1)
