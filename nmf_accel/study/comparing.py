"""Factorizations compared: two of them with each other, and one with the truncated SVD."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import Factorization

Floats = NDArray[np.floating[Any]]


def relative(x: Floats, y: Floats) -> float:
    """‖x − y‖ / ‖x‖."""
    return float(np.linalg.norm(x - y) / np.linalg.norm(x))


def scaled_difference(first: Factorization, second: Factorization) -> float:
    """How far W and H differ once columns of W sum to 1 and come in the best order."""
    W, H = scaled(first.W, first.H)
    V, G = matched(second.W, second.H, W, H)
    return max(relative(W, V), relative(H, G))


def scaled(W: Floats, H: Floats) -> tuple[Floats, Floats]:
    """The same product from columns of W that sum to 1; a column of zeros stays as it is."""
    total = W.sum(axis=0)
    total = np.where(total > 0, total, 1.0)
    return W / total, H * total[:, None]


def matched(W: Floats, H: Floats, like_W: Floats, like_H: Floats) -> tuple[Floats, Floats]:
    """The same product in the scale of other factors and the order that is nearest to them.

    The columns of W get the sums of those of `like_W`.
    """
    W, H = scaled(W, H)
    V, G = scaled(like_W, like_H)
    orders = map(list, permutations(range(len(H))))
    order = min(orders, key=lambda at: max(relative(V, W[:, at]), relative(G, H[at])))
    total = like_W.sum(axis=0)
    total = np.where(total > 0, total, 1.0)
    return W[:, order] * total, H[order] / total[:, None]


def svd_error(singular_values: Floats, rank: int) -> float:
    """‖A − A_d‖_F of the truncated SVD, the least of all matrices of rank d (Eckart & Young).

    Zero where only rounding errors of zero singular values are left.
    """
    rounding = singular_values[0] * np.finfo(np.float64).eps * len(singular_values)
    rest = singular_values[rank:]
    return float(np.linalg.norm(rest[rest > rounding]))
