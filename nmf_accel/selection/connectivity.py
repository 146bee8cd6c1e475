"""How far the runs of a rank agree on which samples belong together.

J.-P. Brunet, P. Tamayo, T. R. Golub and J. P. Mesirov, "Metagenes and molecular pattern discovery
using matrix factorization", PNAS 101, 2004; H. Kim and H. Park, "Sparse non-negative matrix
factorizations via alternating non-negativity-constrained least squares for microarray data
analysis", Bioinformatics 23, 2007.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import get
from ..labels import Names
from ..results import Factorization
from ..sweeps import SweepResult
from ..types import Index, once

BYTES_A_PAIR = 40
"""Of each entry of the matrix, at the peak: what is clustered, and copies, beside it. 37 were taken
by 2,500 samples."""


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """How often two samples share their largest component, over the runs of a rank.

    Attributes
    ----------
    rank : int
    runs : int
    consensus : (n, n) float64 array
        The share of the runs in which each two samples do: the consensus matrix of Brunet et al.
    samples : (n,) array of str, optional
        The names of the samples, where A had any.
    """

    rank: int
    runs: int
    consensus: NDArray[np.float64]
    samples: Names | None

    @once
    def linkage(self) -> NDArray[np.float64]:
        """The tree of the samples, by average linkage of 1 − consensus, as scipy has it."""
        from scipy.cluster.hierarchy import linkage

        return np.asarray(linkage(self._distances, "average"))

    @property
    def order(self) -> Index:
        """The samples in the order of the leaves of that tree: (n,)."""
        from scipy.cluster.hierarchy import leaves_list

        return np.asarray(leaves_list(self.linkage), dtype=np.intp)

    @property
    def clusters(self) -> Index:
        """The cluster of each sample, from 0, where that tree is cut into `rank` or fewer: (n,)."""
        from scipy.cluster.hierarchy import fcluster

        return np.asarray(fcluster(self.linkage, self.rank, "maxclust") - 1, dtype=np.intp)

    @once
    def cophenetic(self) -> float:
        """The correlation of 1 − consensus with the distances in the tree; 1 if all runs agree."""
        from scipy.cluster.hierarchy import cophenet

        given = self._distances
        # Where all pairs are alike there is no correlation: of one component, nothing disagrees.
        return float(cophenet(self.linkage, given)[0]) if np.ptp(given) else 1.0

    @property
    def dispersion(self) -> float:
        """The mean of 4 (c − ½)², 1 if all runs agree, and 0 if each pair is tossed for (2007)."""
        return float(np.mean(4 * (self.consensus - 0.5) ** 2))

    @property
    def _distances(self) -> NDArray[np.float64]:
        """1 − consensus of each pair, as scipy takes it: (n (n − 1) / 2,)."""
        from scipy.spatial.distance import squareform

        return np.asarray(squareform(1 - self.consensus, checks=False))

    def plot(self) -> Any:
        """A heat map of the consensus matrix in the `order` of the tree, a figure of matplotlib."""
        from ..plots import consensus_map

        return consensus_map(self.consensus, self.order, self.samples, str(self))

    def __str__(self) -> str:
        return (
            f"Rank {self.rank}, {self.runs} runs: cophenetic correlation {self.cophenetic:.3f}, "
            f"dispersion {self.dispersion:.3f}"
        )

    def __repr__(self) -> str:
        return f"<Agreement of {self.runs} runs at rank {self.rank}, {len(self.consensus)} samples>"


def agreement(result: SweepResult, rank: int, samples: Any = slice(None)) -> Agreement:
    """Which samples share their largest component, over the runs of a sweep at a rank.

    A component is the larger in a sample, the more it adds to it: Σ_i W_ik H_kj. So it does not
    matter how the size of a component is shared between W and H. Samples to which no component
    adds anything share that.

    Parameters
    ----------
    result : SweepResult
        Of a sweep with ``keep="all"``, from memory or from its folder.
    rank : int
    samples : slice, indices or mask
        Which samples, by their places; by default all of them, n. It takes n² numbers.

    Returns
    -------
    Agreement
        The consensus matrix, its cophenetic correlation and its dispersion.

    Raises
    ------
    TypeError
        If `result` is no SweepResult.
    KeyError
        If there is no run of that rank.
    ValueError
        If the factors of fewer than two runs were kept; if `samples` are no places of some; if they
        are fewer than two, or more than memory holds pairs of.
    nmf_accel.StoreError
        If factors that were kept are lost or damaged.
    """
    consensus, names, runs = np.zeros((0, 0)), None, 0
    places = np.arange(0)
    for fit in SweepResult.checked(result).kept(rank):
        of_all = largest(fit)
        if not runs:
            places = _places(samples, len(of_all))
            _check_size(len(places))
            names = None if fit.samples is None else fit.samples[places]
            consensus = np.zeros((len(places), len(places)))
        of_run = of_all[places]
        consensus += of_run[:, None] == of_run
        runs += 1
    if runs < 2:
        raise ValueError(
            f"the factors of {runs} runs of rank {rank} are there; to see whether runs agree takes "
            "two: sweep with keep='all' and seeds=2 or more"
        )
    return Agreement(rank, runs, consensus / runs, names)


def largest(fit: Factorization) -> Index:
    """The component that adds most to each sample, of equal ones the first; d where none does."""
    W, H = fit.to_arrays()
    added = W.sum(axis=0, dtype=float)[:, None] * H
    return np.where(added.any(axis=0), added.argmax(axis=0), fit.rank)


def _places(samples: Any, n: int) -> Index:
    """The places of some of n samples."""
    try:
        places: Index = np.arange(n)[samples]
    except IndexError:
        places = np.zeros((0, 0), int)
    if np.ndim(places) != 1:
        raise ValueError(
            f"samples is {reprlib.repr(samples)}; it must be a slice, places from 0 to {n - 1}, or "
            f"a mask of {n}"
        )
    if places.size < 2:
        raise ValueError(
            f"samples leaves {places.size} of {n} {'sample' if n == 1 else 'samples'}; two are "
            "needed to be compared"
        )
    return places


def _check_size(n: int) -> None:
    """Raise unless all pairs of n samples fit into memory."""
    needed, free = BYTES_A_PAIR * n**2, get("numpy").free_memory()
    if needed > free:
        every = 1 + int((needed / free) ** 0.5)
        raise ValueError(
            f"pairs of {n:,} samples take {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free; "
            f"take a part of the samples, such as samples=slice(None, None, {every})"
        )
