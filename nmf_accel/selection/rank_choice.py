"""The rank that was chosen, and what speaks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ..losses import loss_called
from ..sweeps import Row, SweepResult
from .repetition import repetition_of
from .rule import OneStandardError, mean_of, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEXT_TO_NOTHING = 0.05
"""The part of the first rank's error below which there is hardly any noise: 1/400 of its square."""
FAR_APART = 2
"""Ranks that differ by this factor are different answers."""


class Unfinished(ValueError):
    """A sweep of which no rank has an error of every fold."""


@dataclass(frozen=True, eq=False, repr=False)
class RankChoice(OneStandardError):
    """The rank that was chosen, and what speaks for it. Printed, it says so in sentences.

    Attributes
    ----------
    sweep : SweepResult
        The runs.
    table : list of dict
        One row a rank that was tried, in their order: rank, runs; held_out, the mean over folds of
        the root mean square error of what was left out, in the loss of the runs, and held_out_se,
        its standard error, the deviation of the folds divided by √folds; in_sample and
        in_sample_se, the same of what was seen, None where a run does not say; and how far
        components repeat over runs (see `stability`), None where factors were not kept: silhouette
        and cosine, of the component that does so least, and repeating, how many do.
    unfinished : list of int
        Ranks of which not every fold has an error yet; they are in no row.
    """

    sweep: SweepResult
    table: list[Row]
    unfinished: list[int]

    @classmethod
    def of(cls, result: SweepResult) -> RankChoice:
        """Choose by a sweep with `folds`, also one that is merged, or is still running.

        Raises
        ------
        TypeError
            If it is no SweepResult.
        ValueError
            If it is none with folds, or (`Unfinished`) no rank has a run of every fold.
        nmf_accel.StoreError
            If factors that were kept are lost or damaged.
        """
        folds = SweepResult.checked(result).options.get("folds")
        if folds is None:
            raise ValueError("no run of this sweep leaves anything out; sweep with folds=5")
        ranks = sorted({row["rank"] for row in result.table})
        errors = {rank: fold_errors(result.table, rank, folds) for rank in ranks}
        done = [rank for rank in ranks if np.isfinite(errors[rank]).all()]
        if not done:
            raise Unfinished(_why_none(result.table, ranks, folds))
        table = [
            {
                "rank": rank,
                "runs": sum(row["rank"] == rank for row in result.table),
                **mean_of("held_out", errors[rank]),
                **mean_of("in_sample", fold_errors(result.table, rank, folds, "in_sample")),
                **repetition_of(result, rank),
            }
            for rank in done
        ]
        return cls(result, table, sorted(set(ranks) - set(done)))

    @property
    def remarks(self) -> list[str]:
        """What keeps the choice from being clear, a sentence each."""
        return [*self._ends(), *self._weakness(), *self._noiseless(), *self._rest()]

    def row(self, rank: int) -> Row:
        """The row of a rank.

        Raises
        ------
        KeyError
            If there is none.
        """
        if rank not in self.ranks:
            raise KeyError(f"there is no rank {rank}; there are {self.ranks}")
        return self.table[self.ranks.index(rank)]

    def plot(self) -> Figure:
        """Errors of what was left out and of what was seen against rank, and how components repeat.

        Bars are standard errors. ``figure.savefig("rank.png")``, or what a notebook shows.
        """
        from .. import plots  # late: matplotlib is slow to import

        symbol = loss_called(self.sweep.options["loss"]).mean_symbol
        return plots.rank_choice(self.table, self.rank, self.lowest, symbol)

    def __str__(self) -> str:
        return " ".join([self._answer(), *self._repeating(), *self.remarks])

    def __repr__(self) -> str:
        return f"<RankChoice: rank {self.rank} of {self.ranks}>"

    def _answer(self) -> str:
        chosen, lowest = self.row(self.rank), self._lowest
        told = f"Rank {self.rank}: held-out error {with_error(chosen)}"
        if len(self.table) == 1:
            return f"{told}. No other rank is there to compare it with."
        if self.rank == self.lowest:
            told += ", the lowest"
        else:
            told += f"; the lowest is {with_error(lowest)} at rank {self.lowest}"
        others = [rank for rank in self.within if rank not in (self.rank, self.lowest)]
        if self.rank == self.lowest and not others:
            return f"{told}, and no other rank is within one standard error of it."
        if not others:
            return f"{told}, within one standard error of which rank {self.rank} is the smallest."
        unnamed = [rank for rank in self.ranks if rank not in (self.rank, self.lowest)]
        them, verb = ranks_told(others, unnamed), "is" if len(others) == 1 else "are"
        return f"{told}. {them.capitalize()} {verb} within one standard error of the lowest too."

    def _repeating(self) -> list[str]:
        """How far components of the rank, and of the next that was tried, repeat."""
        at = self.ranks.index(self.rank)
        shown = [row for row in self.table[at : at + 2] if row["silhouette"] is not None]
        if not shown or self.rank == 1:
            return []
        told = [
            f"{row['repeating']} of {row['rank']} components of rank {row['rank']} repeat (least "
            f"silhouette {row['silhouette']:.2f})"
            for row in shown
        ]
        return [f"Over runs, {', and '.join(told)}."]

    def _ends(self) -> list[str]:
        """A winner at either end of the ranks, or beside some that were not tried."""
        ranks, told = self.ranks, []
        if len(ranks) == 1:
            return []
        if self.lowest == ranks[-1]:
            told.append(
                f"Rank {ranks[-1]} is the largest that was tried, and the error may fall further: "
                "try larger ones."
            )
        at = ranks.index(self.rank)
        beside = ranks[max(at - 1, 0) : at + 2]
        if ranks[:at] == [1] and self.rank > 2:
            told.append(
                f"Rank {self.rank} is the smallest that was tried beside 1: try smaller ones."
            )
        elif at == 0 and self.rank > 1:
            told.append(
                f"Rank {self.rank} is the smallest that was tried, and smaller ones may predict "
                "better."
            )
        elif beside[-1] - beside[0] >= len(beside):
            told.append(f"Between ranks {beside[0]} and {beside[-1]} no other was tried.")
        return told

    def _weakness(self) -> list[str]:
        """Evidence that is too weak to choose."""
        within, lowest, others = self.within, self.lowest, self.ranks[1:]
        if not others:
            return []
        if lowest == 1 and others[0] > 2:  # too many components predict badly whatever the truth
            return [
                "No larger rank that was tried predicts better what was left out, but smaller "
                f"ones than {others[0]} may: try them."
            ]
        if lowest == 1:
            return [
                "No larger rank predicts better what was left out: there is no structure beyond "
                "one component, or too little data to show it."
            ]
        if within[-1] >= FAR_APART * within[0]:
            return [
                f"The evidence is too weak to choose among {ranks_told(within, self.ranks)}: they "
                "are within one standard error of the lowest."
            ]
        return []

    def _noiseless(self) -> list[str]:
        """Data with next to no noise, which larger ranks meet ever better without overfitting.

        Where the error rises again, there is something to overfit, and small components are found.
        """
        if self.lowest != self.ranks[-1]:
            return []
        first = self.table[0]["held_out"]
        enough = [row for row in self.table if row["held_out"] <= NEXT_TO_NOTHING * first]
        if not enough or enough[0]["rank"] >= self.rank:
            return []
        rank, share = enough[0]["rank"], enough[0]["held_out"] / first
        return [
            f"But rank {rank} leaves only {share:.2g} of the error of rank {self.ranks[0]}: where "
            "there is next to no noise, what larger ones gain is accuracy, not structure."
        ]

    def _rest(self) -> list[str]:
        """What is not done."""
        if not self.unfinished:
            return []
        there = sorted({*self.ranks, *self.unfinished})
        return [f"Of {ranks_told(self.unfinished, there)} not every fold has an error yet."]


