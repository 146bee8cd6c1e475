"""Loops of a compiled program, in the form that suits the device.

A GPU runs ahead of the host only through what is known beforehand. XLA lets the host read the
condition of a `while` loop before every turn (and that of a `cond`, once), and waits for the device
to do so; a loop with a known number of turns it puts into the queue without asking. On a CPU
nothing is waited for, and one loop is compiled faster than two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Carry = TypeVar("Carry")

TURNS_UNASKED = 8
"""Turns of a loop on an accelerator between two looks of the host.

What is left over, fewer than these, it asks for one by one. Of the usual counts, 256 iterations
between two checks make 34 looks, 10 make 5, and the 9 between two records of a sweep make 4.
"""
LONGEST_UNASKED = 20
"""Most turns of a `repeated` that an accelerator takes in vain rather than to let the host look."""


def counted(
    count: Any, body: Callable[[Any, Carry], Carry], carry: Carry, *, accelerated: bool
) -> Carry:
    """Apply ``carry = body(k, carry)`` for k from 0 to a traced `count`."""
    from jax.lax import fori_loop

    if not accelerated:
        plain: Carry = fori_loop(0, count, body, carry)
        return plain

    def unasked(block: Any, carry: Carry) -> Carry:
        first = block * TURNS_UNASKED
        done: Carry = fori_loop(0, TURNS_UNASKED, lambda k, x: body(first + k, x), carry)
        return done

    blocks = count // TURNS_UNASKED
    carry = fori_loop(0, blocks, unasked, carry)
    nested: Carry = fori_loop(blocks * TURNS_UNASKED, count, body, carry)
    return nested


def repeated(
    function: Callable[[Carry], Carry],
    carry: Carry,
    going: Callable[[Carry], Any],
    limit: int,
    *,
    unasked: bool,
) -> Carry:
    """Apply a function while `going` says so, at most `limit` times; see `Backend.repeat_while`."""
    from jax.lax import fori_loop, while_loop

    if unasked and limit <= LONGEST_UNASKED:
        in_vain: Carry = fori_loop(0, limit, lambda _, x: function(x), carry)
        return in_vain
    _, asked = while_loop(
        lambda x: (x[0] < limit) & going(x[1]), lambda x: (x[0] + 1, function(x[1])), (0, carry)
    )
    done: Carry = asked
    return done
