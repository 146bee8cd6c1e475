"""By how much results may differ, relatively: what the tests allow, and the README tells of."""

FLOAT64 = 1e-10
"""Factors and histories: between backends, from the oracle, and of packed runs from single ones."""
FLOAT32 = 5e-3
"""Histories of two backends."""
FLOAT32_FROM_FLOAT64 = 2e-2
"""The last error."""
ESTIMATOR = {"cd": 1e-10, "mu": 1e-7}
"""Components of the estimator, from those of scikit-learn, by solver; in float64."""
