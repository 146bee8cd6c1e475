"""Figures of a factorization. Nothing here touches matplotlib's global state."""

from .drawing import BLUE, GREEN, ORANGE, PINK, save, show_pixels, tile
from .figures import by_weight, components, errors, reconstructions
from .heatmaps import consensus_map
from .ranks import rank_choice, repetition
from .sweeps import sweep

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PINK",
    "by_weight",
    "components",
    "consensus_map",
    "errors",
    "rank_choice",
    "reconstructions",
    "repetition",
    "save",
    "show_pixels",
    "sweep",
    "tile",
]
