"""In place of ``cNMF.factorize`` (Kotliar et al. 2019): the same files, from packed runs.

The package ``cnmf`` is not imported: all is read from, and written to, the files that an object of
its class names.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .callers import warn_caller
from .core import Problem
from .files import atomic_write
from .intake import Given, prepare
from .matrices import is_sparse
from .options import Options
from .progress import BAR, progress_bar
from .results import Factorization
from .sklearn import options_for
from .sweeps import Packing

DENSE_FROM = 0.25
"""The part of entries that are not zero from which an iteration takes less time on a dense matrix.

Measured on a CPU, 800 × 800 and 2,000 × 3,000, both losses: sparse, it takes 0.75 to 0.96 of the
time where 20 % are not zero, 1.05 to 1.38 where 30 % are.
"""


def factorize(
    obj: Any,
    worker_i: int = 0,
    total_workers: int = 1,
    skip_completed_runs: bool = False,
    *,
    backend: str | None = None,
    device: str | None = None,
    dtype: Any = None,
    memory: int | None = None,
    progress: bool = False,
) -> None:
    """Do the runs of a prepared ``cnmf.cNMF`` object, those of a rank packed into one loop.

    Instead of ``obj.factorize()``; ``obj.combine()``, ``obj.k_selection_plot()`` and
    ``obj.consensus()`` go on from the same files. Each run has the start that scikit-learn draws
    from its seed, takes scikit-learn's iterations (coordinate descent for 'frobenius',
    multiplicative updates for 'kullback-leibler'), and ends by its rule for `tol`: in float64 the
    spectra are those of ``obj.factorize()`` but for rounding.

    Parameters
    ----------
    obj : cnmf.cNMF
        After its ``prepare``. What is asked of it is its `paths`.
    worker_i, total_workers : int
        Which part of the runs to do, counted from 0, and of how many; the same ones as there.
    skip_completed_runs : bool
        Do those alone whose file is missing or damaged, and which are not said to be complete by
        ``prepare`` or ``update_nmf_iter_params``; the latter need not be called. So the same call
        goes on after an interruption: each file is there whole, or not at all, and the runs of a
        batch are written when it is done.
    backend, device
        As for `nmf`.
    dtype : {'float64', 'float32'}, optional
        Precision to compute in; float64 is written in any case, as cNMF needs it.
    memory : int, optional
        Most bytes to take, as for `sweep`.
    progress : bool
        Show a progress bar on stderr.

    Raises
    ------
    TypeError
        If `obj` has no `paths`.
    FileNotFoundError
        If it is not prepared.
    ValueError
        If its `beta_loss` is neither 'frobenius' nor 'kullback-leibler'; for parameters of
        scikit-learn that runs cannot have, and counts with entries that are NaN or negative.
    nmf_accel.BackendError
        As for `nmf`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If runs ended by `max_iter`, how many of them.

    Notes
    -----
    A sparse matrix of which a quarter or more of the entries is not zero is made dense, which takes
    less time. With ``init="nndsvd"`` the singular vectors are ours, and those of scikit-learn are
    as inexact as a randomized decomposition is; so are the spectra that come of them. With
    'kullback-leibler' scikit-learn raises entries of W H below 1.2e-7 to that, which we do not:
    where a start has one, as some of rank 1 have, spectra differ by some 1e-5.

    References
    ----------
    D. Kotliar, A. Veres, M. A. Nagy, S. Tabrizi, E. Hodis, D. A. Melton and P. C. Sabeti,
    "Identifying gene expression programs of cell-type identity and cellular activity with
    single-cell RNA-Seq", eLife 8:e43803, 2019.
    """
    prepared = Prepared.of(obj)
    runs = prepared.part(worker_i, total_workers, skip_completed_runs)
    if not runs:
        return
    cells = prepared.counts()
    genes = cells.var_names.to_numpy(object)
    options = {rank: prepared.options(cells.X, rank) for rank in {run.rank for run in runs}}
    # A seed that was drawn twice is a run that is written twice.
    todo = {run.key: replace(options[run.rank], seed=run.seed) for run in runs}
    problem = _problem(cells, options[runs[0].rank], dtype, backend, device)
    del cells  # or they would be held in float64, sparse too, beside what is computed with
    packing, done = Packing(problem, memory), list[Factorization]()
    whole = sum(map(packing.cost, todo.values()))
    with problem.backend.scope(problem.A), progress_bar(whole, progress, bar_format=BAR) as bar:
        for batch in packing.run(list(todo.values()), bar):
            for result in batch:
                key, spectra = (result.rank, result.settings["seed"]), _host(problem, result.W)
                for run in runs:
                    if run.key == key:
                        run.write(spectra, genes)
            done += [replace(result, W=None, H=None) for result in batch]
            del batch, result  # or the next ones would be made beside them
    _tell(done)


@dataclass(frozen=True)
class Run:
    """A run that was planned.

    Attributes
    ----------
    rank : int
    seed : int
    completed : bool
        Whether it was said to be.
    path : Path
        Where its spectra are to be.
    """

    rank: int
    seed: int
    completed: bool
    path: Path

    def write(self, spectra: NDArray[Any], genes: NDArray[Any]) -> None:
        """Write spectra (rank, genes) as cNMF writes a frame of pandas: it reads them as one."""
        index = np.arange(1, self.rank + 1)
        with atomic_write(self.path) as file:
            np.savez_compressed(file, data=spectra, index=index, columns=genes)

    @property
    def key(self) -> tuple[int, int]:
        """What its numbers hang on."""
        return self.rank, self.seed

    @property
    def written(self) -> bool:
        """Whether its spectra are there, whole."""
        try:
            with self.path.open("rb") as file, np.load(file) as held:
                return len(held["data"]) == self.rank
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False


@dataclass(frozen=True)
class Prepared:
    """What ``prepare`` left.

    Attributes
    ----------
    paths : dict
        Those of the object.
    parameters : dict
        Of scikit-learn's function.
    runs : list of Run
    """

    paths: dict[str, str]
    parameters: dict[str, Any]
    runs: list[Run]

    @classmethod
    def of(cls, obj: Any) -> Prepared:
        """That of a ``cnmf.cNMF`` object.

        Raises
        ------
        TypeError, FileNotFoundError, ValueError
            As for `factorize`.
        """
        import yaml  # with cNMF

        paths = getattr(obj, "paths", None)
        if not isinstance(paths, dict):
            raise TypeError(f"obj is {obj!r}, which has no paths; pass a cnmf.cNMF object")
        for name in ("nmf_replicate_parameters", "nmf_run_parameters", "normalized_counts"):
            if not os.path.exists(paths[name]):
                raise FileNotFoundError(f"{paths[name]} is not there; call obj.prepare(...) first")
        with open(paths["nmf_run_parameters"]) as file:
            parameters = yaml.safe_load(file)
        # A frame of pandas, as cNMF keeps it: numbers beside truths are objects to NumPy.
        with np.load(paths["nmf_replicate_parameters"], allow_pickle=True) as held:
            rows = [dict(zip(held["columns"], row, strict=True)) for row in held["data"]]
        runs = [
            Run(
                int(row["n_components"]),
                int(row["nmf_seed"]),
                bool(row["completed"]),
                Path(paths["iter_spectra"] % (row["n_components"], row["iter"])),
            )
            for row in rows
        ]
        return cls(paths, parameters, runs)

    def part(self, worker_i: int, total_workers: int, skip: bool) -> list[Run]:
        """The runs of a worker; with `skip`, those that are still to be done."""
        if not 0 <= worker_i < total_workers:
            raise ValueError(
                f"worker_i is {worker_i} of total_workers {total_workers}; it is counted from 0"
            )
        # Parted before a look at the files, which differ while other workers write theirs.
        planned = [run for run in self.runs if not (skip and run.completed)]
        mine = planned[worker_i::total_workers]
        return [run for run in mine if not (skip and run.written)]

    def counts(self) -> Any:
        """The normalized counts, cells × genes, an AnnData."""
        import anndata  # with cNMF

        cells = anndata.read_h5ad(self.paths["normalized_counts"])
        X = cells.X
        if is_sparse(X) and X.nnz >= DENSE_FROM * X.shape[0] * X.shape[1]:
            cells.X = X.toarray()
        return cells

    def options(self, X: Any, rank: int) -> Options:
        """Those of the runs of a rank."""
        options: Options = options_for(X, rank, **self.parameters)
        if not options.objective.takes_sparse:  # as the counts of cNMF are
            raise ValueError(
                f"beta_loss is {self.parameters['beta_loss']!r}, but runs are packed with "
                "'frobenius' or 'kullback-leibler'; take obj.factorize()"
            )
        return options


def _problem(
    cells: Any, options: Options, dtype: Any, backend: str | None, device: str | None
) -> Problem:
    """The counts, taken as genes × cells, made ready for runs with such options."""
    # Rows that are zero count where scikit-learn's rule for `tol` counts them.
    drop = not options.stopping.counts_zeros
    given = Given(cells, "norm_counts")
    return prepare(given, dtype, backend, device, objective=options.objective, drop=drop)


def _host(problem: Problem, W: Any) -> NDArray[np.float64]:
    """Spectra (d, m) of W (m, d), on the host."""
    return np.ascontiguousarray(problem.backend.to_numpy(W).T, dtype=np.float64)


def _tell(done: Iterable[Factorization]) -> None:
    """Warn of runs that ended by `max_iter`."""
    from sklearn.exceptions import ConvergenceWarning

    done = list(done)
    late = sum(not result.converged for result in done)
    if late and done[0].settings["tol"] > 0:
        warn_caller(
            f"{late} of {len(done)} runs ended after max_iter = {done[0].settings['max_iter']} "
            "iterations, before tol was met; prepare with a larger max_NMF_iter",
            ConvergenceWarning,
        )
