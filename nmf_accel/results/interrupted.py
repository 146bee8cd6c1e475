"""What Ctrl-C leaves of a factorization."""

from __future__ import annotations

from typing import Any

from .factorization import Factorization


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a factorization; `result` holds what there is.

    Attributes
    ----------
    result : Factorization
        The factorization after the last finished chunk of iterations.
    """

    def __init__(self, result: Factorization) -> None:
        super().__init__(result.stopped_because)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is made again in another process, of its result and what was added to it."""
        return type(self), (self.result,), self.__dict__
