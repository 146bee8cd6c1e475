"""What is minimized: losses, the models of them that a solver sees, and how near a solution is."""

from .base import Loss
from .divergences import Divergence
from .frobenius import FROBENIUS, Frobenius
from .kkt import residual, squares, violation2
from .models import Model, Quadratic, Split
from .penalties import NONE, Penalties, Penalty
from .table import LOSSES, loss_called, name_of, symbol_of
from .weighted import WEIGHTED_SQUARES, WeightedSquares

__all__ = [
    "FROBENIUS",
    "LOSSES",
    "NONE",
    "WEIGHTED_SQUARES",
    "Divergence",
    "Frobenius",
    "Loss",
    "Model",
    "Penalties",
    "Penalty",
    "Quadratic",
    "Split",
    "WeightedSquares",
    "loss_called",
    "name_of",
    "residual",
    "squares",
    "symbol_of",
    "violation2",
]
