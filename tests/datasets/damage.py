"""Damages files, the same way for the same seed: cut off, overwritten, with huge numbers."""

import random
import re

HUGE = [
    (2**k - 1).to_bytes(size, "little")
    for size in (4, 8)
    for k in (31, 32, 40, 63)
    if k <= 8 * size
]


def cut_off(content, chance):
    """The first part of it, or all but the first part."""
    where = chance.randrange(len(content))
    return content[:where] if chance.random() < 0.8 else content[where:]


def overwritten(content, chance):
    """With a few bytes that are others."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def overwritten_early(content, chance):
    """The same where headers lie."""
    begin = content[:256]
    return overwritten(begin, chance) + content[256:]


def with_a_huge_number(content, chance):
    """With a huge number in the place of some bytes, or of a number that is written out."""
    written = list(re.finditer(rb"\d+", content[:4096]))
    if written and chance.random() < 0.5:
        number = chance.choice(written)
        huge = str(10 ** chance.randint(5, 25)).encode()
        return content[: number.start()] + huge + content[number.end() :]
    huge = chance.choice(HUGE)
    where = chance.randrange(0, max(1, min(len(content), 4096) - len(huge)), 4)
    return content[:where] + huge + content[where + len(huge) :]


def without_a_part(content, chance):
    """With a part left out, or twice."""
    begin, end = sorted(chance.randrange(len(content)) for _ in range(2))
    return (
        content[:begin] + content[end:]
        if chance.random() < 0.5
        else content[:end] + content[begin:]
    )


WAYS = (cut_off, overwritten, overwritten_early, with_a_huge_number, without_a_part)


def damaged(content, seed):
    """What became of the bytes of a file; `seed` decides how."""
    chance = random.Random(seed)
    return WAYS[seed % len(WAYS)](content, chance)
