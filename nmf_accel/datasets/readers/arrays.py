"""Arrays in NumPy's own files, and the sparse matrices that scipy writes into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def read_numpy(path: Path) -> Any:
    """The matrix of an ``.npy`` or ``.npz`` file: the content decides which of them it is."""
    with path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        names = list(stored.files)
        if {"format", "shape", "data"} <= set(names):
            return _read_sparse(path)
        if "A" not in names and len(names) != 1:
            held = f"several arrays ({', '.join(names)}); name one A" if names else "no array"
            raise ValueError(f"it holds {held}")
        return np.asarray(stored["A" if "A" in names else names[0]])


def _read_sparse(path: Path) -> Any:
    """What `scipy.sparse.save_npz` wrote."""
    try:
        from scipy.sparse import load_npz
    except ImportError:
        raise ValueError("it holds a sparse matrix, which takes scipy: pip install scipy") from None
    return load_npz(path).tocsr()
