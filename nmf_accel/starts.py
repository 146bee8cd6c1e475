"""Starting factors, drawn on the host so that every backend starts from the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Factors = tuple[NDArray[np.float64], NDArray[np.float64]]


class Source(Protocol):
    """What a start is drawn for."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), the shape of A."""

    @property
    def mean(self) -> float:
        """Mean of the entries of A."""

    def whole(self) -> Any:
        """All of A on the host, as an array or a scipy sparse matrix."""


@dataclass(frozen=True)
class Init:
    """A kind of start.

    Attributes
    ----------
    draw : callable
        ``(source, rank, seed) -> W0, H0``, in float64 on the host.
    has_zeros : bool
        Whether it leaves zeros in W0 and H0.
    """

    draw: Callable[[Source, int, int], Factors]
    has_zeros: bool = False


FILLS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "nndsvd": lambda rng, count: 0.0,
    "nndsvda": lambda rng, count: 1.0,
    "nndsvdar": lambda rng, count: rng.uniform(0, 0.01, count),
}
"""What the zeros of a start from singular vectors become, of A divided by its mean."""


def random_start(shape: tuple[int, int], rank: int, seed: int, mean: float) -> Factors:
    """Uniform starting factors on the scale of the data.

    Parameters
    ----------
    shape : (int, int)
        (m, n), the shape of A.
    rank : int
        d, the number of components.
    seed : int
        Seed of ``numpy.random.default_rng``; W0 is drawn before H0.
    mean : float
        Mean of the entries of A.

    Returns
    -------
    W0 : (m, d) float64 array
    H0 : (d, n) float64 array
        Uniform in [0, sqrt(mean / d)), so that the entries of W0 H0 are about mean / 4.
    """
    rng = np.random.default_rng(seed)
    scale = np.sqrt(mean / rank)
    m, n = shape
    W0 = rng.uniform(size=(m, rank)) * scale
    return W0, rng.uniform(size=(rank, n)) * scale


def svd_start(A: Any, rank: int, seed: int, init: str) -> Factors:
    """Starting factors from the singular vectors of A (Boutsidis & Gallopoulos 2008).

    Parameters
    ----------
    A : (m, n) array or scipy sparse matrix
        On the host.
    rank : int
        d, at most min(m, n).
    seed : int
        Of the randomized singular value decomposition, and of the noise of 'nndsvdar'.
    init : {'nndsvd', 'nndsvda', 'nndsvdar'}
        What becomes of zeros: they stay, they become mean(A), or uniform in [0, mean(A) / 100),
        of A divided by its mean, so that the start follows the scale of the data.

    Returns
    -------
    W0 : (m, d) float64 array
    H0 : (d, n) float64 array

    Raises
    ------
    ValueError
        If A has fewer than d rows or columns.
    """
    if rank > min(A.shape):
        raise ValueError(
            f"init is {init!r} and rank is {rank}, but A {A.shape} has {min(A.shape)} singular "
            "vectors; take init='random'"
        )
    rng = np.random.default_rng(seed)
    mean = A.mean(dtype=np.float64)
    U, S, Vt = _leading_svd(A.astype(np.float64) / mean, rank, rng)
    W, H = np.zeros_like(U), np.zeros_like(Vt)
    # Of each singular triplet the dominant half, positive or negative; of the first there is one.
    for k in range(rank):
        halves = []
        for sign in (1, -1):
            u, v = np.maximum(sign * U[:, k], 0), np.maximum(sign * Vt[k], 0)
            halves.append((np.linalg.norm(u) * np.linalg.norm(v), u, v))
        size, u, v = max(halves, key=lambda half: half[0])
        if size > 0:
            scale = np.sqrt(S[k] * size)
            W[:, k], H[k] = scale * u / np.linalg.norm(u), scale * v / np.linalg.norm(v)
    for factor in (W, H):
        zeros = factor < 1e-6
        factor[zeros] = FILLS[init](rng, int(np.count_nonzero(zeros)))
    return W * np.sqrt(mean), H * np.sqrt(mean)


def _leading_svd(A: Any, rank: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Leading singular triplets (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1)."""
    size = min(rank + 10, *A.shape)
    if size >= min(A.shape) // 2 and isinstance(A, np.ndarray):  # no cheaper than all of them
        U, S, Vt = np.linalg.svd(A, full_matrices=False)
    else:
        Q = np.linalg.qr(A @ rng.standard_normal((A.shape[1], size)))[0]
        for _ in range(7):
            Q = np.linalg.qr(A @ np.linalg.qr(A.T @ Q)[0])[0]
        U, S, Vt = np.linalg.svd(Q.T @ A, full_matrices=False)
        U = Q @ U
    return U[:, :rank], S[:rank], Vt[:rank]


def _random(source: Source, rank: int, seed: int) -> Factors:
    return random_start(source.shape, rank, seed, source.mean)


def _from_svd(init: str) -> Callable[[Source, int, int], Factors]:
    return lambda source, rank, seed: svd_start(source.whole(), rank, seed, init)


INITS: dict[str, Init] = {
    "random": Init(_random),
    "nndsvd": Init(_from_svd("nndsvd"), has_zeros=True),
    "nndsvda": Init(_from_svd("nndsvda")),
    "nndsvdar": Init(_from_svd("nndsvdar")),
}
"""What `init` may be; a new start is a line here."""
