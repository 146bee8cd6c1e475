"""Update rules: pure functions ``(backend, X, N, G, l1) -> X``.

For the factor X being updated and the other one, Y, a rule sees only ``N = Y A`` and
``G = Y Yᵀ``; the gradient of ½‖A − YᵀX‖² + l1 Σ X with respect to X is ``G X − N + l1``. A penalty
½ l2 ‖X‖² is in G already, as ``G + l2 I``. Leading axes are runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .backends.base import Array, Backend
from .pivoting import block_principal_pivoting

Rule = Callable[[Backend, Array, Array, Array, Array], Array]

SETTLED = 0.1
"""Inner repeats end when a step is shorter than this part of the first (Gillis & Glineur)."""


def lee_seung(backend: Backend, X: Array, N: Array, G: Array, l1: Array) -> Array:
    """Multiplicative update ``X ∘ N ⊘ (G X + l1)`` (Lee & Seung 2001, eq. 4).

    δ, which keeps the denominators from zero, is no more than an L1 penalty, and part of it.
    """
    return backend.multiply_divide(X, N, backend.matmul(G, X), l1)


def hals(backend: Backend, X: Array, N: Array, G: Array, l1: Array) -> Array:
    """Hierarchical alternating least squares (Cichocki & Phan 2009, algorithm 2).

    Row k of X after the other, ``X_k ← max(0, X_k + (N_k − G_k X) / G_kk)``: the minimum of the
    error over that row. A row whose G_kk is zero (a dead component of Y) stays as it is, and
    so can bring Y's to life again.
    """
    return backend.descend(X, N - l1, G)


@dataclass(frozen=True)
class Repeated:
    """A rule, repeated with the same N and G while it pays (Gillis & Glineur 2012, section 3).

    At most `limit` times; a run ends before that once a repeat moved its X by less than
    SETTLED times what the first one did (their eq. 9, with ε = 0.1).
    """

    rule: Rule
    limit: int

    def __call__(self, backend: Backend, X: Array, N: Array, G: Array, l1: Array) -> Array:
        """Repeat the rule."""
        xp, inner = backend.xp, backend.inner
        smallest = float(xp.finfo(X.dtype).smallest_normal)

        def again(state: tuple[Array, ...]) -> tuple[Array, ...]:
            X, _, first, count = state
            new = self.rule(backend, X, N, G, l1)
            step = new - X
            moved = inner(step, step)
            first = xp.where(count == 0, moved, first)
            going = state[1] & (moved >= SETTLED**2 * first)
            # Compilers flush what is smaller than a normal number to zero, for ever; repeats of
            # 'mu' take entries there and back within some hundred iterations.
            new = xp.where(new >= smallest, new, xp.zeros_like(new))
            new = xp.where(state[1][:, None, None], new, X)
            return new, going, first, count + 1

        count = xp.zeros(X.shape[0], dtype=xp.int32)
        state = (X, count == 0, xp.zeros(X.shape[0], dtype=xp.float64), count)
        return backend.repeat_while(again, state, self.limit)[0]


@dataclass(frozen=True)
class AcceleratedGradient:
    """Projected gradient with Nesterov's momentum, `steps` steps (NeNMF: Guan et al. 2012, alg. 1).

    Made of matrix products and elementwise operations alone, which suits a GPU. The step is
    1 / ‖G‖, here bounded by G's largest row sum.
    """

    steps: int

    def __call__(self, backend: Backend, X: Array, N: Array, G: Array, l1: Array) -> Array:
        """Take the steps."""
        xp, N = backend.xp, N - l1
        L = xp.max(xp.sum(xp.abs(G), axis=-1), axis=-1)
        step = xp.where(L > 0, 1 / xp.where(L > 0, L, xp.ones_like(L)), xp.zeros_like(L))
        step = step[:, None, None]
        ahead, momentum = X, 1.0
        for _ in range(self.steps):
            new = ahead + step * (N - backend.matmul(G, ahead))
            new = xp.where(new > 0, new, xp.zeros_like(new))
            last, momentum = momentum, (1 + (4 * momentum**2 + 1) ** 0.5) / 2
            ahead = new + (last - 1) / momentum * (new - X)
            X = new
        return X


SOLVERS = {"mu": 1, "hals": 1, "bpp": 1, "apg": 10}
"""The solvers by name, and their `inner` where none is given."""


def make(solver: str, inner: int | None = None) -> Rule:
    """The rule of a solver, with `inner` repeats or steps."""
    inner = inner or SOLVERS[solver]
    if solver == "apg":
        return AcceleratedGradient(inner)
    if solver == "bpp":
        return block_principal_pivoting  # exact: nothing is left to repeat
    rule = {"mu": lee_seung, "hals": hals}[solver]
    return rule if inner == 1 else Repeated(rule, inner)
