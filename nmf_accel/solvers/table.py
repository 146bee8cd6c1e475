"""The solvers by name."""

from __future__ import annotations

from functools import partial

from . import gradient, pivoting
from .base import ANY, Solver
from .descent import hals
from .multiplicative import lee_seung
from .repeated import while_it_pays

SOLVERS: dict[str, Solver] = {
    "mu": Solver(partial(while_it_pays, lee_seung), takes=ANY, uses_delta=True, keeps_zeros=True),
    "hals": Solver(partial(while_it_pays, hals), descends=True),
    # Exact: nothing is left to repeat.
    "bpp": Solver(lambda inner: pivoting.block_principal_pivoting, scratch=pivoting.scratch),
    "apg": Solver(gradient.AcceleratedGradient, inner=10, scratch=gradient.scratch),
}
"""What `solver` may be, besides 'auto'; a new solver is a line here."""

AUTO = "auto"
FASTEST = "hals"
"""What 'auto' takes: first to a given error wherever it was measured (on CPUs, see bench/)."""


def solver_called(name: str) -> Solver:
    """The solver of that name; of 'auto', the fastest."""
    return SOLVERS[FASTEST if name == AUTO else name]
