"""Section 2.1: the ratings of the project text, and the factors that it prints of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .comparing import matched, svd_error
from .runs import Runs

Floats = NDArray[np.floating[Any]]
Numbers = dict[str, Any]

FILMS = (
    "Avengers: Infinity War",
    "LotR: Fellowship of the Ring",
    "Avengers: Endgame",
    "LotR: Two Towers",
    "Spiderman: Homecoming",
    "LotR: Return of the King",
)
USERS = tuple(f"User {k}" for k in range(1, 7))
RATINGS = np.array(
    [
        [5, 1, 3, 1, 3, 2],
        [2, 4, 1, 4, 1, 4],
        [4, 1, 5, 1, 4, 2],
        [1, 4, 2, 5, 2, 4],
        [3, 1, 5, 3, 3, 2],
        [2, 4, 2, 4, 2, 4],
    ],
    dtype=np.float64,
)
"""From 1 to 5, a film a row, a user a column."""

PRINTED_W = np.array(
    [[1.03, 0.24], [0.08, 1.29], [1.24, 0.21], [0.15, 1.41], [0.99, 0.48], [0.28, 1.26]]
)
PRINTED_H = np.array([[3.43, 0.11, 3.74, 0.55, 2.84, 1.04], [0.77, 2.98, 0.83, 3.27, 0.88, 2.87]])
"""One possible solution, says the text, rounded to two decimals."""

ITERATIONS = 1000
"""However many the study has: by then every solver has come to rest here, from any of 40 starts."""


def films(runs: Runs) -> Numbers:
    """Section 2.1: our factors beside those that are printed, in their scale and order."""
    settled = replace(runs, settings=replace(runs.settings, max_iter=ITERATIONS))
    fit = settled.factorize_ranks(RATINGS, [2], "1-films")[2]
    W, H = matched(fit.W, fit.H, PRINTED_W, PRINTED_H)
    values = np.linalg.svd(RATINGS, compute_uv=False)
    return {
        "films": list(FILMS),
        "users": list(USERS),
        "ratings": RATINGS.tolist(),
        **described(W, H),
        "printed": described(PRINTED_W, PRINTED_H),
        "difference": {
            "W": apart(W, PRINTED_W),
            "H": apart(H, PRINTED_H),
            "WH": apart(W @ H, PRINTED_W @ PRINTED_H),
        },
        "rounding": rounding(PRINTED_W, PRINTED_H),
        "svd_error": svd_error(values, 2),
        "relative_error": fit.relative_error,
        "iterations": fit.n_iter,
    }


def described(W: Floats, H: Floats) -> Numbers:
    """Factors, their error, and which component is the stronger one in each film and user."""
    return {
        "W": W.tolist(),
        "H": H.tolist(),
        "WH": (W @ H).tolist(),
        "error": float(np.linalg.norm(RATINGS - W @ H)),
        "genre_of_film": W.argmax(axis=1).tolist(),
        "genre_of_user": H.argmax(axis=0).tolist(),
    }


def apart(X: Floats, Y: Floats) -> float:
    """The largest difference of two entries."""
    return float(np.abs(X - Y).max())


def rounding(W: Floats, H: Floats, half: float = 0.005) -> float:
    """By how much an entry of W H may be off where W and H are rounded to two decimals."""
    return float(((W + half) @ (H + half) - W @ H).max())
