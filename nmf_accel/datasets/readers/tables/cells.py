"""What a cell of a table can be by itself: a number, a name, or a header above such."""

from __future__ import annotations

import re
from collections.abc import Iterable

MISSING = frozenset((
    "", "NA", "#NA", "N/A", "#N/A", "#N/A N/A", "n/a", "<NA>", "NaN", "-NaN", "nan", "-nan",
    "NULL", "null", "None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
))  # fmt: skip
"""Cells that stand for what is not known, as pandas has it."""

NUMBER = re.compile(
    r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity)\s*|true|false", re.IGNORECASE
)
"""A cell that is an entry."""

_KINDS = (
    "user|item|movie|product|customer|client|track|artist|song|book|feature|sample|gene|cell"
    "|barcode|term|word|document|doc|row|entrez|ensembl|component|year|month|day|date|time"
    "|timestamp|wave(length|number)|frequency|position|patient|subject|respondent|participant|zip"
    "|station|probe|taxon|otu|asv|country|site|symbol"
)
THING = re.compile(
    rf"|({_KINDS})s?([ ._-]?(id|name|no|number|symbol)s?)?|names?|index|idx|id|level_\d+|m/?z|fy",
    re.IGNORECASE,
)
"""A header that stands above names, even if these are numbers."""
ID = re.compile(r"(?i:.*[_ .-]id|unnamed.*|__index_level_\d+__)|.*[a-z]I[dD]")
"""One that can stand above nothing else."""
ABOUT = re.compile(r"chr(om(osome)?)?|start|end|strand|length|description|symbol", re.IGNORECASE)
"""One of what programs write between names and counts."""
AMOUNT = re.compile(r"ratings?|values?|counts?|units|quantity|plays|weight|score", re.IGNORECASE)
"""One of the numbers in a table of entries."""
DATE = re.compile(r".*(time|date).*", re.IGNORECASE)


def is_missing(cell: str) -> bool:
    """Whether a cell stands for what is not known."""
    return cell in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell can be an entry: a number, true or false, or one that is missing."""
    return cell in MISSING or NUMBER.fullmatch(cell) is not None


def is_text(cell: str) -> bool:
    """Whether a cell can only be a name."""
    return not is_number(cell)


def is_padded(cell: str) -> bool:
    """Whether a cell has zeros before a number, which it would lose as one."""
    return len(cell) > 1 and cell[0] == "0" and cell.isdigit()


def integers(cells: Iterable[str]) -> list[int] | None:
    """The whole numbers of cells, if they are all that."""
    found = []
    for cell in cells:
        if re.fullmatch(r"\s*[+-]?\d+(\.0*)?\s*", cell) is None:
            return None
        found.append(int(float(cell)) if "." in cell else int(cell))
    return found


def heads_names(cell: str) -> bool:
    """Whether a cell stands above names, even if these are numbers."""
    return (THING.fullmatch(cell.strip()) or ID.fullmatch(cell.strip())) is not None
