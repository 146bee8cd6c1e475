"""The components of many runs as one set of points: which lie alone, which lie together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..results import Factorization
from .repetition import Floats, unit_rows

STARTS, SEED = 10, 1
"""Of k-means, as cNMF has them."""


@dataclass(frozen=True, eq=False, repr=False)
class Spectra:
    """The components of runs of one rank, of length one.

    Attributes
    ----------
    rank : int
        How many there are of each run.
    runs : int
    points : (s, m) array
        Those that are not zero everywhere.
    owners : (s,) array of int
        Whose they are: run r has those from r · rank on.
    """

    rank: int
    runs: int
    points: Floats
    owners: NDArray[np.intp]

    @classmethod
    def of(cls, results: Iterable[Factorization], rank: int) -> Spectra:
        """Those of factorizations; clustering is in float64 whatever they are."""
        found = [result.to_arrays()[0].T.astype(np.float64) for result in results]
        rows = np.concatenate(found)
        alive = np.flatnonzero(rows.any(axis=1))
        return cls(rank, len(found), unit_rows(rows[alive]), alive)

    @property
    def count(self) -> int:
        """How many there are, also those that are zero."""
        return self.rank * self.runs

    def density(self, part: float) -> Floats:
        """The mean distance of each to its nearest, as many as that part of the runs: (count,).

        Infinite for what is zero. So much of the memory is taken as scikit-learn's
        ``working_memory`` says.

        Raises
        ------
        ValueError
            If that is less than one, or there are not so many.
        """
        from sklearn.metrics import pairwise_distances_chunked

        nearest = neighbours(part, self.runs)
        if len(self.points) <= nearest:
            raise ValueError(
                f"{len(self.points)} of {self.count} components are not zero, and {nearest} "
                "neighbours are wanted of each; take a smaller rank or less of a penalty"
            )

        def mean_of_nearest(distances: Floats, start: int) -> Floats:
            # Itself is one of them, at distance 0.
            return np.asarray(np.partition(distances, nearest)[:, : nearest + 1].sum(1) / nearest)

        found = np.full(self.count, np.inf)
        chunks = pairwise_distances_chunked(self.points, reduce_func=mean_of_nearest)
        found[self.owners] = np.concatenate(list(chunks))
        return found

    def clusters(self, kept: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp], Floats | None]:
        """As many clusters as the rank of those `kept`, (count,), by k-means.

        Returns
        -------
        medians : (rank, m) array
            Of each cluster, the median of each entry; with sum 1.
        labels : (count,) array
            To which each belongs; -1 where it is not kept.
        silhouettes : (count,) array, optional
            By Euclidean distance, NaN where it is not kept; None where there is one cluster, or
            each is one by itself.

        Raises
        ------
        ValueError
            If fewer than that differ, or what a cluster holds has nothing in common.
        """
        from sklearn.cluster import KMeans
        from sklearn.metrics import silhouette_samples

        among = kept[self.owners]
        points, owners = self.points[among], self.owners[among]
        differing = len(np.unique(points, axis=0))
        if differing < self.rank:
            raise ValueError(
                f"{differing} different components of {self.count} are left, fewer than rank "
                f"{self.rank}; take a larger density_threshold (2 leaves nothing out), a smaller "
                "rank or more seeds"
            )
        model = KMeans(self.rank, n_init=STARTS, random_state=SEED).fit(points)
        labels, silhouettes = np.full(self.count, -1), None
        labels[owners] = model.labels_
        if 1 < self.rank < len(points):
            silhouettes = np.full(self.count, np.nan)
            silhouettes[owners] = silhouette_samples(points, model.labels_)
        found = [np.median(points[model.labels_ == k], axis=0) for k in range(self.rank)]
        for k, median in enumerate(found):
            if not median.any():
                raise ValueError(
                    f"the median of {np.sum(model.labels_ == k)} components of rank {self.rank} is "
                    "zero: they have nothing in common; take a smaller density_threshold or rank"
                )
        return np.stack([x / x.sum() for x in found]), labels, silhouettes


def neighbours(part: float, runs: int) -> int:
    """How many nearest are looked at: that part of the runs.

    Raises
    ------
    ValueError
        If there are too few runs.
    """
    nearest = int(part * runs)
    if nearest < 1:
        raise ValueError(
            f"seeds are {runs}, and {part:g} of that is no neighbour; take at least "
            f"{int(np.ceil(1 / part))} seeds, or a larger local_neighborhood_size"
        )
    return nearest
