"""The solvers by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ..backends import Backend
from ..types import Walks
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
        walks=Walks("multiply_along"),
    ),
    "hals": Solver(
        partial(while_it_pays, hals),
        descent=telling_hals,
        by_columns=once,
        walks=Walks("descend_along", "descend_through"),
        extrapolates=True,
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
    images : str
        The files of ``bench/results`` that say so of dense images.
    matrices : str
        The one of matrices of many kinds, made by ``bench/test_auto.py``; it says the rest.
    extrapolate : bool
        Whether iterations that are moved on along their last step are faster.
    inner : int
        Most repeats with the same products with A, where they pay.
    pays_from : float
        That is where these products take so many times the operations of a repeat.
    """

    solver: str
    images: str
    matrices: str = ""
    extrapolate: bool = False
    inner: int = 1
    pays_from: float = math.inf


ON_CPU = Figures(
    "hals",
    images="cpu-*-time-to-error-*-float64.json",
    matrices="cpu-*-auto.json",
    extrapolate=True,
    inner=5,
    pays_from=15,
)

MEASURED: dict[tuple[str, str, str], Figures] = {
    ("numpy", "CPU", "float64"): ON_CPU,
    # A product takes half the time that it takes in float64, a repeat does not.
    ("numpy", "CPU", "float32"): ON_CPU._replace(
        images="cpu-*-time-to-error-*-float32.json", pays_from=30
    ),
}
"""What takes the least time to an error, by backend, device (CPU or GPU) and dtype; and the files
in ``bench/results`` that say so.

A line needs its files: ``tests/solvers/test_fastest.py`` reads them. ``bench/test_auto.py`` and
``bench/on_gpu.py`` make one.
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
    inner : int, optional
        Its repeats; None for the solver's own.
    """

    solver: str
    because: str
    extrapolate: bool = False
    inner: int | None = None


def fastest(backend: Backend, dtype: str, products: float | None = None) -> Fastest:
    """What 'auto' takes on the device of a backend.

    `products` is how many times the operations of a repeat those of the products with A are; None
    where there is no matrix yet.
    """
    found = backend.probe()
    device = "GPU" if found.accelerated else "CPU"
    if (backend.name, device, dtype) not in MEASURED:
        return Fastest(FASTEST, f"not measured with {backend.name} on {found.device or device}")
    figures = MEASURED[backend.name, device, dtype]
    because = f"measured, see bench/results/{figures.matrices or figures.images}"
    if products is None or figures.inner == 1:
        return Fastest(figures.solver, because, figures.extrapolate)
    because = (
        f"products with A take {products:.3g} times the operations of a repeat, and repeats pay "
        f"from {figures.pays_from:g}; {because}"
    )
    inner = figures.inner if products >= figures.pays_from else 1
    return Fastest(figures.solver, because, figures.extrapolate, inner)


def solver_called(name: str) -> Solver:
    """The solver of that name; for 'auto', while there is no problem yet, `FASTEST`."""
    return SOLVERS[FASTEST if name == AUTO else name]
