"""Products in full precision, whatever the process has set, which is as it was afterwards.

PyTorch keeps that for the whole process. What a user may have set:

- since PyTorch 2.9 ``torch.backends.cuda.matmul.fp32_precision`` and its like of oneDNN (on the CPU
  and on XPU), each for itself, or for all by ``torch.backends.fp32_precision``;
- before, and still, one of three levels by `torch.set_float32_matmul_precision`, which sets those
  too, and to which ``allow_tf32`` is another door.

PyTorch refuses to read the level where the others do not agree with it. Settings of fp16 and bf16
concern no product of float32 or float64.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

FULL = ("none", "ieee")
"""Settings of a library that do not shorten float32; where nothing is set, none is shortened."""
LEVELS = {"highest": ("ieee", "ieee"), "high": ("tf32", "tf32"), "medium": ("tf32", "bf16")}
"""What each level sets for cuBLAS and for oneDNN."""


class FullPrecision:
    """What threads hold together: the first sets full precision, the last puts back what was.

    So one that ends first does not take it from the others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: list[int] = []
        self._put_back: Callable[[], None] = _nothing

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, products are in full precision."""
        with self._lock:
            if not self._holders:
                self._put_back = _set_full()
            self._holders.append(threading.get_ident())
        try:
            yield
        finally:
            with self._lock:
                self._holders.remove(threading.get_ident())
                if not self._holders:
                    self._put_back()

    def after_fork(self) -> None:
        """In a child process, let go of it what threads held that are not here."""
        self._lock = threading.Lock()
        if self._holders:
            here = threading.get_ident()
            self._holders = [x for x in self._holders if x == here]
            if not self._holders:
                self._put_back()


def _nothing() -> None:
    """What there is to put back where nothing was set."""


def _set_full() -> Callable[[], None]:
    """Set full precision; return what puts back what was there."""
    import torch

    if not hasattr(torch.backends.mkldnn, "matmul"):  # before 2.9: the level is all there is
        level = torch.get_float32_matmul_precision()
        if level == "highest":
            return _nothing
        torch.set_float32_matmul_precision("highest")
        return lambda: torch.set_float32_matmul_precision(level)
    libraries = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
    before = [x.fp32_precision for x in libraries]
    if all(x in FULL for x in before):
        return _nothing
    level = _level(libraries, before)
    torch.set_float32_matmul_precision("highest")

    def put_back() -> None:
        torch.set_float32_matmul_precision(level)
        for library, precision in zip(libraries, before, strict=True):
            library.fp32_precision = "none"
            if library.fp32_precision != precision:  # what was set for all of them
                library.fp32_precision = precision

    return put_back


def _level(libraries: tuple[Any, Any], before: list[str]) -> str:
    """The level that is set; where PyTorch does not tell, that with which it does."""
    import torch

    for told in (before, *LEVELS.values()):
        for library, precision in zip(libraries, told, strict=True):
            library.fp32_precision = precision
        try:
            return str(torch.get_float32_matmul_precision())
        except RuntimeError:  # it does not agree with these
            continue
    raise AssertionError("PyTorch has a level of precision that agrees with nothing")


full_precision = FullPrecision()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=full_precision.after_fork)
