"""Data sets whose rank is known, to hold what finds a rank against: 9 kinds, any number of each.

``bench/which_rank.py`` measures with them too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Rng = np.random.Generator

RANK, SHAPE = 6, (150, 200)


def gaussian(S: Matrix, rng: Rng, share: float) -> Matrix:
    """With noise of that share of the standard deviation of S, negative entries set to zero."""
    noisy: Matrix = np.maximum(0, S + share * S.std() * rng.normal(size=S.shape))
    return noisy


def outliers(S: Matrix, rng: Rng) -> Matrix:
    """With a hundredth of the entries far too large."""
    noisy = gaussian(S, rng, 0.1)
    return noisy + (rng.random(S.shape) < 0.01) * rng.gamma(2, 5, S.shape)


NOISE: dict[str, Callable[[Matrix, Rng], Matrix]] = {
    "gaussian 10 %": lambda S, rng: gaussian(S, rng, 0.1),
    "gaussian 50 %": lambda S, rng: gaussian(S, rng, 0.5),
    "gaussian 100 %": lambda S, rng: gaussian(S, rng, 1.0),
    "Poisson, 20 S": lambda S, rng: rng.poisson(20 * S).astype(float),
    "Poisson, S": lambda S, rng: rng.poisson(S).astype(float),
    "gamma factors": lambda S, rng: S * rng.gamma(4, 0.25, S.shape),
    "outliers": outliers,
    "collinear": lambda S, rng: gaussian(S, rng, 0.2),
    "pure noise": lambda S, rng: rng.gamma(1, 1, S.shape),
}
"""What is made of S = W H, by the kind of data."""


def rank_of(kind: str) -> int:
    """The rank that is to be found: of pure noise 1, its mean."""
    return 1 if kind == "pure noise" else RANK


def data(kind: str, seed: int, shape: tuple[int, int] = SHAPE) -> Matrix:
    """A data set (m, n) of a kind: W and H of gamma variates, about half of them zero, and noise.

    Of "collinear" every two components have much of their mass in common.
    """
    rng, (m, n) = np.random.default_rng(1000 + seed), shape
    W = rng.gamma(1, 1, (m, RANK)) * (rng.random((m, RANK)) < 0.5)
    H = rng.gamma(1, 1, (RANK, n)) * (rng.random((RANK, n)) < 0.6)
    if kind == "collinear":
        W = W + 1.5 * W.mean(axis=1, keepdims=True)
    return NOISE[kind](W @ H, rng)
