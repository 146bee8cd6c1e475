"""The options that commands share."""

from __future__ import annotations

from typing import Any

import click

from ..backends import VARIABLE
from ..rules import SOLVERS
from ..settings import PENALTIES, STOPS
from ..starts import INITS

backend_option = click.option(
    "--backend", metavar="NAME", help=f"auto, numpy, cupy, jax, …; else {VARIABLE}, else auto."
)
dtype_option = click.option(
    "--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True
)

solver_option = click.option(
    "--solver", type=click.Choice([*SOLVERS, "auto"]), default="mu", show_default=True
)
inner_option = click.option(
    "--inner", type=int, help="Repeats with the same products with A. [default: by solver]"
)


penalty_options = [
    click.option(
        f"--{name.lower().replace('_', '-')}",
        name,
        type=float,
        default=0.0,
        help=f"Penalty: {'Σ ' + name[-1] if name[1] == '1' else f'½‖{name[-1]}‖²'} times this.",
    )
    for name in PENALTIES
]


def fit_options(command: Any) -> Any:
    """The options that a fit and a sweep have in common."""
    for option in reversed(
        [
            click.option("--n-images", type=int, help="How many images (columns), from the first."),
            click.option("--max-iter", type=int, default=1000, show_default=True),
            click.option(
                "--tol", type=float, default=0.0, show_default=True, help="0: never stop."
            ),
            click.option(
                "--check-every", type=int, default=10, show_default=True, help="For --tol."
            ),
            click.option("--delta", type=float, help="δ of mu; by default 1e-9 mean(A)^1.5."),
            solver_option,
            inner_option,
            click.option(
                "--stop",
                type=click.Choice(STOPS),
                default="error",
                show_default=True,
                help="What --tol is held against.",
            ),
            click.option(
                "--init",
                type=click.Choice(INITS),
                default="random",
                show_default=True,
                help="The start.",
            ),
            *penalty_options,
        ]
    ):
        command = option(command)
    return command
