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
