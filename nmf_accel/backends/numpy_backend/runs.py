"""Threads with a share of the runs each, which may change hands after any iteration."""

from __future__ import annotations

from contextvars import ContextVar
from heapq import heappop, heappush
from threading import Event, Lock
from typing import Any

import numpy as np

from ...types import Array, Measures, State, Step
from . import threads

current: ContextVar[threads.Crew | None] = ContextVar("runs", default=None)
"""The threads that take the runs."""


def stacks(runs: int, several: int) -> int:
    """In how many about equal stacks so many threads take the runs.

    As large as they may be if no stack is to keep the other threads waiting.
    """
    return -(-runs // (runs // several))


def iterate(
    crew: threads.Crew,
    step: Step,
    state: State,
    constants: tuple[Any, ...],
    count: int,
    record_every: int,
) -> tuple[State, Array]:
    """`Backend.iterate`, in stacks of runs, by a crew.

    The stacks stand in line, those first that are least far. A thread takes the first one through
    an iteration, and puts it back: so where there are more stacks than threads all are about as
    far, and in the end threads wait for no more than an iteration.
    """
    runs = state[0].shape[0]
    slots = threads.parts(0, runs, stacks(runs, crew.several))
    states = [tuple(x[slot] for x in state) for slot in slots]
    measured: list[list[Measures]] = [[] for _ in slots]
    line = [(0, stack) for stack in range(len(slots))]
    given_up, at_the_line = Event(), Lock()

    def advance(stack: int, iteration: int) -> None:
        if iteration % record_every:
            states[stack] = step.unmeasured(states[stack], *constants)
        else:
            states[stack], found = step(states[stack], *constants)
            measured[stack].append(found)

    def work(_: int) -> None:
        try:
            # Those that find nobody there are not needed any more: so many stacks are done.
            while line and not given_up.is_set():
                with at_the_line:
                    if not line:
                        return
                    done, stack = heappop(line)
                advance(stack, done + 1)
                if done + 1 < count * record_every:
                    with at_the_line:
                        heappush(line, (done + 1, stack))
        except BaseException:
            given_up.set()
            raise

    with threads.in_turns():
        try:
            crew.each(work, range(crew.several))
        finally:
            given_up.set()  # Ctrl-C is to be heard before the others are done
    new = tuple(np.concatenate(x) for x in zip(*states, strict=True))
    return new, np.concatenate([np.asarray(found) for found in measured], axis=-1)
