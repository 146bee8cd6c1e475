"""Which rank: an answer with its evidence, from one sweep; and what a referee may ask beside it."""

from .blocks import BiCrossValidation, bi_cross_validation
from .choosing import FOLDS, SEEDS, choose_rank
from .connectivity import Agreement, agreement
from .rank_choice import RankChoice, Unfinished
from .repetition import Stability, repetition_by_rank, stability

__all__ = [
    "FOLDS",
    "SEEDS",
    "Agreement",
    "BiCrossValidation",
    "RankChoice",
    "Stability",
    "Unfinished",
    "agreement",
    "bi_cross_validation",
    "choose_rank",
    "repetition_by_rank",
    "stability",
]
