"""`consensus`: runs from many seeds, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..sweeps import planned_runs, sweep
from .programs import NEIGHBORHOOD, OF_A, THRESHOLD, Consensus, checked
from .spectra import neighbours


def consensus(
    A: Any,
    rank: int,
    seeds: int | Iterable[int] = 100,
    *,
    density_threshold: float = THRESHOLD.default,
    local_neighborhood_size: float = NEIGHBORHOOD.default,
    **how: Any,
) -> Consensus:
    """The programs that factorizations from many seeds have in common, and their usage (cNMF).

    The components of all runs, of length one, are put together; those that lie alone are left out;
    the others are clustered by k-means, and the medians of the clusters are the programs. Their
    usage is then fitted to A, with the loss of the runs, but without their penalties: how much
    those weigh hangs on the size of the programs, which is another one.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`: features × samples, or a frame or an AnnData with names. As it is: cNMF picks
        the genes that vary most and divides each by its standard deviation before.
    rank : int
        d, the number of programs.
    seeds : int or iterable of int
        So many runs, from seed 0; or which.
    density_threshold : float
        A component is left out if its mean distance to its nearest is this or more. Two that have
        nothing in common are √2 apart, so that 2 leaves nothing out.
    local_neighborhood_size : float
        How many the nearest are, relative to the number of runs; between 0 and 1.
    **how
        As for `sweep`, but for `keep` and `H_fixed`: store, memory, executor, progress, missing,
        weights, dtype, backend, device, loss, solver, max_iter, tol and so on.

    Returns
    -------
    Consensus
        ``programs`` and ``usage``, frames with names; ``factorization``; ``left_out``; printed, a
        table of the programs.

    Raises
    ------
    ValueError, TypeError
        As for `sweep`; for `keep` and `H_fixed`; if there are too few seeds to have neighbours, or
        too few components are left to make so many programs.
    ImportError
        If scikit-learn is not installed.
    nmf_accel.BackendError, nmf_accel.StoreError, nmf_accel.WorkerError, Interrupted
        As for `sweep`.

    Warns
    -----
    UserWarning
        As for `project`, of the usage.

    See Also
    --------
    Consensus.of : The same of a sweep that is there already, as with another threshold.
    nmf_accel.cnmf.factorize : The runs of a ``cnmf.cNMF`` object, whose own consensus then follows.

    References
    ----------
    D. Kotliar, A. Veres, M. A. Nagy, S. Tabrizi, E. Hodis, D. A. Melton and P. C. Sabeti,
    "Identifying gene expression programs of cell-type identity and cellular activity with
    single-cell RNA-Seq", eLife 8:e43803, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel import consensus
    >>> rng = np.random.default_rng(0)
    >>> A = rng.gamma(0.3, size=(40, 3)) @ rng.gamma(0.3, size=(3, 60))
    >>> found = consensus(A, rank=3, seeds=10, solver="auto")
    >>> found
    <Consensus of 10 runs, rank 3: 0 of 30 components left out, silhouette 1.00>
    """
    limits = checked(density_threshold, local_neighborhood_size)
    if how.get("H_fixed") is not None:
        raise ValueError(
            "H_fixed holds usage, which a consensus fits anew; leave it out, or hold W_fixed"
        )
    if "keep" in how:
        raise TypeError("consensus() takes no keep, for it needs the factors of all runs")
    chosen = [run.seed for run in planned_runs([rank], seeds, {})]
    neighbours(local_neighborhood_size, len(chosen))  # before all is computed
    found = sweep(A, [rank], chosen, keep="all", **how)
    return Consensus.of(A, found, rank, **limits, **{x: how[x] for x in OF_A if x in how})
