"""What is minimized: losses, the models of them that a solver sees, and how near a solution is."""

from .base import Loss
from .frobenius import FROBENIUS, Frobenius
from .kkt import violation2
from .models import Model, Quadratic
from .penalties import NONE, Penalties, Penalty
from .table import LOSSES

__all__ = [
    "FROBENIUS",
    "LOSSES",
    "NONE",
    "Frobenius",
    "Loss",
    "Model",
    "Penalties",
    "Penalty",
    "Quadratic",
    "violation2",
]
