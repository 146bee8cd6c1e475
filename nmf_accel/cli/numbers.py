"""Lists of whole numbers, and amounts of memory, as a command takes them."""

from __future__ import annotations

import re

import click
import numpy as np

from ..sweeps import MOST_RUNS

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def numbers(text: str) -> list[int]:
    """Whole numbers from a list such as ``16,32,64:256:32,8:512:log8``.

    ``a:b:step`` runs from a to b, both included; ``a:b:logK`` is K numbers from a to b, evenly
    spaced on a logarithmic axis and rounded, without repetition.
    """
    found: list[int] = []
    for part in text.split(","):
        if match := re.fullmatch(r"\s*(\d+)\s*", part):
            found.append(int(match[1]))
        elif match := re.fullmatch(r"\s*(\d+):(\d+):(\d+)\s*", part):
            first, last, step = map(int, match.groups())
            if (last - first) // max(step, 1) >= MOST_RUNS:
                raise click.BadParameter(f"{part!r} is more than {MOST_RUNS:,} numbers")
            if step < 1 or last < first:
                raise click.BadParameter(f"{part!r} runs nowhere; it must be a:b:step with a <= b")
            found += range(first, last + 1, step)
        elif match := re.fullmatch(r"\s*(\d+):(\d+):log(\d+)\s*", part):
            first, last, count = map(int, match.groups())
            if not 2 <= count <= MOST_RUNS or not 1 <= first < last < 2**53:
                raise click.BadParameter(
                    f"{part!r} must be a:b:logK with 1 <= a < b < 2^53 and K from 2 to "
                    f"{MOST_RUNS:,}"
                )
            found += dict.fromkeys(np.geomspace(first, last, count).round().astype(int).tolist())
        else:
            raise click.BadParameter(f"{part!r} is no number, no a:b:step and no a:b:logK")
    return found


def ranks_of(ctx: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """The ranks of an option."""
    return numbers(value)


def seeds_of(ctx: click.Context, parameter: click.Parameter, value: str) -> int | list[int]:
    """A count, or a list."""
    return int(value) if value.strip().isdigit() else numbers(value.rstrip(","))


def bytes_of(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, such as ``8G``."""
    if value is None:
        return None
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)(i?B)?\s*", value, re.IGNORECASE)
    if match is None:
        raise click.BadParameter(f"{value!r} is no amount of memory, such as 500M or 8G")
    return int(float(match[1]) * UNITS[match[2].upper()])
