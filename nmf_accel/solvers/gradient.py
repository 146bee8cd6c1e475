"""Accelerated projected gradient."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.base import Backend
from ..losses.models import Beside, Quadratic
from ..losses.penalties import Penalty
from ..types import Array


@dataclass(frozen=True)
class AcceleratedGradient:
    """Projected gradient with Nesterov's momentum, `steps` steps (NeNMF: Guan et al. 2012, alg. 1).

    Made of matrix products and elementwise operations alone, which suits a GPU. The step is
    1 / ‖G‖, here bounded by G's largest row sum.
    """

    steps: int

    def __call__(
        self, backend: Backend, X: Array, model: Quadratic | Beside, penalty: Penalty
    ) -> Array:
        """Take the steps."""
        xp, (N, G) = backend.xp, model.with_penalty(backend, penalty)
        L = xp.max(xp.sum(xp.abs(G), axis=-1), axis=-1)
        step = xp.where(L > 0, 1 / xp.where(L > 0, L, xp.ones_like(L)), xp.zeros_like(L))
        step = step[:, None, None]
        accelerated = backend.kernel("accelerate", accelerate)
        ahead, momentum = X, 1.0
        for _ in range(self.steps):
            last, momentum = momentum, (1 + (4 * momentum**2 + 1) ** 0.5) / 2
            product, beta = backend.matmul(G, ahead), (last - 1) / momentum
            X, ahead = accelerated(backend, X, ahead, N, product, step, beta)
        return X


def scratch(runs: int, d: int, n: int) -> int:
    """N with its penalty, the points of the last step and this one, and what lies between."""
    return runs * d * (8 * n + 2 * d)


def accelerate(
    backend: Backend, X: Array, ahead: Array, N: Array, product: Array, step: Array, beta: float
) -> tuple[Array, Array]:
    """A step from `ahead`, given its `product` with G, and where to look from next."""
    xp = backend.xp
    new = ahead + step * (N - product)
    new = xp.where(new > 0, new, xp.zeros_like(new))
    return new, new + beta * (new - X)
