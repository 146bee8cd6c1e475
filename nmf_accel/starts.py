"""Starting factors, drawn on the host so that every backend starts from the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_start(
    shape: tuple[int, int], rank: int, seed: int, mean: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Uniform starting factors on the scale of the data.

    Parameters
    ----------
    shape : (int, int)
        (m, n), the shape of A.
    rank : int
        d, the number of components.
    seed : int
        Seed of ``numpy.random.default_rng``; W0 is drawn before H0.
    mean : float
        Mean of the entries of A.

    Returns
    -------
    W0 : (m, d) float64 array
    H0 : (d, n) float64 array
        Uniform in [0, sqrt(mean / d)), so that the entries of W0 H0 are about mean / 4.
    """
    rng = np.random.default_rng(seed)
    scale = np.sqrt(mean / rank)
    m, n = shape
    W0 = rng.uniform(size=(m, rank)) * scale
    return W0, rng.uniform(size=(rank, n)) * scale