def _why_none(rows: list[Row], ranks: list[int], folds: int) -> str:
    """Why no rank has an error of every fold."""
    none = f"no rank has an error of each of the {folds} folds"
    run = [{row["seed"] % folds for row in rows if row["rank"] == rank} for rank in ranks]
    if any(len(those) == folds for those in run):
        return (
            f"{none}, though all have run: in some nothing is left out that could be predicted, "
            "since A is so small, or so little of it is known; pass more of it, or take fewer folds"
        )
    return f"{none} yet; let the sweep go on"


def fold_errors(
    rows: Iterable[Row], rank: int, folds: int, name: str = "held_out"
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of each fold, the mean error over the runs of a rank that left it out: (folds,).

    NaN where there is none, or where one is no number.
    """
    values: list[list[float]] = [[] for _ in range(folds)]
    for row in rows:
        if row["rank"] == rank:
            error = row.get(name)
            values[row["seed"] % folds].append(math.nan if error is None else error)
    return np.array([np.mean(one) if one else math.nan for one in values])


def ranks_told(ranks: list[int], tried: list[int]) -> str:
    """Some of those that were tried: ``rank 3``, ``ranks 3, 5 and 8``, ``ranks 3 to 20 and 25``.

    More than four are told as stretches, in which none is missing that was tried.
    """
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    if len(ranks) <= 4:
        return f"ranks {listed(map(str, ranks))}"
    stretches: list[list[int]] = [[]]
    for rank in tried:
        if rank in ranks:
            stretches[-1].append(rank)
        elif stretches[-1]:
            stretches.append([])
    words = [
        [f"{some[0]} to {some[-1]}"] if len(some) > 2 else map(str, some) for some in stretches
    ]
    return f"ranks {listed(chain.from_iterable(words))}"


def listed(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
