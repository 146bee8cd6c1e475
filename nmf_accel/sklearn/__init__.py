"""scikit-learn's `NMF` and `non_negative_factorization`, computed by nmf_accel."""

from .estimator import NMF
from .function import non_negative_factorization

__all__ = ["NMF", "non_negative_factorization"]
