"""The solvers: rules that move a factor, and what each of them needs."""

from .base import ANY, Rule, Solver
from .table import AUTO, FASTEST, SOLVERS

__all__ = ["ANY", "AUTO", "FASTEST", "SOLVERS", "Rule", "Solver"]
