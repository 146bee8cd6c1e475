"""The solvers: rules that move a factor, and what each of them needs."""

from .base import ANY, Quiet, Rule, Solver, Telling
from .descent import hals
from .multiplicative import lee_seung
from .repeated import while_it_pays
from .table import AUTO, FASTEST, MEASURED, SOLVERS, Fastest, fastest, solver_called

__all__ = [
    "ANY",
    "AUTO",
    "FASTEST",
    "MEASURED",
    "SOLVERS",
    "Fastest",
    "Quiet",
    "Rule",
    "Solver",
    "Telling",
    "fastest",
    "hals",
    "lee_seung",
    "solver_called",
    "while_it_pays",
]
