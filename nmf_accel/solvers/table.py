"""The solvers by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ..backends import Backend
from . import gradient, pivoting
from .base import ANY, Solver, always, once
from .descent import hals, telling_hals
from .multiplicative import lee_seung
from .repeated import while_it_pays

SOLVERS: dict[str, Solver] = {
    "mu": Solver(
        partial(while_it_pays, lee_seung),
        takes=ANY,
        uses_delta=True,
        keeps_zeros=True,
        by_columns=once,
    ),
    "hals": Solver(
        partial(while_it_pays, hals), descent=telling_hals, by_columns=once, extrapolates=True
    ),
    # Exact: nothing is left to repeat.
    "bpp": Solver(
        lambda inner: pivoting.block_principal_pivoting,
        scratch=pivoting.scratch,
        by_columns=always,
    ),
    "apg": Solver(
        gradient.AcceleratedGradient, inner=10, scratch=gradient.scratch, by_columns=always
    ),
}
"""What `solver` may be, besides 'auto'; a new solver is a line here."""

AUTO = "auto"
FASTEST = "hals"
"""What 'auto' takes where nothing was measured: the fastest wherever something was."""


class Figures(NamedTuple):
    """What figures say.

    Attributes
    ----------
    solver : str
    files : str
        Where they are, in ``bench/results``.
    extrapolate : bool
    """

    solver: str
    files: str
    extrapolate: bool = False


MEASURED: dict[tuple[str, str, str], Figures] = {
    ("numpy", "CPU", "float64"): Figures("hals", "cpu-*-time-to-error-*-float64.json"),
    ("numpy", "CPU", "float32"): Figures("hals", "cpu-*-time-to-error-*-float32.json"),
}
"""What takes the least time to an error, by backend, device (CPU or GPU) and dtype; and the files
in ``bench/results``, all of dense images, that say so.

A line needs its files: ``tests/solvers/test_fastest.py`` reads them. ``bench/on_gpu.py`` makes one.
"""


@dataclass(frozen=True)
class Fastest:
    """What 'auto' takes somewhere, and why: what was measured, or that nothing was.

    Attributes
    ----------
    solver : str
    because : str
    extrapolate : bool
        Whether its iterations are moved on along their last step.
    """

    solver: str
    because: str
    extrapolate: bool = False


def fastest(backend: Backend, dtype: str) -> Fastest:
    """What 'auto' takes on the device of a backend."""
    found = backend.probe()
    device = "GPU" if found.accelerated else "CPU"
    if (backend.name, device, dtype) not in MEASURED:
        return Fastest(FASTEST, f"not measured with {backend.name} on {found.device or device}")
    solver, files, extrapolate = MEASURED[backend.name, device, dtype]
    because = f"measured on dense images, see bench/results/{files}"
    return Fastest(solver, because, extrapolate)


def solver_called(name: str) -> Solver:
    """The solver of that name; for 'auto', while there is no problem yet, `FASTEST`."""
    return SOLVERS[FASTEST if name == AUTO else name]
