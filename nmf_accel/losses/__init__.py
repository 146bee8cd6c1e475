"""What is minimized: losses, the models of them that a solver sees, and how near a solution is."""

from .base import Loss, Model, Quadratic
from .frobenius import Frobenius
from .kkt import violation2
from .penalties import Penalties, Penalty
from .table import LOSSES

__all__ = [
    "LOSSES",
    "Frobenius",
    "Loss",
    "Model",
    "Penalties",
    "Penalty",
    "Quadratic",
    "violation2",
]
