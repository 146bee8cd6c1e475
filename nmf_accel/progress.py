"""The one progress bar, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BAR = "{l_bar}{bar}| {postfix} [{elapsed}<{remaining}]"
"""A bar of work, whose unit (operations) says nothing to the reader."""


class Progress:
    """How much of the work is done; this one tells nobody."""

    def add(self, work: float, note: str = "") -> None:
        """Count `work` as done."""

    def skip(self, work: float) -> None:
        """Count `work` as done before."""


class ProgressBar(Progress):
    """A bar on stderr."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def add(self, work: float, note: str = "") -> None:
        """Move the bar by `work`."""
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(work)

    def skip(self, work: float) -> None:
        """Move the bar by `work` that took no time."""
        self.bar.initial += work  # what is there at the start counts for no speed
        self.bar.update(work)


class Part(Progress):
    """A part of the work of a bar, counted in another unit, of which each is worth so much."""

    def __init__(self, whole: Progress, worth: float) -> None:
        self.whole, self.worth = whole, worth

    def add(self, work: float, note: str = "") -> None:
        """Move the bar by what `work` is worth."""
        self.whole.add(work * self.worth, note)

    def skip(self, work: float) -> None:
        """Move the bar by what `work` is worth, which took no time."""
        self.whole.skip(work * self.worth)


@contextmanager
def progress_bar(total: float, show: bool, **style: Any) -> Iterator[Progress]:
    """A bar for `total` work, drawn in tqdm's `style`; nothing if not `show`."""
    if not show:
        yield Progress()
        return
    from tqdm import tqdm  # late: importing nmf_accel loads NumPy alone

    with tqdm(total=total, dynamic_ncols=True, **style) as bar:
        yield ProgressBar(bar)
