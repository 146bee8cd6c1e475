"""What a factorization gives back, and its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import get, owner
from ..backends.exchange import to_numpy
from ..files import make_folder
from ..labels import Names, array_of, component_names, labelled
from .export import EXPORTS
from .file import read, write
from .top import Top, top_of


@dataclass(frozen=True, repr=False)
class Factorization:
    """A ≈ W H, with its history and everything needed to repeat the run.

    Attributes
    ----------
    W : (m, d) array, or a frame
        Components, one a column: an array of the library that A came from. Of a frame of pandas or
        polars or a DataArray of xarray it is one too, with the features of A and the components
        c1, c2, … for names; of an AnnData, a frame of pandas.
    H : (d, n) array, or a frame
        Weights, one sample a column; likewise, with the samples of A for names.
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
        The KKT residual at W, H: ‖projected gradient‖ relative to its parts that come from the
        data, √(‖WᵀA‖² + ‖AHᵀ‖²) for least squares, with components balanced (‖W_k‖ = ‖H_k‖). 0 at a
        stationary point; neither the start, nor the scale of A, nor how the size is shared between
        W and H matters. An entry that is positive counts by what it could gain on its way to zero
        (``docs/stopping.md``). Files of versions before this one have it relative to that of the
        start: see ``settings["versions"]``. A sweep gives it with ``stop='kkt'`` only, as it was in
        the middle of the last iteration.
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
    in_sample : float, optional
        With `folds`, the same of the entries that the run saw.
    W0, H0 : array, optional
        The starts, if they were given rather than drawn from the seed; in the order of A.
    features, samples : (m,) and (n,) arrays of str, optional
        The names of the rows of W, and of the columns of H, where A had any.
    components : (d,) array of str, optional
        The names of the components, where `W_fixed` or `H_fixed` had any; else c1, c2, …
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
    in_sample: float | None = None
    W0: Any = None
    H0: Any = None
    features: Names | None = None
    samples: Names | None = None
    components: Names | None = None
    given: Any = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but A, so that it is sent to no other process."""
        return {**self.__dict__, "given": None}

    @property
    def rank(self) -> int:
        """d, the number of components."""
        return int(self.H.shape[0])  # a frame of polars has one more column of names

    @property
    def component_names(self) -> list[str]:
        """What the components are called: see `components`."""
        names: list[str] = component_names(self.rank, self.components).tolist()
        return names

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
        W, H = self.to_arrays()
        return int(np.sum(~(W.any(axis=0) & H.any(axis=1))))

    def __repr__(self) -> str:
        m, n = (len(x) for x in (self.W, array_of(self.H).T))
        return (
            f"<Factorization {m} × {n}, rank {self.rank}: relative error "
            f"{self.relative_error:.4g} after {self.n_iter} iterations>"
        )

    def reconstruct(self, columns: Any = slice(None)) -> Any:
        """W H, or some columns of it: (m, n) or (m, len(columns)).

        Of what W and H are: an array, or a frame with the features and samples of A for names. A
        single column, such as ``reconstruct(3)``, is an array (m,).

        Parameters
        ----------
        columns : slice, int, indices or mask
            Which columns, by their places.
        """
        W, H = labelled(self.W), labelled(self.H)
        product = _product(array_of(self.W), array_of(self.H)[:, columns])
        return product if product.ndim < 2 else W.build(product, W.rows, H.columns_at(columns))

    def to_arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """W (m, d) and H (d, n) as NumPy arrays, on the host, without names."""
        return to_numpy(array_of(self.W)), to_numpy(array_of(self.H))

    def to_frames(self) -> tuple[Any, Any]:
        """W (m, d) and H (d, n) as frames of pandas, with the names of A.

        Where A had no names, they are counted from 0; components are c1, c2, …

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        W, H, names = labelled(self.W), labelled(self.H), self.component_names
        try:
            return W.to_pandas(self.features, names), H.to_pandas(names, self.samples)
        except ImportError as error:
            raise ImportError(
                "to_frames() takes pandas: pip install 'nmf-accel[files]'", name=error.name
            ) from error

    def export(self, folder: str | os.PathLike[str], kind: str = "csv") -> list[Path]:
        """Write W and H as tables into a folder, each file atomically.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        kind : {'csv', 'tsv', 'parquet', 'npz'}
            ``W.csv`` and ``H.csv``, and so on, whose first row and first column are names: those
            of features and samples, counted from 0 where A had none, and of components. Of names
            that occur twice the later ones get ``.1``, ``.2``, … behind, as R's ``make.unique``
            does. Numbers of text are exact in float64. ``npz`` is what `save` writes, in
            ``factorization.npz``. Parquet takes pandas and pyarrow.

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        ValueError
            If there is no such kind.
        ImportError
            If what the kind takes is not installed.

        Notes
        -----
        In R, ``read.csv("W.csv", row.names = 1)``; in pandas, ``read_csv("W.csv", index_col=0)``
        (before pandas 3.1, exact only with ``float_precision="round_trip"``). Both take a name such
        as NA for a missing one unless told otherwise (``keep_default_na=False``).
        """
        if kind not in EXPORTS:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(EXPORTS)}")
        path = make_folder(folder)
        return EXPORTS[kind](self, path)

    def top(self, count: int = 10) -> Top:
        """The features with the largest entries of W, of each component, the largest first.

        Parameters
        ----------
        count : int
            How many of each component, at most; entries that are zero are left out.

        Returns
        -------
        Top
            A table that prints itself. Features without names are the numbers of their rows.

        Raises
        ------
        ValueError
            If `count` is less than 1.
        """
        W, _ = self.to_arrays()
        return top_of(W, self.component_names, self.features, count)

    def complete(self) -> Any:
        """A, with W H in the place of its entries that are not known: (m, n).

        A frame of the kind that A is (of an AnnData, of pandas), else an array of NumPy.

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
        W, H = self.to_arrays()
        return self.given.completed(W @ H)

    def summary(self) -> dict[str, Any]:
        """The numbers of the run, ready for JSON."""
        return {
            "error": self.error,
            "relative_error": self.relative_error if self.norm else None,
            "kkt": self.kkt,
            "held_out": self.held_out,
            "in_sample": self.in_sample,
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

        Device arrays are copied to the host, frames written as arrays, names beside them.
        """
        held = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "given"}
        write(path, held)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Factorization:
        """Read what `save` wrote; W and H are NumPy's arrays: see `to_frames`.

        Raises
        ------
        ValueError
            If the file is not a factorization or damaged, or a newer version wrote it.
        """
        return read(path, cls)


def _product(W: Any, H: Any) -> Any:
    """W H, in the precision of both: JAX and PyTorch do not keep to it unless they are told."""
    library = owner(W)
    if library is None:
        return W @ H
    backend = get(library)
    with backend.scope(W if backend.device_of(W) else None):  # of several, each has its part
        columns = H if H.ndim == 2 else H[:, None]
        product = backend.matmul(W, columns) if columns.shape[1] else W @ columns
        return product if H.ndim == 2 else product[:, 0]
