"""Who works in an iteration: the ways there are, and which one is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...matrices import Dense, Matrix, Sparse
from ...types import Array
from . import columns, runs, shared, threads

MOST_SUMS = 8
"""Most threads that share a product with a sparse matrix: each has a sum as large as the result."""

SMALL = 2**24
"""Most operations of an iteration that goes through compiled loops on one thread."""

SHORT = 2**15
"""Most entries of the factors there: of more, all is in memory, and none of it in Python."""

ALONE = 2**16
"""From so many entries of A on, only a run that is alone goes through compiled loops: several at
once share the time in Python, and BLAS multiplies with the rows of all."""

THIN = 4
"""Rows of a factor, for each byte of a number, with which compiled loops multiply as fast as BLAS;
of fewer it makes less."""

SHORTEST = 16
"""Fewest rows of a matrix that a walk goes through: of fewer nothing comes but its own loops."""

THINNEST = 8
"""Columns of a block for each row of the factor: else its sum costs more than reading A again."""


class Machine(NamedTuple):
    """What threads cost on a machine, in the work that one does meanwhile.

    The defaults hold on today's processors within a factor of two or so. They are no measurement:
    a call takes the same way each time, and its results are the same bits, while no other thread of
    the process factorizes.

    Attributes
    ----------
    threads : int
        Threads that BLAS has, or would have if it were not held.
    holds : bool
        Whether BLAS can be held to fewer.
    meeting : int
        Operations of a product that are worth each of BLAS's threads: with fewer, they take longer
        to meet than to work, and go on looking for work on the cores that others need.
    handing : int
        Multiplications of a product with A that are worth another thread of ours.
    python : int
        Entries of factors that are moved while an iteration is in Python, and no other thread is.
    reading : int
        Rows of factors with which A is multiplied in the time that it is read from memory; half
        as many for one in cache.
    own_cache, cache : int
        Bytes that a core reads again from its own cache, and that all do from theirs.
    fresh : float
        Part of A that may be written to new memory while all of it is read.
    strip : int
        Columns that are worth a thread in a walk.
    """

    threads: int
    holds: bool = True
    meeting: int = 2**23
    handing: int = 2**22
    python: int = 2**13
    reading: int = 128
    own_cache: int = 2**21
    cache: int = 2**23
    fresh: float = 1 / 40
    strip: int = 128

    def of_blas(self, operations: float) -> int:
        """How many of BLAS's threads a product is worth."""
        return max(1, min(self.threads, int(operations) // self.meeting))

    def of_ours(self, multiplications: int) -> int:
        """How many threads of ours the products with A are worth."""
        return min(self.threads, 1 + multiplications // self.handing)


def here() -> Machine:
    """Look at the machine as it is now."""
    return Machine(threads.available(), threads.tells())


@dataclass(frozen=True)
class ByBLAS:
    """BLAS's threads share each product, as many as that is worth; one does the rest."""

    several: int

    @contextmanager
    def at_work(self, A: Matrix) -> Iterator[Matrix]:
        """Context of iterations; gives A as it is to be multiplied there."""
        with threads.hold(self.several):
            yield A


class ByProducts(ByBLAS):
    """Threads of ours share each product with a sparse A, and what lies between."""

    @contextmanager
    def at_work(self, A: Matrix) -> Iterator[Matrix]:
        with threads.crew(self.several) as crew, threads.within(shared.current, crew):
            yield shared.share(A, crew) if crew and isinstance(A, Sparse) else A


@dataclass(frozen=True)
class ByColumns(ByBLAS):
    """Each thread has a share of the columns of A, in blocks; A is read once in an iteration."""

    width: int

    @contextmanager
    def at_work(self, A: Matrix) -> Iterator[Matrix]:
        with threads.crew(self.several) as crew:
            blocks = columns.Blocks(crew, self.width) if crew else None
            with threads.within(columns.current, blocks):
                yield A


class ByRuns(ByBLAS):
    """Each thread iterates some of the runs, and reads A for them."""

    @contextmanager
    def at_work(self, A: Matrix) -> Iterator[Matrix]:
        with threads.crew(self.several) as crew, threads.within(runs.current, crew):
            yield A


class ByWalks(ByBLAS):
    """Each thread walks through some of the columns of a dense A with factors that are thin."""

    @contextmanager
    def at_work(self, A: Matrix) -> Iterator[Matrix]:
        with (
            threads.crew(self.several) as crew,
            threads.within(threads.walking, crew or threads.Crew()),
        ):
            yield A


def way_for(
    A: Matrix, factors: Array, machine: Machine, *, apart: bool = True, walks: bool = False
) -> ByBLAS:
    """The way to go through A with the factors (R, d, …) of some runs, each for itself if `apart`.

    `walks` says whether they go through A in compiled walks, see `is_worth_a_walk`. Threads of
    ours share all the work, BLAS's only dense products, which are about half of it.
    """
    together, rank = factors.shape[:2]
    # BLAS multiplies with a dense A alone; beside a sparse one, the factors with each other.
    entries = rank * max(A.shape) if isinstance(A, Sparse) else A.entries
    by_blas = ByBLAS(machine.of_blas(2 * entries * together * rank))
    choices = [by_runs] * apart + [by_walks] * walks + [by_columns, by_products]
    for choose in choices:
        way = choose(A, together, rank, machine)
        if way and (isinstance(A, Sparse) or 2 * way.several > by_blas.several):
            return way
    return by_blas


def by_runs(A: Matrix, together: int, rank: int, machine: Machine) -> ByRuns | None:
    """As many threads as go on side by side, each with rows enough to read a dense A for."""
    least = machine.reading if A.nbytes > machine.cache else machine.reading // 2
    entries = together * rank * sum(A.shape)
    for several in range(min(machine.threads, together) if machine.holds else 1, 1, -1):
        rows = together // runs.stacks(together, several) * rank
        enough = rows >= least or isinstance(A, Sparse)
        if enough and entries >= several**2 * machine.python:
            return ByRuns(several)
    return None


def is_small(A: Matrix, factors: Array) -> bool:
    """Whether an iteration would mostly be in Python, or in products of which BLAS makes little."""
    together, rank = factors.shape[:2]
    few = operations(A, rank) <= SMALL and rank * sum(A.shape) <= SHORT
    few = few and (together == 1 or A.entries < ALONE)
    return few and rank <= THIN * A.dtype.itemsize and is_plain(A)


def operations(A: Matrix, rank: int) -> int:
    """Those of an iteration of a run, nearly."""
    return 4 * rank * (A.entries + rank * sum(A.shape))


def is_worth_a_walk(A: Matrix, factors: Array, least: int | None) -> bool:
    """Whether walks with the factors (R, d, …) of some runs take so many multiplications at least.

    And whether BLAS makes little of factors that are so thin.
    """
    together, rank = factors.shape[:2]
    if least is None or together > 1 or rank * A.entries < least:
        return False
    return rank <= THIN * A.dtype.itemsize and A.shape[0] >= SHORTEST and is_plain(A)


def is_plain(A: Matrix) -> bool:
    """Whether A is an array as it was given, by rows or by columns."""
    return type(A) is Dense and bool(np.asarray(A.array).flags.forc)


def by_walks(A: Matrix, together: int, rank: int, machine: Machine) -> ByWalks | None:
    """As many threads as a walk is worth; none where A has no more columns than a strip."""
    several = min(machine.of_ours(A.entries * together * rank), A.shape[1] // machine.strip)
    return ByWalks(several) if several else None


def by_columns(A: Matrix, together: int, rank: int, machine: Machine) -> ByColumns | None:
    """As many threads as there are blocks for, where A is so large that it is read from memory."""
    if not (A.by_columns and machine.holds and A.nbytes >= 2 * machine.cache):
        return None
    (m, n), size, rows = A.shape, A.dtype.itemsize, together * rank
    width = max(machine.own_cache // (m * size), THINNEST * rows)
    sums = rows * (m + rank) * size  # of each thread, in every iteration
    several = min(machine.threads, n // width, int(machine.fresh * A.nbytes / sums))
    return ByColumns(several, width) if several else None


def by_products(A: Matrix, together: int, rank: int, machine: Machine) -> ByProducts | None:
    """A few threads, where products with a sparse A are most of the work."""
    several = min(machine.of_ours(A.entries * together * rank), MOST_SUMS)
    most = isinstance(A, Sparse) and A.weights is None and rank * sum(A.shape) <= 8 * A.entries
    return ByProducts(several) if most and several > 1 else None
