"""Make nmf_accel/data/golden.npz from the oracle: ``python tests/make_golden.py``."""

import hashlib
from pathlib import Path

import numpy as np
from reference import reference_nmf

import nmf_accel
from nmf_accel.verify import CASES, MAX_ITER, fingerprint, golden_matrix


def make_golden():
    A = golden_matrix()
    arrays = {"sha256": np.array(hashlib.sha256(A.tobytes()).hexdigest())}
    for rank, dtype in CASES:
        W, H, errors = reference_nmf(A, rank, max_iter=MAX_ITER, dtype=np.dtype(dtype).type)
        arrays[f"{dtype}-{rank}-errors"] = errors
        arrays[f"{dtype}-{rank}-factors"] = fingerprint(W, H)
    return arrays


if __name__ == "__main__":
    path = Path(nmf_accel.__file__).parent / "data" / "golden.npz"
    np.savez_compressed(path, **make_golden())
    print(f"{path}: {path.stat().st_size} bytes")
