"""What Ctrl-C leaves of a factorization, or of a sweep."""

from __future__ import annotations

from typing import Any


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a factorization or a sweep; `result` holds what there is.

    Attributes
    ----------
    result : Factorization or SweepResult
        The factorization after the last finished chunk of iterations; of a sweep the finished runs.
    """

    def __init__(self, result: Any, because: str) -> None:
        super().__init__(because)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is made again in another process, of its result and what was added to it."""
        return type(self), (self.result, *self.args), self.__dict__
