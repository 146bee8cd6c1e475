"""`Consensus`: what the runs from many seeds have in common, as cNMF defines it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..factorize import nmf
from ..intake import Given
from ..options import Option
from ..projection import project
from ..results import Factorization
from ..sweeps import Row, SweepResult
from .repetition import Floats
from .spectra import Spectra, neighbours

if TYPE_CHECKING:
    import pandas

THRESHOLD = Option(0.5, "Density from which a component is left out.", float, "> 0", 0, open=True)
NEIGHBORHOOD = Option(
    0.3, "How many neighbours, of the runs.", float, "between 0 and 1", 0, 1, open=True
)
OF_A = ("missing", "weights", "zeros", "unknown", "dtype", "backend", "device")
"""What says what A is, and where it is computed with: a refit needs it too."""
PASS_THAT = "pass that one, with what was said of it: missing, weights, zeros, unknown"


@dataclass(frozen=True, eq=False, repr=False)
class Consensus:
    """What runs from many seeds have in common. Printed, a table of the programs.

    Attributes
    ----------
    factorization : Factorization
        W (m, d) is the programs, each with sum 1, that of the most usage first; H (d, n) their
        usage. With it come ``to_frames``, ``top``, ``export``, ``save`` and the error.
    components : list of dict
        One row a component of the runs: rank, seed, component and density, as they are; program,
        which it belongs to, None if it was left out; silhouette, None then too, and at rank 1.
    sweep : SweepResult
        The runs.
    density_threshold, local_neighborhood_size : float
        As they were given.
    """

    factorization: Factorization
    components: list[Row]
    sweep: SweepResult
    density_threshold: float
    local_neighborhood_size: float

    @classmethod
    def of(
        cls,
        A: Any,
        found: SweepResult,
        rank: int,
        *,
        density_threshold: float = THRESHOLD.default,
        local_neighborhood_size: float = NEIGHBORHOOD.default,
        **how: Any,
    ) -> Consensus:
        """The consensus of a sweep that kept all factors, also one from a folder, or with folds.

        Parameters
        ----------
        A : (m, n) array
            The matrix of the sweep, to which the usage is fitted.
        found : SweepResult
            With ``keep="all"``.
        rank : int
            One of its ranks.
        density_threshold, local_neighborhood_size
            As for `consensus`.
        **how
            What was said of A: missing, weights, zeros, unknown; dtype, backend, device.

        Raises
        ------
        KeyError
            If the sweep has no such rank, or its factors were not kept.
        ValueError, TypeError, ImportError
            As for `consensus`; if the sweep is that of another A, or more or less was said of it:
            surely so if the sweep has a folder, else where the norm of A shows it.
        """
        limits = checked(density_threshold, local_neighborhood_size)
        if unknown := how.keys() - set(OF_A):
            raise TypeError(
                f"Consensus.of() got an unexpected keyword argument {min(unknown)!r}; it takes "
                f"{', '.join(limits)}, {', '.join(OF_A)}"
            )
        _must_be_of(A, SweepResult.checked(found), how)
        found.best_row(rank)  # says which ranks there are
        seeds = [row["seed"] for row in found.table if row["rank"] == rank]
        neighbours(local_neighborhood_size, len(seeds))
        spectra = Spectra.of((found.factorization(rank, seed) for seed in seeds), rank)
        density = spectra.density(local_neighborhood_size)
        medians, labels, silhouettes = spectra.clusters(density < density_threshold)
        like = found.factorization(rank, seeds[0])
        result, order = _refitted(A, medians, like, found, how)
        _must_be_as_large(result, like)
        told = {"runs": len(seeds), **limits, "left_out": int(np.sum(labels < 0))}
        result = replace(
            result,
            settings={**_without_seed(like), "consensus": told},
            stopped_because=f"it is the consensus of {len(seeds)} runs",
        )
        names = [result.component_names[k] for k in np.argsort(order)]
        rows = _rows(rank, seeds, like.component_names, density, labels, silhouettes, names)
        return cls(result, rows, found, **limits)

    @property
    def rank(self) -> int:
        """d, the number of programs."""
        return self.factorization.rank

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.components) // self.rank

    @property
    def left_out(self) -> list[Row]:
        """The rows of those components that were left out."""
        return [row for row in self.components if row["program"] is None]

    @property
    def silhouette(self) -> float | None:
        """The mean silhouette of the components that were not left out; None at rank 1."""
        return _mean([row["silhouette"] for row in self.components])

    @property
    def table(self) -> list[Row]:
        """One row a program.

        program; components, how many it is the median of; runs, from how many runs these are;
        silhouette, their mean; usage, which part of all usage it has, samples counting alike.
        """
        part = shares(self.factorization.to_arrays()[1])
        found = []
        for name, usage in zip(self.factorization.component_names, part, strict=True):
            rows = [row for row in self.components if row["program"] == name]
            found.append(
                {
                    "program": name,
                    "components": len(rows),
                    "runs": len({row["seed"] for row in rows}),
                    "silhouette": _mean([row["silhouette"] for row in rows]),
                    "usage": float(usage),
                }
            )
        return found

    @property
    def programs(self) -> pandas.DataFrame:
        """Features × programs, each with sum 1: W of `factorization`, a frame of pandas."""
        return self.factorization.to_frames()[0]

    @property
    def usage(self) -> pandas.DataFrame:
        """Samples × programs: the transpose of H of `factorization`, a frame of pandas."""
        return self.factorization.to_frames()[1].T

    def __str__(self) -> str:
        head = (
            f"Consensus of {self.runs} runs at rank {self.rank}: {len(self.left_out)} of "
            f"{len(self.components)} components left out (density {self.density_threshold:g} and "
            f"more), silhouette {_told(self.silhouette)}, relative error "
            f"{self.factorization.relative_error:.4g}"
        )
        density = np.array([row["density"] for row in self.components])
        middle, most = np.quantile(density, [0.5, 0.9], method="lower")
        lines = [
            f"density: median {middle:.3g}, 90 % below {most:.3g}, largest {density.max():.3g}",
            f"{'program':10} {'components':>10} {'runs':>5} {'silhouette':>10} {'usage':>6}",
        ]
        lines += [
            f"{row['program']:10} {row['components']:10} {row['runs']:5} "
            f"{_told(row['silhouette']):>10} {row['usage']:6.1%}"
            for row in self.table
        ]
        return "\n".join([head, *lines])

    def __repr__(self) -> str:
        return (
            f"<Consensus of {self.runs} runs, rank {self.rank}: {len(self.left_out)} of "
            f"{len(self.components)} components left out, silhouette {_told(self.silhouette)}>"
        )


def checked(density_threshold: float, local_neighborhood_size: float) -> dict[str, float]:
    """Both limits, and that scikit-learn is there, before anything is computed."""
    try:
        import sklearn  # noqa: F401  whether it is there
    except ImportError as error:
        raise ImportError(
            "consensus() takes scikit-learn: pip install 'nmf-accel[sklearn]'", name=error.name
        ) from error
    return {
        "density_threshold": THRESHOLD.checked("density_threshold", density_threshold),
        "local_neighborhood_size": NEIGHBORHOOD.checked(
            "local_neighborhood_size", local_neighborhood_size
        ),
    }


def _must_be_of(A: Any, found: SweepResult, how: dict[str, Any]) -> None:
    """Raise if the folder of a sweep is that of another matrix."""
    if found.store is None:
        return
    said = {name: x for name, x in how.items() if name in {field.name for field in fields(Given)}}
    if Given(A, **said).fingerprint != found.store.settings["data"]:
        raise ValueError(
            f"A is not the matrix of the sweep in {found.store.path}, or is stored otherwise (its "
            f"dtype, sparse or dense); {PASS_THAT}"
        )


def _must_be_as_large(result: Factorization, like: Factorization) -> None:
    """Raise if a run saw another norm of A than the refit did: that needs no folder to be seen."""
    if not np.isclose(result.norm, like.norm, rtol=1e-4, atol=0):  # in float32 it differs by 1e-8
        raise ValueError(
            f"A is not the matrix of the sweep, whose norm is {like.norm:.6g} and not "
            f"{result.norm:.6g}; {PASS_THAT}"
        )


def _mean(values: list[float | None]) -> float | None:
    """Of those that are there, if any are."""
    known = [x for x in values if x is not None]
    return float(np.mean(known)) if known else None


def _told(silhouette: float | None) -> str:
    return "-" if silhouette is None else f"{silhouette:.2f}"


def _without_seed(result: Factorization) -> dict[str, Any]:
    """What is written down of a run, but for what is its own."""
    return {name: x for name, x in result.settings.items() if name != "seed"}


def shares(H: NDArray[Any]) -> Floats:
    """Which part of all usage, H (d, n), each component has, every sample counting alike: (d,)."""
    total = H.sum(axis=0, dtype=np.float64)
    used = total > 0  # a sample that is zero uses none
    return np.asarray((H[:, used] / total[used]).sum(axis=1) / max(1, np.sum(used)))


def _refitted(
    A: Any, medians: Floats, like: Factorization, found: SweepResult, how: dict[str, Any]
) -> tuple[Factorization, NDArray[np.intp]]:
    """The factorization of A by these programs, and their order: that of most usage first."""
    # Without their penalties, whose weight would be another: programs have another size.
    loss = found.options["loss"]
    # A Factorization, for it has the names of the rows: A may have them in another order.
    held = replace(like, W=medians.T, components=None)
    _, H = replace(held, H=project(A, held, loss=loss, **how)).to_arrays()
    order = np.argsort(-shares(H), kind="stable")
    held = replace(held, W=medians[order].T)
    # One step, which from there moves next to nothing, for all that a result has beside factors.
    result = nmf(A, len(medians), W_fixed=held, H0=H[order], max_iter=1, loss=loss, **how)
    return replace(result, H0=None), order


def _rows(
    rank: int,
    seeds: list[int],
    components: list[str],
    density: Floats,
    labels: NDArray[np.intp],
    silhouettes: Floats | None,
    names: list[str],
) -> list[Row]:
    """A row for each component of each run."""
    return [
        {
            "rank": rank,
            "seed": seeds[k // rank],
            "component": components[k % rank],
            "density": float(density[k]),
            "program": None if label < 0 else names[label],
            "silhouette": None if label < 0 or silhouettes is None else float(silhouettes[k]),
        }
        for k, label in enumerate(labels)
    ]
