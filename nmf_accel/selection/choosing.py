"""`choose_rank`: cross-validation at many ranks, as one sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..options import COMMON, whole
from ..sweeps import along, sweep
from .rank_choice import RankChoice

FOLDS = replace(COMMON["folds"], default=5, help="Parts of the entries, one left out by each run.")
SEEDS = whole(3, "How many starts for each fold.", 1)


def choose_rank(
    A: Any,
    ranks: Iterable[int],
    folds: int = 5,
    seeds: int = 3,
    *,
    keep: str = "all",
    **how: Any,
) -> RankChoice:
    """Choose the rank of a factorization by how well it predicts entries that it has not seen.

    The known entries of A are put into folds, one by one (Wold 1978). At each rank and for each
    fold, `seeds` runs from different starts leave that fold out, and the error there is measured
    in the loss of the run. All of these runs are one packed `sweep`, which this is in all else:
    kept in a folder, resumed, merged, on workers, on every backend.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`. A sparse one is made dense, unless ``zeros="missing"``.
    ranks : iterable of int
        Each once. Rank 1 is always among them, unless components are held: where nothing is better,
        there is no structure.
    folds : int
        From 2 to 255. Each run sees all but one part in so many.
    seeds : int
        How many starts for each fold; the error of a fold is their mean.
    keep : {'all', 'best', 'none'}
        Whose factors are kept. Whether components repeat over runs is said only with all.
    **how
        As for `sweep`: store, executor, memory, missing, weights, zeros, unknown, W_fixed, H_fixed,
        dtype, backend, device, loss, solver, max_iter, tol and so on. With a `store`, the same call
        goes on where it was interrupted, and more ranks or seeds add to what is there.

    Returns
    -------
    RankChoice
        ``rank``, ``lowest``, ``table``, ``plot()``; printed, its evidence in sentences.

    Raises
    ------
    ValueError, TypeError
        As for `sweep`; if there is no rank above 1, or folds leave nothing out.
    nmf_accel.BackendError, nmf_accel.StoreError, nmf_accel.WorkerError, Interrupted
        As for `sweep`. ``RankChoice.of`` takes what an interrupted one has finished.

    See Also
    --------
    RankChoice.of : The same of a sweep with `folds` that is there already.

    Notes
    -----
    S. Wold, "Cross-validatory estimation of the number of components in factor and principal
    components models", Technometrics 20, 1978; the rule of one standard error is that of Breiman,
    Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3.
    ``docs/which-rank.md`` has how often this and other criteria were right.
    """
    wanted = along("ranks", ranks)
    if max(wanted) < 2:
        raise ValueError(f"ranks is {wanted}, which leaves no choice; name one above 1")
    held = any(how.get(name) is not None for name in ("W_fixed", "H_fixed"))
    tried = sorted({*wanted} if held else {1, *wanted})
    parts, starts = FOLDS.checked("folds", folds), SEEDS.checked("seeds", seeds)
    found = sweep(A, tried, parts * starts, folds=parts, keep=keep, **how)
    return RankChoice.of(found)
