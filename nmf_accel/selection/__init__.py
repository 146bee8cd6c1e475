"""Which rank, and what repeats at one: answers with their evidence; and what a referee may ask."""

from .blocks import BiCrossValidation, bi_cross_validation
from .choosing import FOLDS, SEEDS, choose_rank
from .connectivity import Agreement, agreement
from .from_seeds import consensus
from .programs import Consensus
from .rank_choice import RankChoice, Unfinished
from .repetition import Stability, repetition_by_rank, stability

__all__ = [
    "FOLDS",
    "SEEDS",
    "Agreement",
    "BiCrossValidation",
    "Consensus",
    "RankChoice",
    "Stability",
    "Unfinished",
    "agreement",
    "bi_cross_validation",
    "choose_rank",
    "consensus",
    "repetition_by_rank",
    "stability",
]
