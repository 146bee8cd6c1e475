"""Which rank: an answer with its evidence, from one sweep."""

from .choosing import FOLDS, SEEDS, choose_rank
from .rank_choice import RankChoice, Unfinished
from .repetition import Stability, stability

__all__ = ["FOLDS", "SEEDS", "RankChoice", "Stability", "Unfinished", "choose_rank", "stability"]
