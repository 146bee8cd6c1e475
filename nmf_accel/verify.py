"""Golden histories: a machine, a GPU or a library version proves itself in seconds.

The file was made by an independent, plain NumPy implementation (``tests/make_golden.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .datasets import draw_sprites
from .factorize import nmf

N_IMAGES = 200
MAX_ITER = 300
CASES = [(rank, dtype) for dtype in ("float64", "float32") for rank in (4, 32)]

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
"""Largest relative difference allowed between error histories, and in float64 between factors.

Measured on CPUs: 3e-14 and 2e-6. Products in TF32 would be off by 2e-4 and more.
"""


@dataclass(frozen=True)
class Check:
    """One backend held against one golden run; differences are relative, the largest of each."""

    backend: str
    dtype: str
    rank: int
    history: float
    factors: float

    @property
    def passed(self) -> bool:
        """Whether the differences are within `TOLERANCE`."""
        if self.dtype == "float64":
            return all(x <= TOLERANCE["float64"] for x in (self.history, self.factors))
        # In float32 the factors drift further than the error that they reach.
        return self.history <= TOLERANCE["float32"]


def fingerprint(W: Any, H: Any) -> NDArray[np.float64]:
    """Two weighted sums of each column of W and row of H: (4, d)."""
    W, H = np.asarray(W, dtype=np.float64), np.asarray(H, dtype=np.float64)
    rows, columns = np.cos(np.arange(W.shape[0])), np.cos(np.arange(H.shape[1]))
    return np.stack([W.sum(axis=0), rows @ W, H.sum(axis=1), H @ columns])


def golden_matrix() -> NDArray[np.float64]:
    """The first 200 sprites as a matrix (1728, 200)."""
    pixels, _ = draw_sprites(N_IMAGES)
    return pixels[..., :3].reshape(N_IMAGES, -1).T / 255.0


def golden() -> dict[str, NDArray[Any]]:
    """The shipped arrays, by ``{dtype}-{rank}-{errors|factors}``, and the data's SHA-256."""
    with files(__package__).joinpath("data/golden.npz").open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def verify(backend: str, device: str | None = None) -> Iterator[Check]:
    """Hold one backend, on a device of its, against every golden run.

    Raises
    ------
    nmf_accel.BackendError
        If the backend cannot run here, or has no such device.
    RuntimeError
        If the sprites of this version are not those that the golden file was made from.
    """
    A, stored = golden_matrix(), golden()
    if hashlib.sha256(A.tobytes()).hexdigest() != str(stored["sha256"]):
        raise RuntimeError("the sprites differ from those of the golden file: reinstall nmf-accel")
    for rank, dtype in CASES:
        where: dict[str, Any] = {"dtype": dtype, "backend": backend, "device": device}
        result = nmf(A, rank, delta=1e-9, max_iter=MAX_ITER, **where)
        errors = stored[f"{dtype}-{rank}-errors"]
        factors = stored[f"{dtype}-{rank}-factors"]
        history = np.abs(result.errors / errors - 1).max()
        # Relative to the size of the sums: one of them may happen to be near zero.
        scale = np.abs(factors).max(axis=1, keepdims=True)
        drift = (np.abs(fingerprint(result.W, result.H) - factors) / scale).max()
        yield Check(backend, dtype, rank, float(history), float(drift))
