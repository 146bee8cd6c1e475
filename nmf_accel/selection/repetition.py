"""How far components repeat over runs of the same rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sweeps import Row, SweepResult

Floats = NDArray[np.float64]

SURE = 0.71
"""The least mean silhouette of a cluster that was found for sure: L. Kaufman and P. Rousseeuw,
"Finding groups in data", 1990, table 4."""
NUMBERS = ("silhouette", "cosine", "repeating")
"""What of a `Stability` goes into a table."""
PASSES = 20
"""Most passes in which components are matched; they settle after two or three."""


@dataclass(frozen=True, eq=False, repr=False)
class Stability:
    """How far the components of runs of one rank repeat.

    The components of each run are put into the order of the others, one to one, and those that
    stand for each other are taken for a cluster.

    Attributes
    ----------
    cosines : (d,) array
        Of each component, the mean cosine of its likenesses in two different runs.
    silhouettes : (d,) array
        Of each component, the mean silhouette (Rousseeuw 1987) of its cluster by cosine distance;
        1 at rank 1, as of NMFk.
    """

    cosines: Floats
    silhouettes: Floats

    @classmethod
    def of(cls, factors: Iterable[NDArray[np.floating]]) -> Stability:
        """That of the components W (m, d) of at least two runs.

        Raises
        ------
        ValueError
            If there are fewer.
        """
        units = [unit_rows(np.asarray(W, dtype=np.float64).T) for W in factors]
        if len(units) < 2:
            raise ValueError(
                f"the components of {len(units)} runs are there; to see whether they repeat takes "
                "two: sweep with keep='all' and seeds=2 or more"
            )
        U = matched(np.stack(units))
        return cls(mean_cosines(U), silhouettes(U).mean(axis=1))

    @property
    def cosine(self) -> float:
        """The least of `cosines`."""
        return float(self.cosines.min())

    @property
    def silhouette(self) -> float:
        """The least of `silhouettes`, which NMFk goes by."""
        return float(self.silhouettes.min())

    @property
    def repeating(self) -> int:
        """How many components repeat: those with silhouettes of at least 0.71."""
        return int((self.silhouettes >= SURE).sum())

    def __repr__(self) -> str:
        return (
            f"<Stability of {len(self.cosines)} components: silhouette {self.silhouette:.2f}, "
            f"cosine {self.cosine:.2f}>"
        )


def stability(result: SweepResult, rank: int) -> Stability:
    """How far the components of a sweep's runs at a rank repeat, at no further runs.

    Parameters
    ----------
    result : SweepResult
        With ``keep="all"``. Runs that leave out folds differ by these as well as by their starts.
    rank : int

    Returns
    -------
    Stability

    Raises
    ------
    TypeError
        If `result` is no SweepResult.
    KeyError
        If there is no run of that rank.
    ValueError
        If the factors of fewer than two runs were kept.
    nmf_accel.StoreError
        If factors that were kept are lost or damaged.

    Notes
    -----
    Clusters with one component of each run, and the least of their mean silhouettes: Alexandrov et
    al., "Deciphering signatures of mutational processes operative in human cancer", Cell Reports 3,
    2013, and NMFk (Nebgen et al., Machine Learning: Science and Technology 2, 2021). There A is
    disturbed between the runs; here entries of it are left out, or nothing is done. Components are
    matched to the centroids by assignment (`scipy.optimize.linear_sum_assignment`).
    """
    return Stability.of(kept.to_arrays()[0] for kept in SweepResult.checked(result).kept(rank))


def repetition_of(result: SweepResult, rank: int) -> Row:
    """The numbers of a rank for a table: None where fewer than two runs were kept."""
    factors = [kept.to_arrays()[0] for kept in result.kept(rank)]
    if len(factors) < 2:
        return dict.fromkeys(NUMBERS)
    found = Stability.of(factors)
    return {name: getattr(found, name) for name in NUMBERS}


def repetition_by_rank(result: SweepResult) -> list[Row]:
    """A row of these a rank of which several runs were kept, and the rank."""
    ranks = sorted({row["rank"] for row in result.table})
    rows = [{"rank": rank, **repetition_of(result, rank)} for rank in ranks]
    return [row for row in rows if row["cosine"] is not None]


def unit_rows(X: Floats) -> Floats:
    """Rows of length 1; zeros stay zeros."""
    size = np.abs(X).max(axis=-1, keepdims=True)  # squares of very large ones are no numbers
    X = np.divide(X, size, out=np.zeros_like(X), where=size > 0)
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    unit: Floats = np.divide(X, length, out=np.zeros_like(X), where=length > 0)
    return unit


def matched(U: Floats) -> Floats:
    """Unit rows (R, d, m) of runs, each in the order in which it is most like the mean of all."""
    from scipy.optimize import linear_sum_assignment  # late: SciPy is slow to import

    U = U.copy()
    centroids = U[0]
    for _ in range(PASSES):
        moved = False
        for r, components in enumerate(U):
            _, order = linear_sum_assignment(centroids @ components.T, maximize=True)
            moved |= bool((order != np.arange(len(order))).any())
            U[r] = components[order]
        centroids = unit_rows(U.mean(axis=0))
        if not moved:
            break
    return U


def mean_cosines(U: Floats) -> Floats:
    """Of each component, the mean cosine over pairs of different runs: (d,)."""
    runs = len(U)
    # Σ over all pairs is the square of the sum; those of a run with itself are 1, or 0 if it is 0.
    total, own = np.square(U.sum(axis=0)).sum(axis=-1), np.square(U).sum(axis=(0, 2))
    means: Floats = (total - own) / (runs * (runs - 1))
    return means


def silhouettes(U: Floats) -> Floats:
    """Of each component of each run, in its cluster, by 1 - cosine: (d, R).

    P. Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 20, 1987, equations 1 to 3.
    """
    runs, d, _ = U.shape
    if d == 1:
        return np.ones((1, runs))
    found = np.empty((d, runs))
    sums = U.sum(axis=0)
    for k in range(d):
        # The mean distance to a cluster is 1 - the cosine with the mean of its members.
        within = (U[:, k] * sums[k]).sum(axis=-1) - np.square(U[:, k]).sum(axis=-1)
        a = np.maximum(1 - within / (runs - 1), 0)
        others = np.delete(U[:, k] @ sums.T / runs, k, axis=1)
        b = np.maximum(1 - others, 0).min(axis=1)
        larger = np.maximum(a, b)
        found[k] = np.divide(b - a, larger, out=np.zeros(runs), where=larger > 0)
    return found
