"""Bi-cross-validation: rows and columns are left out together, and their block is predicted.

A. B. Owen and P. O. Perry, "Bi-cross-validation of the SVD and the nonnegative matrix
factorization", Annals of Applied Statistics 3, 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends.exchange import to_numpy
from ..core import Point
from ..intake import Given, prepare, prepare_whole
from ..options import Options, whole
from ..progress import progress_bar
from ..projection import project
from ..results import Factorization
from ..sweeps import Row, Workers, planned_runs, sweep
from ..types import Index
from .parts import Part
from .rule import OneStandardError, mean_of, with_error

FOLDS = whole(2, "Groups of rows, and of columns.", 2)
REPEATS = whole(2, "How often the groups are drawn.", 1)

Cut = tuple[Index, Index]
"""Some rows and some columns of A."""


def bi_cross_validation(
    A: Any,
    ranks: Iterable[int],
    folds: int = 2,
    repeats: int = 2,
    seeds: int | Iterable[int] = 1,
    *,
    missing: float | None = None,
    weights: Any = None,
    zeros: str = "zero",
    unknown: str = "refuse",
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
    memory: int | None = None,
    executor: Executor | Workers | None = None,
    progress: bool = False,
    **options: Any,
) -> BiCrossValidation:
    """How well a factorization of each rank predicts blocks of A that it has seen nothing of.

    Rows and columns are drawn into groups. Of each pair of groups the block where they meet is
    held out, and what has neither its rows nor its columns is factorized, at all ranks by one
    `sweep`: W H. With W given, the columns of the block are fitted in the other rows; with H given,
    its rows in the other columns, both by `project`. Their product predicts the block.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`, with or without names.
    ranks : iterable of int
        Each once.
    folds : int
        Groups of rows, and of columns; folds² blocks are held out in turn. With 2 a fit sees a
        quarter of A; with more it sees more, and there are more fits.
    repeats : int
        How often the groups are drawn anew, from the seeds 0, 1, ….
    seeds : int or iterable of int
        Of each fit, as for `sweep`; of several the one with the least error is taken.
    missing, weights, zeros, unknown, dtype, backend, device, memory, executor
        As for `sweep`. Rows and columns of a block of which its fit has seen nothing do not count.
    progress : bool
        Show a progress bar on stderr.
    **options
        As for `sweep`, except `folds`. Penalties hold for the rows and columns that are fitted
        afterwards as well.

    Returns
    -------
    BiCrossValidation
        The errors in the loss of the fit, and the rank; it prints as a table.

    Raises
    ------
    ValueError, TypeError
        As `sweep`; if A has fewer rows or columns than there are groups; if what is to be
        factorized is zero, or nothing is known of it; if several devices share A.

    References
    ----------
    Owen & Perry 2009, who fit the rows and columns by non-negative least squares as well.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.selection import bi_cross_validation
    >>> rng = np.random.default_rng(0)
    >>> A = rng.random((40, 3)) @ rng.random((3, 50)) + 0.1 * rng.random((40, 50))
    >>> bi_cross_validation(A, range(1, 6)).rank
    3
    """
    FOLDS.checked("folds", folds)
    REPEATS.checked("repeats", repeats)
    plan = planned_runs(ranks, seeds, options)
    seeds, ranks = {run.seed for run in plan}, list(dict.fromkeys(run.rank for run in plan))
    given = Given(A, missing=missing, weights=weights, zeros=zeros, unknown=unknown)
    where: dict[str, Any] = {"dtype": dtype, "backend": backend, "device": device}
    # All of A is checked first: what is wrong is said by its place in A, not in a block of it.
    problem = prepare(given, **where, objective=plan[0].objective)
    if problem.A.devices > 1:
        raise ValueError(
            f"A lies on {problem.A.devices} devices of JAX, and has to be cut into blocks; pass an "
            "array of NumPy"
        )
    cuts = [cut for seed in range(repeats) for cut in _cuts(problem.shape, folds, seed)]
    how = {"seeds": seeds, "memory": memory, "executor": executor, **where, **options}
    held_out = np.empty((len(ranks), len(cuts)))
    with problem.backend.scope(problem.A), progress_bar(len(cuts), progress, unit="block") as bar:
        all_of_A = Part.of(given)
        for k, cut in enumerate(cuts):
            block = Block.of(all_of_A, *cut)
            fits = sweep(ranks=ranks, **block.seen.passed, **how)
            held_out[:, k] = [block.error(fits.best(rank), plan[0], where) for rank in ranks]
            bar.add(1)
    return BiCrossValidation.of(ranks, held_out)


def _cuts(shape: tuple[int, int], folds: int, seed: int) -> Iterator[Cut]:
    """The rows and the columns that are held out, of each pair of groups.

    Raises
    ------
    ValueError
        If there are fewer of them than groups.
    """
    if min(shape) < folds:
        raise ValueError(
            f"folds is {folds}, but A has {shape[0]} rows and {shape[1]} columns; each group takes "
            "one at least"
        )
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(size) % folds for size in shape)
    for i in range(folds):
        for j in range(folds):
            yield np.flatnonzero(rows == i), np.flatnonzero(columns == j)


@dataclass(frozen=True, eq=False, repr=False)
class BiCrossValidation(OneStandardError):
    """Errors of blocks that were held out, at each rank, and the rank; it prints as a table.

    Attributes
    ----------
    table : list of dict
        One row a rank, in their order: rank; blocks, of which there is an error; held_out, its mean
        over these, and held_out_se, its standard error.
    held_out : (ranks, blocks) float64 array
        Of each block the root of the mean squared difference between A and what was predicted, by
        the weights of the entries where there are any; of another loss, of 2 d. NaN for a block of
        which nothing is known.
    """

    table: list[Row]
    held_out: NDArray[np.float64]

    @classmethod
    def of(cls, ranks: Sequence[int], held_out: NDArray[np.float64]) -> BiCrossValidation:
        """That of such errors.

        Raises
        ------
        ValueError
            If there are fewer than two of a rank, of which there is no standard error.
        """
        order = np.argsort(ranks)
        table = []
        for rank, errors in zip(np.asarray(ranks)[order].tolist(), held_out[order], strict=True):
            known = errors[np.isfinite(errors)]
            if known.size < 2:
                raise ValueError(
                    f"something is known of {known.size} of {errors.size} blocks only; take more "
                    "folds"
                )
            table.append({"rank": rank, "blocks": known.size, **mean_of("held_out", known)})
        return cls(table, held_out[order])

    def __str__(self) -> str:
        rows = [f"{row['rank']:4d} {row['blocks']:7d}   {with_error(row)}" for row in self.table]
        said = f"Rank {self.rank}; the lowest error is that of rank {self.lowest}."
        return "\n".join(["rank  blocks   held-out error", *rows, said])

    def __repr__(self) -> str:
        return f"<BiCrossValidation of {self.held_out.shape[1]} blocks: rank {self.rank}>"


@dataclass(frozen=True, eq=False, repr=False)
class Block:
    """A block that is held out, and the three parts of A around it.

    Attributes
    ----------
    itself : Part
    above : Part
        The columns of the block, in the rows of `seen`.
    beside : Part
        The rows of the block, in the columns of `seen`.
    seen : Part
        What is factorized: it has neither rows nor columns of the block.
    """

    itself: Part
    above: Part
    beside: Part
    seen: Part

    @classmethod
    def of(cls, A: Part, rows: Index, columns: Index) -> Block:
        """That of some rows and columns, but for those of which nothing is known around it.

        Rows and columns that are zero or unknown in what is factorized say nothing, and are left
        out of all that is seen.

        Raises
        ------
        ValueError
            If none are left.
        """
        others = (
            np.setdiff1d(np.arange(n), x) for n, x in zip(A.shape, (rows, columns), strict=True)
        )
        rows_seen, columns_seen = A.nonzero(*others)
        if not rows_seen.size:
            raise ValueError(
                f"A is zero or not known but for {rows.size} rows and {columns.size} columns that "
                "are held out at once, so there is nothing to factorize; take more folds"
            )
        rows, _ = A.known_in(rows, columns_seen)
        _, columns = A.known_in(rows_seen, columns)
        parts = (
            (rows, columns),
            (rows_seen, columns),
            (rows, columns_seen),
            (rows_seen, columns_seen),
        )
        return cls(*(A.cut(*part) for part in parts))

    def error(self, fit: Factorization, options: Options, where: dict[str, Any]) -> float:
        """The root of the mean, over the block, of what an error squares; NaN where none is known.

        `fit` is of what is seen; of `options` the loss and the penalties are taken.
        """
        if not self.itself.weight:
            return float("nan")
        W_seen, H_seen = fit.to_arrays()
        shared: dict[str, Any] = {"loss": options.loss, **where}
        H = project(W=W_seen, l1=options.l1_H, l2=options.l2_H, **self.above.passed, **shared)
        W = project(W=H_seen.T, l1=options.l1_W, l2=options.l2_W, **self.beside.turned, **shared).T
        loss = options.objective
        problem = prepare_whole(self.itself.given, **where, objective=loss)
        W, H = (problem.scale.factor_inside(to_numpy(x))[None] for x in (W, H))
        error = Point(problem, W, H, loss.on(problem.A)).error[0]
        return float(error / np.sqrt(self.itself.weight))
