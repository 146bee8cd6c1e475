"""Runs drawn at random, and what is wrong with each: of all solvers, losses, kinds and scales.

``python tests/whole/random_runs.py 3000 numpy`` goes through the first 3,000 on a backend, and says
what it found; a sample is in `test_random_runs`. Run k of a backend is the same everywhere.
"""

import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmf_accel import nmf
from nmf_accel.core.scale import FAR

KINDS = {
    "plain": lambda chance, m, n: chance.random((m, n)),
    "mostly zero": lambda chance, m, n: chance.random((m, n)) * (chance.random((m, n)) < 0.2),
    "of rank 2": lambda chance, m, n: chance.random((m, 2)) @ chance.random((2, n)),
    "of rank 1": lambda chance, m, n: chance.random((m, 1)) @ chance.random((1, n)),
    "of equal lines": lambda chance, m, n: chance.random((m, n))[
        np.ix_(chance.integers(0, max(1, m // 2), m), chance.integers(0, max(1, n // 2), n))
    ],
    "constant": lambda chance, m, n: np.full((m, n), 3.7),
    "the identity": lambda chance, m, n: np.eye(m, n),
    "over 16 decades": lambda chance, m, n: (
        chance.random((m, n)) * 10.0 ** chance.integers(-8, 8, (m, n))
    ),
    "one entry": lambda chance, m, n: np.eye(m, n) * (np.arange(m) == 0)[:, None],
}
SCALES = {
    "float64": (-120, -60, -12, -3, 0, 0, 0, 0, 3, 12, 60, 120),
    "float32": (-18, -12, -6, -3, 0, 0, 0, 3, 6, 12, 18),
}
SHAPES = {"jax": [(7, 5)]}
"""Of backends that compile for each shape; others get any."""
REFUSALS = (
    "squares of A's entries",
    "is zero in float32",
    "has no seen",
    "nothing is known of",
    "overflow",
    "zero entr",
)
"""What a run may be refused with."""
RISE = 50
"""By how many eps of the sum of its terms a value may rise."""


@dataclass
class Run:
    """A run: the matrix, and the arguments of `nmf`."""

    kind: str
    A: Any
    options: dict[str, Any]
    scale: float
    beta: float = 2.0
    weights: Any = None
    sparse: bool = False
    penalties: tuple[float, ...] = (0.0,) * 4
    wrong: list[str] = field(default_factory=list)

    @property
    def dtype(self):
        return str(self.A.dtype)

    @property
    def given(self):
        """The matrix as it is passed."""
        if not self.sparse:
            return self.A
        from scipy.sparse import csr_array

        return csr_array(self.A)

    def __str__(self):
        m, n = self.A.shape
        sparse = " sparse" * self.sparse
        told = " ".join(f"{k}={v}" for k, v in self.options.items() if np.isscalar(v))
        return f"{self.kind}{sparse} {m}×{n} {self.dtype} {self.scale:g} {told}"


def drawn(seed, backend):
    """The run of a number."""
    chance = np.random.default_rng((seed, 18))
    shapes = SHAPES.get(backend)
    m, n = shapes[chance.integers(len(shapes))] if shapes else chance.integers(1, 50, 2)
    kind = str(chance.choice(list(KINDS)))
    dtype = str(chance.choice(["float64", "float64", "float32"]))
    A = KINDS[kind](chance, int(m), int(n))
    A[0, 0] += not A.any()
    scale = 10.0 ** chance.choice(SCALES[dtype])
    beta = float(chance.choice([2, 2, 2, 2, 2, 1, 1, 0, 1.5, 3]))
    solver = str(chance.choice(["mu", "hals", "bpp", "apg", "auto"])) if beta == 2 else "mu"
    if beta == 0:
        A = A + 1e-3 * A.mean()
    rank = int(chance.integers(1, 12)) if not shapes else 3
    options = {
        "rank": rank,
        "seed": int(chance.integers(9)),
        "max_iter": int(chance.integers(2, 40)),
        "solver": solver,
        "backend": backend,
        "check_every": int(chance.integers(2, 12)),
        "tol": float(chance.choice([0, 0, 1e-3, 1e-6])),
        "stop": str(chance.choice(["error", "kkt"])),
        "init": str(chance.choice(["random", "random", "nndsvda", "nndsvdar", "nndsvd"])),
    }
    if beta != 2:
        options["loss"] = beta
    if rank > min(m, n) or (solver == "mu" and options["init"] == "nndsvd"):
        options["init"] = "random"
    if solver in ("mu", "hals", "apg") and beta == 2 and chance.random() < 0.3:
        options["inner"] = 3
    if solver == "hals" and chance.random() < 0.4:
        options["extrapolate"] = True
    run = Run(kind, (A / A.max() * scale).astype(dtype), options, scale, beta)
    if chance.random() < 0.35:
        _penalize(run, chance)
    _hide(run, chance)
    return run


def _penalize(run, chance):
    """Give it penalties of the size of the loss."""
    mean = float(run.A.mean(dtype=float)) / run.scale
    one = run.scale ** (run.beta - 0.5), run.scale ** (run.beta - 1)  # of l1 and l2, as the loss
    for name, size, power in (
        ("l1_W", one[0], 1.5), ("l2_W", one[1], 1), ("l1_H", one[0], 1.5), ("l2_H", one[1], 1)
    ):  # fmt: skip
        if chance.random() < 0.5:
            run.options[name] = float(chance.choice([0.01, 0.1, 1])) * mean**power * size


def _hide(run, chance):
    """Make it sparse, or say that some entries are not known, or leave a fold out."""
    what, (m, n) = chance.random(), run.A.shape
    if what < 0.2 and run.beta in (1, 2) and run.options["backend"] == "numpy":
        run.sparse = True
    elif what < 0.35:
        run.weights = chance.choice([0.0, 1.0, 1.0, 0.5], (m, n))
        run.weights[:, 0] = run.weights[0] = 1
        run.options["weights"] = run.weights
        run.options["init"] = "random"
    elif what < 0.42 and min(m, n) > 6:
        run.options |= {"folds": 5, "init": "random"}


def objective(run, result):
    """What is minimized, in units of A's scale, from the definition; the rounding of its terms."""
    s, size = run.scale, np.sqrt(run.scale)
    W, H = (np.asarray(x, dtype=float) / size for x in (result.W, result.H))
    A, P = run.A.astype(float) / s, W @ H
    weights = np.ones_like(A) if run.weights is None else run.weights
    value, terms = divergence(A, P, run.beta, floor_of(run))
    total, most = (weights * value).sum(), (weights * terms).sum()
    total, most = 0.5 * total, 0.5 * most
    for name, X in (("W", W), ("H", H)):
        l1, l2 = (run.options.get(f"{k}_{name}", 0.0) for k in ("l1", "l2"))
        total += (
            l1 / s ** (run.beta - 0.5) * X.sum() + 0.5 * l2 / s ** (run.beta - 1) * (X**2).sum()
        )
    return total, most + total


def floor_of(run):
    """The least that W H is taken for where A is not zero, in units of A's scale."""
    A = run.A.astype(float) / run.scale
    if run.beta >= 1:
        return 1e-9 * A.mean()
    most = float(np.finfo(run.dtype).max) ** (-0.75 / (2 - run.beta))
    # What is far from 1 is computed near it.
    far = abs(np.log2(run.A.max(initial=0, where=np.isfinite(run.A)))) > FAR[run.dtype]
    return max(1e-9 * A.min(), most / (1 if far else run.scale))


def divergence(A, P, beta, floor):
    """Twice the β-divergence entry by entry, as is recorded, and the size of its terms."""
    if beta == 2:
        return (A - P) ** 2, A**2 + P**2
    P = np.where(A > 0, np.maximum(P, floor), P)
    if beta == 1:
        logs = np.where(A > 0, A * np.log(np.where(A > 0, A / np.where(A > 0, P, 1), 1)), 0)
        return 2 * (logs - A + P), 2 * (np.abs(logs) + A + P)
    if beta == 0:
        return 2 * (A / P - np.log(A / P) - 1), 2 * (A / P + np.abs(np.log(A / P)) + 1)
    parts = A**beta / (beta * (beta - 1)), P**beta / beta, A * P ** (beta - 1) / (beta - 1)
    return 2 * (parts[0] + parts[1] - parts[2]), 2 * sum(map(np.abs, parts))


def fit(run, **more):
    """Its factorization."""
    return nmf(run.given, **{**run.options, **more})


def complaints(run):
    """What is wrong with it: nothing, it is hoped; or that it was refused, as `refused: …`."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = fit(run)
        except (ValueError, FloatingPointError) as error:
            fine = any(words in str(error) for words in REFUSALS)
            return [f"{'refused' if fine else 'odd refusal'}: {str(error)[:60]}"]
        except Exception as error:  # noqa: BLE001  what it is is the finding
            return [f"{type(error).__name__}: {str(error)[:60]}"]
        found = [f"warning: {x.message}" for x in warned if x.category is not UserWarning]
        W, H = np.asarray(result.W), np.asarray(result.H)
        if not all(np.isfinite(x).all() for x in (W, H, result.errors)):
            return [*found, "not finite"]
        if W.min() < 0 or H.min() < 0:
            found.append("negative")
        if len(result.errors) != result.n_iter:
            found.append("a history of another length")
        found += of_history(run, result) + of_prefixes(run, result)
    return list(dict.fromkeys(found))


def rises(run):
    """Whether its error may rise."""
    penalized = any(run.options.get(f"{k}_{x}") for k in ("l1", "l2") for x in "WH")
    return run.options["solver"] == "apg" or penalized


def blur(run, terms):
    """What the least entry of W H that a β-divergence knows is worth."""
    return 0 if run.beta == 2 else 1e-8 * terms


def of_history(run, result):
    """That it rises, by more than the rounding of the terms of which the first value is made."""
    if rises(run) or len(result.errors) < 2:
        return []
    eps, terms = np.finfo(run.dtype).eps, objective(run, fit(run, max_iter=1, tol=0))[1]
    up = np.diff((result.errors / run.scale ** (run.beta / 2)) ** 2).max() - blur(run, terms)
    up /= eps * terms
    return [] if up <= RISE else [f"rises, {run.options['solver']} β={run.beta:g}: {up:.0f} eps"]


def of_prefixes(run, result):
    """What is wrong with runs that end before: another history, error or a larger objective."""
    found, eps, last = [], np.finfo(run.dtype).eps, None
    for k in sorted({*range(1, min(result.n_iter, 4) + 1), result.n_iter}):
        part = result if k == result.n_iter else fit(run, max_iter=k, tol=0)
        most = max(result.norm, result.errors[k - 1])
        if abs(part.errors[-1] - result.errors[k - 1]) > 10 * eps * most:
            found.append("another prefix")
        value, terms = objective(run, part)
        if "folds" in run.options:
            continue
        if (
            run.options["solver"] != "apg"
            and last is not None
            and value > last + RISE * eps * terms + blur(run, terms)
        ):
            words = f"{(value - last) / (eps * terms):.0f} eps"
            found.append(f"objective rises, {run.options['solver']} β={run.beta:g}: {words}")
        found += of_error(run, part)
        last = value
    return found


def of_error(run, result):
    """That the error is not that of the factors."""
    plain = {name: x for name, x in run.options.items() if name[:2] not in ("l1", "l2")}
    alone = Run(run.kind, run.A, plain, run.scale, run.beta, run.weights)
    direct, terms = objective(alone, result)
    value = 0.5 * (result.error / run.scale ** (run.beta / 2)) ** 2
    off = max(abs(value - direct) - blur(run, terms), 0) / (np.finfo(run.dtype).eps * terms)
    if off < 50 * run.options["rank"]:
        return []
    which = f"{run.options['solver']} β={run.beta:g}"
    return [f"error is not that of the factors, {which}: {off:.0f} eps"]


def main(count, backend, first=0):
    """Go through so many, and print what is wrong."""
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        run = drawn(seed, backend)
        for words in complaints(run):
            refused = words.startswith("refused")
            found[words if refused else words.partition(":")[0]] += 1
            if not refused:
                print(f"{seed}: {run}: {words}", flush=True)
        if (seed + 1 - first) % 100 == 0 or seed + 1 == first + count:
            print(f"{seed + 1 - first} runs:", dict(found), flush=True)
    return sum(number for words, number in found.items() if not words.startswith("refused"))


if __name__ == "__main__":
    wrong = main(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
    sys.exit(f"{wrong} of {sys.argv[1]} runs are wrong" if wrong else 0)
