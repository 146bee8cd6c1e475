"""What a factorization gives back, and its file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends.exchange import to_numpy
from .files import atomic_write

FORMAT = 1
_ARRAYS = ("W", "H", "errors", "W0", "H0")


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


@dataclass(frozen=True, repr=False)
class Factorization:
    """A ≈ W H, with its history and everything needed to repeat the run.

    Attributes
    ----------
    W : (m, d) array
        Components, one a column, of the library that A came from.
    H : (d, n) array
        Weights, one sample a column.
    errors : (n_iter,) float64 NumPy array
        ``errors[k-1]`` is ‖A − W_k H_k‖_F, or of another loss √(2 D(A | W_k H_k)). In a sweep only
        every `stride`-th is recorded, and the last: see `iterations`.
    n_iter : int
        Iterations done.
    stride : int
        Iterations between two recorded errors; 1 for `nmf`.
    norm : float
        ‖A‖_F; of another loss, √(2 D) where W H is the mean of A everywhere.
    kkt : float, optional
        ‖projected gradient‖ at W, H, relative to that of the start: 0 at a stationary point.
        A sweep gives it with ``stop='kkt'`` only, as it was in the middle of the last iteration.
    converged : bool
        Whether `tol` was met.
    stopped_because : str
        Why the iteration ended, a sentence.
    seconds : float
        Wall time of the loop.
    seconds_per_iteration : float
        Without the first chunk of iterations, where a compiler may have been at work.
    flops_per_iteration : float
        Floating-point operations of the six matrix products of one iteration, without those that
        zeros and equal rows or columns of A spare; other solvers do more.
    settings : mapping
        The options of `nmf`, settled for this data; dtype, shape, backend, device, versions, and
        whatever was said of the data.
    held_out : float, optional
        With `folds`, of the entries that the run left out: the root of the mean (by their weights)
        squared difference to W H; of another loss, of 2 d.
    W0, H0 : array, optional
        The starts, if they were given rather than drawn from the seed.
    given : optional
        A as the caller passed it, for `complete`; it is not saved.
    """

    W: Any
    H: Any
    errors: NDArray[np.float64]
    n_iter: int
    stride: int
    norm: float
    kkt: float | None
    converged: bool
    stopped_because: str
    seconds: float
    seconds_per_iteration: float
    flops_per_iteration: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    held_out: float | None = None
    W0: Any = None
    H0: Any = None
    given: Any = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but A, so that it is sent to no other process."""
        return {**self.__dict__, "given": None}

    @property
    def rank(self) -> int:
        """d, the number of components."""
        return int(self.W.shape[1])

    @property
    def iterations(self) -> NDArray[np.intp]:
        """The iteration k after which each of `errors` was recorded."""
        recorded = self.stride * np.arange(1, len(self.errors) + 1)
        return np.minimum(recorded, self.n_iter)

    @property
    def error(self) -> float:
        """The last of `errors`: ‖A − W H‖_F, or √(2 D) of another loss."""
        return float(self.errors[-1])

    @property
    def relative_error(self) -> float:
        """The error relative to `norm`; NaN where that is zero."""
        return self.error / self.norm if self.norm else float("nan")

    @property
    def dead(self) -> int:
        """How many components are zero in W or in H, and so add nothing."""
        W, H = (to_numpy(x) for x in (self.W, self.H))
        return int(np.sum(~(W.any(axis=0) & H.any(axis=1))))

    def __repr__(self) -> str:
        (m, d), n = self.W.shape, self.H.shape[1]
        return (
            f"<Factorization {m} × {n}, rank {d}: relative error {self.relative_error:.4g} after "
            f"{self.n_iter} iterations>"
        )

    def reconstruct(self, columns: Any = slice(None)) -> Any:
        """W H, or some columns of it: (m, n) or (m, len(columns))."""
        return self.W @ self.H[:, columns]

    def complete(self) -> NDArray[Any]:
        """A, with W H in the place of its entries that are not known: (m, n), of NumPy.

        Where nothing is known of a row or a column (``unknown='zero'``), W H is zero: no estimate.

        Raises
        ------
        ValueError
            If A is not at hand: only what `nmf` returned has it, not a file, nor a sweep.
        """
        if self.given is None:
            raise ValueError(
                "A is not at hand; take numpy.where(known, A, result.reconstruct()) instead"
            )
        completed: NDArray[Any] = self.given.completed(to_numpy(self.W) @ to_numpy(self.H))
        return completed

    def summary(self) -> dict[str, Any]:
        """The numbers of the run, ready for JSON."""
        return {
            "error": self.error,
            "relative_error": self.relative_error if self.norm else None,
            "kkt": self.kkt,
            "held_out": self.held_out,
            "iterations": self.n_iter,
            "converged": self.converged,
            "stopped_because": self.stopped_because,
            "seconds": self.seconds,
            "seconds_per_iteration": self.seconds_per_iteration,
            "gflops": self.flops_per_iteration / self.seconds_per_iteration / 1e9,
            "norm": self.norm,
            **self.settings,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to an .npz file, atomically: a whole file, or the old one.

        Device arrays are copied to the host.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        stored: dict[str, Any] = {k: to_numpy(x) for k, x in arrays.items() if x is not None}
        apart = (*_ARRAYS, "given")
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        record["settings"] = dict(self.settings)
        with atomic_write(path) as file:
            np.savez(file, record=np.array(json.dumps({"format": FORMAT, **record})), **stored)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Factorization:
        """Read what `save` wrote; the arrays are NumPy's.

        Raises
        ------
        ValueError
            If the file is not a factorization, or a newer version of nmf_accel wrote it.
        """
        # Opened here, since NumPy forgets to close a file that is damaged.
        with open(path, "rb") as opened:
            file = np.load(opened, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError(f"{os.fspath(path)} is not a factorization; it holds one array")
            if "record" not in file:
                raise ValueError(f"{os.fspath(path)} is not a factorization; it holds {file.files}")
            record = json.loads(str(file["record"]))
            arrays: dict[str, Any] = {name: file[name] for name in _ARRAYS if name in file}
        if (version := record.pop("format")) > FORMAT:
            raise ValueError(
                f"{os.fspath(path)} has format {version}, newer than {FORMAT}; upgrade nmf-accel"
            )
        return cls(**arrays, **record)
