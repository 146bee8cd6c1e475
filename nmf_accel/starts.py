"""Starting factors, drawn on the host so that every backend starts from the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Factors = tuple[NDArray[Any], NDArray[Any]]

DRAWN_AT_ONCE = 2**16
"""Numbers of a random start that are drawn at once: so many stay in cache."""


class Source(Protocol):
    """What a start is drawn for."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), the shape of A."""

    @property
    def mean(self) -> float:
        """Mean of the entries of A."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, in which the start will be used."""

    def whole(self) -> Any:
        """All of A on the host, as an array or a scipy sparse matrix."""


@dataclass(frozen=True)
class Init:
    """A kind of start.

    Attributes
    ----------
    draw : callable
        ``(source, rank, seed) -> W0, H0``, on the host; computed in float64, and in the end of
        that dtype or, to spare memory, of the source's.
    has_zeros : bool
        Whether it leaves zeros in W0 and H0.
    sees : bool
        Whether it looks at the entries of A, and not at their mean alone.
    theirs : str, optional
        What scikit-learn calls it, where it has one that is the same for A.T.
    """

    draw: Callable[[Source, int, int], Factors]
    has_zeros: bool = False
    sees: bool = False
    theirs: str | None = None


FILLS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "nndsvd": lambda rng, count: 0.0,
    "nndsvda": lambda rng, count: 1.0,
    "nndsvdar": lambda rng, count: rng.uniform(0, 0.01, count),
}
"""What the zeros of a start from singular vectors become, of A divided by its mean."""


def random_start(
    shape: tuple[int, int], rank: int, seed: int, mean: float, dtype: Any = np.float64
) -> Factors:
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
    dtype : dtype
        To which the factors are rounded; they are drawn in float64 in any case.

    Returns
    -------
    W0 : (m, d) array
    H0 : (d, n) array
        Uniform in [0, sqrt(mean / d)), so that the entries of W0 H0 are about mean / 4.
    """
    rng = np.random.default_rng(seed)
    scale = np.sqrt(mean / rank)
    m, n = shape
    W0, H0 = np.empty((m, rank), dtype), np.empty((rank, n), dtype)
    for factor in (W0, H0):
        _draw(rng, scale, factor.reshape(-1))
    return W0, H0


def _draw(rng: np.random.Generator, scale: float, numbers: NDArray[Any]) -> None:
    """Fill in numbers that are uniform in [0, scale), the same however many at once."""
    # All of a large start in float64 would take longer to make room for than to draw.
    for k in range(0, numbers.size, DRAWN_AT_ONCE):
        part = numbers[k : k + DRAWN_AT_ONCE]
        drawn = rng.random(part.size)
        drawn *= scale
        part[:] = drawn


def sklearn_start(
    shape: tuple[int, int], rank: int, seed: int, mean: float, dtype: Any = np.float64
) -> Factors:
    """The random start of scikit-learn's NMF for A.T, to the last bits (of the mean of A).

    So a packed run takes the very iterations of scikit-learn's with ``random_state=seed``.

    Parameters
    ----------
    shape, rank, mean, dtype
        As for `random_start`.
    seed : int
        Of NumPy's legacy generator, which scikit-learn draws from: below 2³².

    Returns
    -------
    W0 : (m, d) array
    H0 : (d, n) array
        Normal, with the signs left out, times sqrt(mean / d).

    Raises
    ------
    ValueError
        If that generator takes no such seed.
    """
    if seed >= 2**32:
        raise ValueError(f"seed is {seed}; with init='sklearn' it must be below 2**32")
    rng = np.random.RandomState(seed)
    # Its components are the rows of its H, which is drawn first; our W is their transpose.
    sides = (rank, shape[0]), (shape[1], rank)
    drawn = (rng.standard_normal(side).astype(dtype, copy=False) for side in sides)
    W, H = (np.abs(np.sqrt(mean / rank) * x).astype(dtype, copy=False).T for x in drawn)
    return W, H


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
    return random_start(source.shape, rank, seed, source.mean, source.dtype)


def _as_sklearn(source: Source, rank: int, seed: int) -> Factors:
    return sklearn_start(source.shape, rank, seed, source.mean, source.dtype)


def _from_svd(init: str) -> Callable[[Source, int, int], Factors]:
    return lambda source, rank, seed: svd_start(source.whole(), rank, seed, init)


INITS: dict[str, Init] = {
    "random": Init(_random),
    "sklearn": Init(_as_sklearn, theirs="random"),
    "nndsvd": Init(_from_svd("nndsvd"), has_zeros=True, sees=True, theirs="nndsvd"),
    "nndsvda": Init(_from_svd("nndsvda"), sees=True, theirs="nndsvda"),
    "nndsvdar": Init(_from_svd("nndsvdar"), sees=True, theirs="nndsvdar"),
}
"""What `init` may be; a new start is a line here."""
