"""A toy of each kind that a user may add, written as a third party would: from outside.

Each needs its own definition and one line in a table of the library's; see `test_extending`.
"""

from typing import NamedTuple

import array_api_compat.numpy
import numpy as np

from nmf_accel.backends import Backend, Probe
from nmf_accel.datasets import Dataset
from nmf_accel.losses import Loss
from nmf_accel.losses.models import mean_curvature
from nmf_accel.stopping import Stop

TINY = 1e-12


class Split(NamedTuple):
    """A model by its two parts alone."""

    N: object
    D: object

    power = 1

    def minus(self):
        return self.N

    def plus(self, library, X):
        return self.D + 0 * X

    def curvature(self, library, X):
        return mean_curvature(library, self.plus(library, X), X)

    def columns(self, block):
        return Split(self.N[..., block], self.D[..., block])


class KullbackLeibler(Loss):
    """Σ A log(A / P) − A + P with P = W H, of a dense A (Lee & Seung 2001, eq. 3 and 5)."""

    model_type = Split

    def product(self, A, Y, X):
        return A.library.matmul(Y.mT, X) + TINY

    def model(self, A, facts, Y, X, carried=()):
        xp, whole = A.library.xp, A.rows(slice(None))
        N = A.library.matmul(Y, whole / self.product(A, Y, X))
        return Split(N, xp.sum(Y, axis=-1, keepdims=True) + xp.zeros_like(N))

    def value(self, A, facts, H, Wt):
        xp, whole = A.library.xp, A.rows(slice(None))
        P = self.product(A, Wt, H)
        terms = whole * xp.log((whole + TINY) / P) - whole + P
        return xp.sum(terms, axis=(-2, -1), dtype=xp.float64)


def half_way(backend, X, model, penalty):
    """Half of a multiplicative update, so that it goes half as far."""
    denominator = model.plus(backend, X) + penalty.gradient(X)
    return (X + X * (model.minus() / denominator)) / 2


class Below(Stop):
    """The error is below `tol` times that of the start."""

    sentence = "the error is below {tol:g} of the start's"

    def first(self, start):
        return start.error

    def met(self, first, last, now, tol):
        return now <= tol * first


class ToyBackend(Backend):
    """NumPy once more, with nothing of its own but what a backend must have."""

    name = "toy"
    install = "nothing to install"
    xp = array_api_compat.numpy

    def _probe(self):
        return Probe(True, device="a toy", version="1")

    def owns(self, x):
        return False  # its arrays are NumPy's

    def to_numpy(self, x):
        return np.asarray(x)


def checkers(n_images=None):
    """Checkerboards of 12 × 12, of squares of one pixel or two, brighter and brighter."""
    y, x = np.mgrid[:12, :12]
    boards = [((y // size + x // size) % 2).ravel() for size in (1, 2)]
    shades = np.linspace(0.2, 1, n_images or 20)
    return Dataset("checkers", np.stack([s * boards[k % 2] for k, s in enumerate(shades)], 1))


def read_words(path):
    """One sample a line, its numbers in words."""
    numbers = {"zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0}
    return np.array(
        [[numbers[w] for w in line.split()] for line in path.read_text().splitlines()]
    ).T
