"""What the machine reaches: bytes a second in a copy, operations a second in a product."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Problem

LONG_ENOUGH = 0.02
"""Seconds that the product takes by which operations are counted."""


class Rates:
    """Bytes and operations a second that a backend reaches here, the best of all measurements.

    Operations: in the product of two square matrices, so large that it takes LONG_ENOUGH or they
    have 8192 rows. Bytes: in a copy of as much as A has, for a small one may stay in cache as A
    does, or in a product of that with one row, which NumPy's threads share; whichever is faster.
    """

    def __init__(self, problem: Problem) -> None:
        self.backend = backend = problem.backend
        self.dtype = problem.dtype
        self.accelerated = backend.probe().accelerated
        self.bytes = self.operations = 0.0
        self.scope: Callable[[], Any] = lambda: backend.scope(problem.A)
        self.factor_size = 1024
        with self.scope():
            size = max(int(np.sqrt(min(max(problem.A.read, 2**20), 2**28) / self.itemsize)), 1)
            self.whole, self.row = self._random(size, size), self._random(1, size)
            self.into = backend.xp.zeros_like(self.whole)
            self.square = self._random(self.factor_size, self.factor_size)
            while self._product() < LONG_ENOUGH and self.factor_size < 8192:
                self.factor_size *= 2
                self.square = self._random(self.factor_size, self.factor_size)
                self._product()  # a new shape may have to be compiled
        self.measure()

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return self.dtype.itemsize

    def measure(self) -> None:
        """Once more; a rate is the best that was ever reached."""
        with self.scope():
            moved = self.whole.shape[0] ** 2 * self.itemsize
            self.operations = max(self.operations, 2 * self.factor_size**3 / self._product())
            self.bytes = max(
                self.bytes,
                2 * moved / self._seconds(self._copy, moved),
                moved / self._seconds(self._row_product, moved),
            )

    def _random(self, *shape: int) -> Any:
        numbers = np.random.default_rng(0).random(shape, dtype=self.dtype.name)  # type: ignore[call-overload]
        return self.backend.asarray(numbers, self.dtype)

    def _product(self) -> float:
        """Seconds of the product of two squares."""
        return self._seconds(lambda: self.backend.matmul(self.square, self.square), 2**30)

    def _row_product(self) -> Any:
        return self.backend.matmul(self.row, self.whole)

    def _copy(self) -> Any:
        """Into memory that is there already, if the library lets us write to it; JAX does not."""
        try:
            self.into[...] = self.whole
        except TypeError:
            return self.backend.xp.negative(self.whole)
        return self.into

    def _seconds(self, function: Callable[[], Any], size: int) -> float:
        """Seconds of one call, of as many as move a GB, since starting one on a GPU takes time."""
        count = int(np.clip(2**30 // size, 1, 100))
        self.backend.synchronize(function())
        started = time.perf_counter()
        for k in range(count):
            result = function()
            # A GPU does one after another; a CPU under JAX might do several at once.
            if not self.accelerated or k == count - 1:
                self.backend.synchronize(result)
        return (time.perf_counter() - started) / count
