"""Algorithm 1 in plain NumPy: an oracle that shares nothing with the library."""

import numpy as np


def reference_nmf(A, rank, seed=0, max_iter=1000, delta=1e-9, dtype=np.float64):
    """W (m, rank), H (rank, n) and the error after each iteration, all from the definition."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(np.mean(A) / rank)
    W = (rng.uniform(size=(A.shape[0], rank)) * scale).astype(dtype)
    H = (rng.uniform(size=(rank, A.shape[1])) * scale).astype(dtype)
    A, delta = A.astype(dtype), dtype(delta)
    errors = np.zeros(max_iter)
    for k in range(max_iter):
        H = H * (W.T @ A) / (W.T @ W @ H + delta)
        W = W * (A @ H.T) / (W @ (H @ H.T) + delta)
        errors[k] = np.linalg.norm(A.astype(np.float64) - W.astype(np.float64) @ H)
    return W, H, errors


def kkt_residual(W, H, of_P, M=None, penalties=((0, 0), (0, 0)), held=((), ())):
    """The KKT residual by its definition, entry by entry, in extended precision.

    `of_P` gives, for P = W H, the parts of the gradient of the loss of A for it, what is subtracted
    and what is added; M are weights of least squares, penalties (l1, l2) those on H and on W, and
    `held` the components of H, and of W, that are.
    """
    W, H = (np.asarray(x, dtype=np.longdouble) for x in (W, H))
    minus, plus, quadratic = of_P(W @ H)
    h, w = np.sqrt((H**2).sum(axis=1)), np.sqrt((W**2).sum(axis=0))
    p = h * w
    p = np.maximum(p, p.mean() / 100) if p.any() else np.ones_like(p)
    total = data = np.longdouble(0)
    factors = (W.T, H, minus, plus, w, h), (H, W.T, minus.T, plus.T, h, w)
    for (Y, X, minus, plus, y, x), (l1, l2), some in zip(factors, penalties, held, strict=True):
        for k in set(range(len(X))) - set(some):
            subtracted, added = Y[k] @ minus, Y[k] @ plus
            steep = y[k] ** 2
            if M is not None:  # what the weights leave of A is filled up
                steep = M.max() * steep
                subtracted = subtracted + M.max() * Y[k] @ Y.T @ X
            elif not quadratic:
                steep = np.sqrt((added**2).sum()) / x[k]
            gradient = added - Y[k] @ minus + l1 + l2 * X[k]
            # Twice what each entry alone could gain, as a share of the gradient's growth.
            room = np.minimum(gradient, (steep + l2) * X[k])
            weight = p[k] / y[k] ** 2 if y[k] else x[k] ** 2 / p[k]
            total += weight * (room * (2 * gradient - room)).sum()
            data += weight * (subtracted**2).sum()
    return float(np.sqrt(total / data))


def squares(A, M=None):
    """Of ½ Σ M (A − P)²; with weights, both parts of it together are the first."""

    def of_P(P):
        if M is None:
            return A + 0 * P, P, True
        return M * (A - P), 0 * P, True

    return of_P


def divergence(A, beta, M=1.0):
    """Of Σ M d(A | P)."""
    return lambda P: (M * A * P ** (beta - 2), M * P ** (beta - 1) + 0 * P, False)
