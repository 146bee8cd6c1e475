"""Weights of samples on components that are equal, collinear, zero or nearly so, beside nnls.

``python tests/whole/random_projections.py 20000 numpy`` draws so many problems, solves each by
`project` and by scipy's `nnls`, and says where the former is worse without a word; a sample is in
`test_random_projections`.
"""

import sys
import warnings
from collections import Counter

import numpy as np
from scipy.optimize import nnls

from nmf_accel import project

WORSE = {"float64": 1e-10, "float32": 1e-6}
"""By how much of ‖a‖² a residual may be more, as the documentation of `project` says."""
SCALES = {"float64": (-150, -60, -6, 0, 0, 0, 6, 60, 150), "float32": (-18, -8, 0, 0, 8, 18)}
SHAPES = {"jax": [(9, 5, 3), (20, 8, 6), (3, 4, 5)]}
"""Of backends that compile for each shape; others get any."""


def nearly_collinear(chance, m, d):
    lengths = chance.choice([1, 1e-6, 3], (1, d))
    off = chance.choice([1e-4, 1e-8, 1e-9, 1e-12, 1e-14, 1e-16])
    return chance.random((m, 1)) * lengths + off * chance.random((m, d))


COMPONENTS = {
    "equal": lambda chance, m, d: chance.random((m, d))[:, chance.integers(0, max(1, d // 2), d)],
    "collinear": lambda chance, m, d: chance.random((m, 1)) * chance.choice([1, 1e-6, 1e6], (1, d)),
    "nearly collinear": nearly_collinear,
    "zero": lambda chance, m, d: chance.random((m, d)) * (chance.random(d) < 0.6),
    "of a lower rank": lambda chance, m, d: (
        chance.random((m, -(-d // 2))) @ chance.random((-(-d // 2), d))
    ),
    "of zeros and ones": lambda chance, m, d: (chance.random((m, d)) < 0.3) * 1.0,
    "of all sizes": lambda chance, m, d: (
        chance.random((m, d)) * 10.0 ** chance.integers(-12, 12, d)
    ),
    "plain": lambda chance, m, d: chance.random((m, d)),
}
SAMPLES = {
    "plain": lambda chance, W, n: chance.random((len(W), n)),
    "equal": lambda chance, W, n: np.repeat(chance.random((len(W), 1)), n, axis=1),
    "in reach": lambda chance, W, n: W @ chance.random((W.shape[1], n)),
    "mostly zero": lambda chance, W, n: (
        chance.random((len(W), n)) * (chance.random((len(W), n)) < 0.2)
    ),
}


def drawn(seed, backend):
    """A and W, of which the largest entry is that scale; the scales; and what they are called."""
    chance = np.random.default_rng((seed, 6))
    shapes = SHAPES.get(backend)
    m, n, d = shapes[seed % len(shapes)] if shapes else map(int, chance.integers(1, (30, 12, 12)))
    of_W, of_A = (str(chance.choice(list(table))) for table in (COMPONENTS, SAMPLES))
    W = COMPONENTS[of_W](chance, m, d)
    A = SAMPLES[of_A](chance, W, n)
    dtype = str(chance.choice(["float64", "float64", "float32"]))
    scales = 10.0 ** chance.choice(SCALES[dtype], 2)
    A, W = (
        (x / (x.max() or 1) * scale).astype(dtype) for x, scale in zip((A, W), scales, strict=True)
    )
    return A, W, scales, f"{of_W} W {m}×{d}, {of_A} A, {dtype}, {scales[0]:g}, {scales[1]:g}"


def complaint(seed, backend):
    """What is wrong with a projection; or, after ``told: ``, what it said itself."""
    A, W, (of_A, of_W), _ = drawn(seed, backend)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            H = np.asarray(project(A, W, backend=backend), dtype=float)
        except ValueError as error:
            return f"told: {str(error)[:40]}"
        except Exception as error:  # noqa: BLE001  what it is is the finding
            return f"{type(error).__name__}: {error}"
    if any(x.category is not UserWarning for x in warned):
        return f"warning: {[str(x.message) for x in warned]}"
    if not np.isfinite(H).all() or (H < 0).any():
        return "not finite, or negative"
    if warned:
        return f"told: {str(warned[0].message)[:40]}"
    more = excess(A.astype(float) / of_A, W.astype(float) / of_W, H * (of_W / of_A))
    return f"worse by {more:.1e}" if more > WORSE[str(A.dtype)] else ""


def excess(A, W, H):
    """By how much of ‖a‖² the residual of a column is more than the least, at most."""
    size = np.linalg.norm(W, axis=0)
    W, H = W / np.where(size > 0, size, 1), H * size[:, None]
    most = 0.0
    for a, h in zip(A.T, H.T, strict=True):
        least = nnls(W, a, maxiter=1000)[1] ** 2
        most = max(most, (np.sum((a - W @ h) ** 2) - least) / (np.sum(a**2) or 1))
    return most


def main(count, backend):
    """Go through so many, and print what is wrong; how many are."""
    found = Counter()
    for seed in range(count):
        words = complaint(seed, backend)
        found[words.partition(" by")[0]] += 1
        if words and not words.startswith("told"):
            print(f"{seed}: {drawn(seed, backend)[-1]}: {words}")
    print(*(f"{number} × {words or 'right'}" for words, number in found.most_common()), sep="\n")
    return sum(number for words, number in found.items() if words and words[:4] != "told")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]) > 0)
