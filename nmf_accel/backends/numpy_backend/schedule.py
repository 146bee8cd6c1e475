"""Threads with a share of the runs each: which runs go together, and who does which iterations.

The runs are independent of each other, and may change hands after any iteration.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import pairwise
from threading import Event
from typing import Any

import numpy as np

from ...matrices import Matrix, Sparse
from ...types import Array, Measures, State, Step
from . import threads

LEAST_ROWS = 128
"""Rows of factors with which a thread makes good use of reading a dense A.

Half as many do where A is so small that it stays in cache.
"""

SMALL = 2**20
"""Entries of a small A."""

LEAST_SHARE = 2**15
"""Entries of factors worth a thread of their own; with fewer, threads fight over Python's lock."""

LONGEST_WAIT = 0.1
"""Seconds between two looks at Ctrl-C."""

Advance = tuple[State, int, list[Measures]]
"""The state of a stack of runs, how many iterations it has done, and what was measured."""


def stacks(runs: int, rank: int, A: Matrix) -> list[slice]:
    """Runs in stacks for threads to iterate; none where BLAS's own threads do better.

    As large as they may be if no stack is to keep the other threads waiting, and about equal.
    """
    several = threads.available()
    if not 1 < several <= runs:
        return []
    count = -(-runs // (runs // several))
    rows = runs // count * rank
    least = LEAST_ROWS if math.prod(A.shape) > SMALL else LEAST_ROWS // 2
    if isinstance(A, Sparse):
        least = 0
    if rows < least or rows * sum(A.shape) < LEAST_SHARE:
        return []
    ends = np.linspace(0, runs, count + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


def pieces(sizes: list[int], threads: int, count: int) -> list[tuple[int, int, int]]:
    """When which stack of runs goes on, by how many of `count` iterations, in the order of time.

    By the wrap-around rule (McNaughton 1959): the stacks' work on one line is cut into a part
    for each thread. Of a stack that is cut, the next thread does the first iterations, at once,
    and this one the others, in the end; as no stack is longer than a part, the first are then
    done. All threads have as much to do, but for a part of an iteration.
    """
    part, start, found = sum(sizes) * count, 0, []  # lengths are times `threads`
    for k, size in enumerate(sizes):
        one = size * threads
        end = start + one * count
        thread = start // part
        beyond = max(0, round((end - (thread + 1) * part) / one))
        found += [(0, k, beyond), (start - thread * part, k, count - beyond)]
        start = end
    return sorted(piece for piece in found if piece[2])


def iterate(
    pool: ThreadPoolExecutor,
    several: int,
    parts: list[slice],
    step: Step,
    state: State,
    constants: tuple[Any, ...],
    count: int,
    record_every: int,
) -> tuple[State, Array]:
    """`Backend.iterate`, in stacks of runs, by so many threads."""
    given_up = Event()

    def advance(before: Future[Advance], steps: int) -> Advance:
        state, done, measured = before.result()
        try:
            for k in range(done + 1, done + steps + 1):
                if given_up.is_set():
                    break
                if k % record_every:
                    state = step.unmeasured(state, *constants)
                else:
                    state, found = step(state, *constants)
                    measured.append(found)
        except BaseException:
            given_up.set()
            raise
        return state, done + steps, measured

    futures: list[Future[Advance]] = []
    for part in parts:
        futures.append(Future())
        futures[-1].set_result((tuple(x[part] for x in state), 0, []))
    with threads.in_turns():
        try:
            sizes = [part.stop - part.start for part in parts]
            # A piece is begun after the one that it waits for, so it does not wait for ever.
            for _, k, steps in pieces(sizes, several, count * record_every):
                # In copies of the caller's context, with its np.errstate.
                futures[k] = pool.submit(copy_context().run, advance, futures[k], steps)
            # In short waits: Ctrl-C that comes just before one is heard only after it.
            while wait(futures, timeout=LONGEST_WAIT).not_done:
                continue
            states, _, measured = zip(*(future.result() for future in futures), strict=True)
        except BaseException:
            given_up.set()  # Ctrl-C is to be heard before the others are done
            raise
    new = tuple(np.concatenate(x) for x in zip(*states, strict=True))
    return new, np.concatenate([np.stack(x) for x in measured], axis=-1)
