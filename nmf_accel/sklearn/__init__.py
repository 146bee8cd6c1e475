"""scikit-learn's `NMF` and `non_negative_factorization`, computed by nmf_accel.

And their options as ours, for runs that are packed.
"""

from .estimator import NMF
from .function import non_negative_factorization, options_for

__all__ = ["NMF", "non_negative_factorization", "options_for"]
