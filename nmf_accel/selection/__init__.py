"""Which rank: an answer with its evidence, from one sweep."""

from .choosing import choose_rank
from .rank_choice import RankChoice
from .repetition import Stability, stability

__all__ = ["RankChoice", "Stability", "choose_rank", "stability"]
